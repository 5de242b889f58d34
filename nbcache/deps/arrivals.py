"""Notice the moment a module arrives: a scoped finder that never finds anything itself."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

from nbcache.deps.blame import OWN_CODES
from nbcache.deps.places import caller

EVERY = "*"
"""Stands for every module that comes from a file of its own."""

_lock = threading.RLock()


def loaded_mark() -> tuple[int, str]:
    """Return a value that changes whenever a name is added to ``sys.modules``; cheap."""
    return len(sys.modules), next(reversed(sys.modules), "")


_loaded: list[tuple[tuple[int, str], frozenset[str]]] = []


def loaded_names() -> frozenset[str]:
    """Return the names in ``sys.modules``: the very same set until a name is added."""
    mark = loaded_mark()
    if not _loaded or _loaded[0][0] != mark:
        _loaded[:] = [(mark, frozenset(sys.modules))]
    return _loaded[0][1]


@dataclass(eq=False, slots=True)
class Arrival:
    """Somebody waits for the modules ``names``, which may become more."""

    names: Set[str]
    action: Callable[[ModuleType], None]


class _Finder:
    """Lets the other finders find an awaited module and adds the actions to its loading."""

    def __init__(self) -> None:
        self.awaited: list[Arrival] = []
        self.logs: list[dict[str, bool]] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec that another finder gives for an awaited ``name``, else None."""
        for log in self.logs:
            log[name] = log.get(name, False) or caller(sys._getframe(1)) == "user"
        wanted = (name, EVERY)
        actions = [one.action for one in self.awaited if not one.names.isdisjoint(wanted)]
        if not actions:
            return None
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find is not None else None
            if spec is not None:
                if not spec.has_location:
                    actions = [one.action for one in self.awaited if name in one.names]
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

    exec_module.__code__ = _part_of_import(exec_module.__code__)
    loader.exec_module = exec_module


@cache
def _part_of_import(code: CodeType) -> CodeType:
    """Return code that Python cuts out of tracebacks, with its own frames around it."""
    name = "_call_with_frames_removed"
    found = code.replace(co_filename="<frozen importlib._bootstrap>", co_name=name)
    OWN_CODES.add(found)
    return found


_finder = _Finder()


def expect(names: Set[str], action: Callable[[ModuleType], None]) -> Arrival:
    """Call ``action(module)`` once each of the modules was executed, until forgotten."""
    arrival = Arrival(names, action)
    _finder.awaited.append(arrival)
    if not sys.meta_path or sys.meta_path[0] is not _finder:
        with _lock:
            _enter()
    return arrival


def log_searches() -> dict[str, bool]:
    """Return a log of the modules searched for, in order, until closed: whether the user does."""
    log: dict[str, bool] = {}
    with _lock:
        _finder.logs.append(log)
        _enter()
    return log


def close_log(log: dict[str, bool]) -> None:
    """Stop filling a log."""
    with _lock:
        _finder.logs[:] = [other for other in _finder.logs if other is not log]
        _leave()


def _enter() -> None:
    if not any(finder is _finder for finder in sys.meta_path):
        sys.meta_path.insert(0, _finder)


def _leave() -> None:
    if _finder.awaited or _finder.logs:
        return
    sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not _finder]


def forget(arrival: Arrival) -> None:
    """Stop waiting; the last one to go takes the finder out of ``sys.meta_path``."""
    with _lock:
        awaited = _finder.awaited
        if awaited and awaited[-1] is arrival:  # they mostly go as they came
            awaited.pop()
        elif arrival in awaited:
            awaited.remove(arrival)
        _leave()
