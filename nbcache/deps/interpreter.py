"""The interpreter's own settings: some are repeated, the others make a run unrepeatable."""

from __future__ import annotations

import asyncio
import builtins
import gc
import importlib
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import compress, repeat
from operator import is_, is_not
from typing import Any

from nbcache.deps.patching import Patches
from nbcache.deps.protocol import Observed
from nbcache.deps.uninterrupted import interrupt_handler
from nbcache.deps.watching import Watcher
from nbcache.deps.wrapped import original_of
from nbcache.errors import NotReplayable


def _socket_timeout() -> Any:
    module = sys.modules.get("socket")
    return None if module is None else module.getdefaulttimeout()


def _set_socket_timeout(value: Any) -> None:
    __import__("socket").setdefaulttimeout(value)


def _set_collecting(is_on: bool) -> None:
    (gc.enable if is_on else gc.disable)()


def _loop_setting(name: str) -> Any:
    loop = asyncio._get_running_loop()
    found = getattr(loop, name, None)
    return found() if callable(found) else found


def _set_slow_callbacks(seconds: Any) -> None:
    loop: Any = asyncio._get_running_loop()
    if loop is not None:
        loop.slow_callback_duration = seconds


def _set_debugging(is_on: Any) -> None:
    loop = asyncio._get_running_loop()
    if loop is not None:
        loop.set_debug(bool(is_on))


def _set_freezing(is_on: Any) -> None:
    (gc.freeze if is_on else gc.unfreeze)()


_REPEATED: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "recursion limit": (sys.getrecursionlimit, sys.setrecursionlimit),
    "switch interval": (sys.getswitchinterval, sys.setswitchinterval),
    "garbage collection": (gc.isenabled, _set_collecting),
    "collection thresholds": (lambda: list(gc.get_threshold()), lambda t: gc.set_threshold(*t)),
    "collection freezing": (lambda: gc.get_freeze_count() > 0, _set_freezing),
    "collection debugging": (gc.get_debug, gc.set_debug),
    "slow callbacks": (lambda: _loop_setting("slow_callback_duration"), _set_slow_callbacks),
    "event loop debugging": (lambda: _loop_setting("get_debug"), _set_debugging),
    "digits of texts of integers": (
        getattr(sys, "get_int_max_str_digits", lambda: None),
        getattr(sys, "set_int_max_str_digits", lambda value: None),
    ),
    "socket timeout": (_socket_timeout, _set_socket_timeout),
}

_HOOKS: tuple[tuple[Any, str], ...] = tuple(
    (owner, name)
    for owner, names in (
        (sys, "stdin stdout stderr __stdout__ __stderr__ excepthook"),
        (sys, "unraisablehook breakpointhook meta_path path_hooks"),
        (threading, "excepthook"),
    )
    for name in names.split()
)


_LISTS: tuple[tuple[Any, str], ...] = (
    (sys, "meta_path"),
    (sys, "path_hooks"),
    (gc, "callbacks"),
)


def _is_notebooks(item: Any) -> bool:
    """Tell whether an object, or its class, is the notebook's and not a library's."""
    return "__main__" in (getattr(item, "__module__", None), type(item).__module__)


_TRAPPED = frozenset({"_", "get_ipython", "exit", "quit", "display", "input"})
"""Names that IPython puts in for the time of a cell only."""


@dataclass(slots=True)
class _Run:
    settings: dict[str, Any]
    hooks: list[Any]
    lists: list[list[Any]]
    signals: list[Any]
    builtins: dict[str, Any]
    tracing: tuple[Any, Any]


class InterpreterTracker(Watcher[_Run]):
    """Follows settings of the interpreter, standard streams, hooks, signals and builtins."""

    name = "interpreter"

    def _begin(self, patches: Patches) -> _Run:
        return _look()

    def _end(self, run: _Run) -> Observed:
        now = _look()
        for (owner, name), old, new in zip(_HOOKS, run.hooks, now.hooks, strict=True):
            if old is not new:
                raise NotReplayable(f"it replaces `{owner.__name__}.{name}`")
        for (owner, name), old, new in zip(_LISTS, run.lists, now.lists, strict=True):
            if any(item not in old and _is_notebooks(item) for item in new):
                raise NotReplayable(f"it changes `{owner.__name__}.{name}`")
        if run.signals != now.signals:
            raise NotReplayable("it changes a signal handler")
        if run.tracing != now.tracing:
            raise NotReplayable("it sets a trace or profile function")
        self._compare_builtins(run.builtins, now.builtins)
        effect = {key: new for key, new in now.settings.items() if run.settings[key] != new}
        return Observed(effect=effect or None)

    @staticmethod
    def _compare_builtins(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        has_same_names = len(before) == len(after) and all(map(is_, before, after))
        if has_same_names and all(map(is_, before.values(), after.values())):
            return
        now = map(after.get, before, repeat(before))
        suspects = compress(before, map(is_not, before.values(), now))
        for name in {*suspects, *(after.keys() - before.keys())} - _TRAPPED:
            old, new = before.get(name), after.get(name)
            if type(new).__name__ == "PyCapsule":  # libraries made with pybind11 meet there
                continue
            if old is not new and original_of(old) is not original_of(new):
                raise NotReplayable(f"it changes the builtin name `{name}`")

    def _apply(self, effect: Any) -> None:
        for key, value in effect.items():
            _REPEATED[key][1](value)


def _look() -> _Run:
    return _Run(
        {key: read() for key, (read, _) in _REPEATED.items()},
        [getattr(owner, name, None) for owner, name in _HOOKS],
        [list(getattr(owner, name)) for owner, name in _LISTS],
        [interrupt_handler(), *map(_getsignal, _SIGNALS)],
        dict(vars(builtins)),
        (sys.gettrace(), sys.getprofile()),
    )


_getsignal: Callable[[int], Any] = importlib.import_module("_signal").getsignal
"""The C function: the one in ``signal`` builds enumeration members."""
_SIGNALS = tuple(int(one) for one in signal.Signals if one != signal.SIGINT)
