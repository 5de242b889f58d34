"""Silence while values are built again: what a class warns of then, a run would not have said.

Python's own way would do more: it makes every module forget which warnings were shown, and what
was shown once would be shown again. So the two functions that warn are exchanged for the time.
A module that is imported just then may take the exchanged ones along: they are good for ever,
and it gets Python's own as soon as the silence is over.
"""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_lock = threading.Lock()
_silent: dict[int, int] = {}
"""Thread → how often it asked for silence and has not ended it."""

_heard: dict[str, Callable[..., Any]] = {"warn": warnings.warn}
_heard["warn_explicit"] = warnings.warn_explicit
"""What is exchanged now, as it was before."""

_wrapped: set[str] = set()
"""Those that somebody put another one over while they were exchanged."""

_LEVEL = 2
"""Where ``stacklevel`` stands among what ``warn`` is given."""


def _warn(*args: Any, **words: Any) -> Any:
    """Warn as Python does, one level further out, unless this thread is silent."""
    if threading.get_ident() in _silent:
        return None
    if len(args) > _LEVEL:
        args = (*args[:_LEVEL], args[_LEVEL] + 1, *args[_LEVEL + 1 :])
    else:
        words["stacklevel"] = words.get("stacklevel", 1) + 1
    return _heard["warn"](*args, **words)


def _warn_explicit(*args: Any, **words: Any) -> Any:
    return None if threading.get_ident() in _silent else _heard["warn_explicit"](*args, **words)


_OURS: dict[str, Callable[..., Any]] = {"warn": _warn, "warn_explicit": _warn_explicit}


@contextmanager
def muted() -> Iterator[None]:
    """Let this thread's warnings of Python code go unheard, and unremembered."""
    thread, loaded = threading.get_ident(), len(sys.modules)
    depth = _silent.get(thread, 0)
    try:
        with _lock:
            if not _silent:
                _exchange()
            _silent[thread] = depth + 1
        yield
    finally:
        with _lock:
            _silent[thread] = depth
            if not depth:
                del _silent[thread]
            if not _silent:
                _restore()
        _give_back(len(sys.modules) - loaded)


def _exchange() -> None:
    for name, ours in _OURS.items():
        now = getattr(warnings, name)
        if now is not ours and name not in _wrapped:
            _heard[name] = now
            setattr(warnings, name, ours)


def _restore() -> None:
    for name, ours in _OURS.items():
        if getattr(warnings, name) is ours:
            setattr(warnings, name, _heard[name])
        else:
            _wrapped.add(name)


def _give_back(arrived: int) -> None:
    """Give the modules that came last the functions that they meant to take."""
    for name in list(sys.modules)[-arrived:] if arrived > 0 else ():
        variables = getattr(sys.modules.get(name), "__dict__", {})
        for variable, value in list(variables.items()):
            for own, ours in _OURS.items():
                if value is ours:
                    variables[variable] = _heard[own]
