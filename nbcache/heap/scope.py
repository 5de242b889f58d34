"""A namespace that code reads its globals from: the notebook's, or a local module's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbcache.heap.walk import Walk


class Scope:
    """The variables, and how a person calls them."""

    __slots__ = ("label", "variables")

    def __init__(self, variables: dict[str, Any], label: str = "") -> None:
        self.variables = variables
        self.label = label

    def name_of(self, name: str) -> str:
        """Return how a person calls the variable: ``x``, or ``module.x``."""
        return f"{self.label}.{name}" if self.label else name


def mentioned(walk: Walk, scope: Scope, words: Iterable[str]) -> set[str]:
    """Return the variables that words of texts name, but those that are spared; note these."""
    spared = (scope is walk.scope and walk.spared) or {}
    found = {word for word in words if word in scope.variables}
    spared.update(dict.fromkeys(found & spared.keys(), True))
    return found - spared.keys()
