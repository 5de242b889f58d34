"""Which inputs a policy lets count: by their names, and by whether they are code or data."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Mapping
from typing import Any

from nbcache.policies import CachePolicy

_CODE = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.ModuleType,
    type,
    functools.partial,
)


def is_code(value: Any) -> bool:
    """Tell whether a variable holds code: a function, class or module, however wrapped."""
    return isinstance(value, _CODE) or callable(getattr(value, "__wrapped__", None))


class LeftOut:
    """The labels of variables that make up no part of the key; remembers those asked for."""

    def __init__(
        self, policy: CachePolicy, ignore: frozenset[str], namespace: Mapping[str, Any]
    ) -> None:
        self._names = ignore | policy.without
        self._inputs = policy.has("INPUTS")
        self._helpers = policy.has("HELPERS")
        self._namespace = namespace
        self.labels: set[str] = set()

    @property
    def is_empty(self) -> bool:
        """Whether every variable counts."""
        return self._inputs and self._helpers and not self._names

    def __contains__(self, label: object) -> bool:
        if self.is_empty or not isinstance(label, str):
            return False
        found = label in self._names or not self._counts(label)
        if found:
            self.labels.add(label)
        return found

    def leaves(self, name: str, value: Any) -> bool:
        """Tell whether an argument is left out, by its name or as what it is."""
        if self.is_empty:
            return False
        counts = self._helpers if is_code(value) else self._inputs
        return name in self._names or not (counts or self._inputs)

    def _counts(self, label: str) -> bool:
        if self._inputs and self._helpers:
            return True
        return self._helpers if is_code(self.value(label)) else self._inputs

    def value(self, label: str) -> Any:
        """Return what a label stands for: a variable, or one of a module (``module.name``)."""
        module, _, name = label.rpartition(".")
        variables = vars(sys.modules[module]) if module in sys.modules else self._namespace
        return variables.get(name)

    def values(self) -> dict[str, Any]:
        """Return the values of the labels that were asked for and left out."""
        found = {label: self.value(label) for label in sorted(self.labels)}
        return {label: value for label, value in found.items() if value is not None}
