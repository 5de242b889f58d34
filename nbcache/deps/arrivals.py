"""Notice the moment a module arrives: a scoped finder that never finds anything itself."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_lock = threading.RLock()


@dataclass(eq=False, slots=True)
class Arrival:
    """Somebody waits for the module ``name``."""

    name: str
    action: Callable[[ModuleType], None]


class _Finder:
    """Lets the other finders find an awaited module and adds the actions to its loading."""

    def __init__(self) -> None:
        self.awaited: list[Arrival] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec that another finder gives for an awaited ``name``, else None."""
        actions = [arrival.action for arrival in self.awaited if arrival.name == name]
        if not actions:
            return None
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find is not None else None
            if spec is not None:
                _extend_loading(spec.loader, actions)
                return spec  # type: ignore[no-any-return]
        return None


def _extend_loading(loader: Any, actions: list[Callable[[ModuleType], None]]) -> None:
    original = getattr(loader, "exec_module", None)
    if original is None or isinstance(loader, type):
        return

    def exec_module(module: ModuleType) -> None:
        del loader.exec_module
        original(module)
        for action in actions:
            action(module)

    loader.exec_module = exec_module


_finder = _Finder()


def expect(name: str, action: Callable[[ModuleType], None]) -> Arrival:
    """Call ``action(module)`` once the module ``name`` was executed, until forgotten."""
    arrival = Arrival(name, action)
    with _lock:
        _finder.awaited.append(arrival)
        if not any(finder is _finder for finder in sys.meta_path):
            sys.meta_path.insert(0, _finder)
    return arrival


def forget(arrival: Arrival) -> None:
    """Stop waiting; the last one to go takes the finder out of ``sys.meta_path``."""
    with _lock:
        if arrival in _finder.awaited:
            _finder.awaited.remove(arrival)
        if not _finder.awaited and any(finder is _finder for finder in sys.meta_path):
            sys.meta_path.remove(_finder)
