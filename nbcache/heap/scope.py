"""A namespace that code reads its globals from: the notebook's, or a local module's."""

from __future__ import annotations

from typing import Any


class Scope:
    """The variables, and how a person calls them."""

    __slots__ = ("label", "variables")

    def __init__(self, variables: dict[str, Any], label: str = "") -> None:
        self.variables = variables
        self.label = label

    def name_of(self, name: str) -> str:
        """Return how a person calls the variable: ``x``, or ``module.x``."""
        return f"{self.label}.{name}" if self.label else name
