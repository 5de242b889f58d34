"""What a run leaves going on, for which no hit could stand in: tasks, threads, processes."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from nbcache.deps.patching import Patches
from nbcache.deps.places import owner_of
from nbcache.deps.protocol import Observed
from nbcache.deps.watching import Watcher
from nbcache.errors import NotReplayable


@dataclass(slots=True)
class _Run:
    loop: Any = None
    hooks: tuple[Any, ...] = ()
    going_on: set[int] = field(default_factory=set)
    held: list[Any] = field(default_factory=list)


class UnfinishedTracker(Watcher[_Run]):
    """Refuses runs that leave something of the user's at work, and changes of the event loop."""

    name = "unfinished"

    def _begin(self, patches: Patches) -> _Run:
        loop = asyncio._get_running_loop()
        held = [item for _, items in _going_on(loop) for item in items]
        return _Run(loop, _hooks_of(loop), set(map(id, held)), held)

    def _end(self, run: _Run) -> Observed:
        if run.hooks != _hooks_of(run.loop):
            raise NotReplayable("it sets the exception handler or task factory of the event loop")
        for what, items in _going_on(run.loop):
            if any(id(item) not in run.going_on and _is_at_work(item) for item in items):
                raise NotReplayable(f"it leaves {what}")
        return Observed()

    def _drop(self, run: _Run) -> None:
        run.held.clear()


def _hooks_of(loop: Any) -> tuple[Any, ...]:
    if loop is None:
        return ()
    return loop.get_exception_handler(), loop.get_task_factory()


def _going_on(loop: Any) -> Iterator[tuple[str, list[Any]]]:
    """Yield what is at work now, with words for it."""
    if loop is not None:
        yield "a task running; await it in the cell", list(asyncio.all_tasks(loop))
        calls = [*getattr(loop, "_scheduled", ()), *getattr(loop, "_ready", ())]
        yield "a call scheduled on the event loop", calls
    yield "a thread running; join it in the cell", threading.enumerate()
    subprocess = sys.modules.get("subprocess")
    started = getattr(subprocess, "_active", None) or []
    yield "a process running; wait for it in the cell", list(started)
    processes = sys.modules.get("multiprocessing.process")
    children = list(getattr(processes, "_children", ()))
    yield "a process running; join it in the cell", children


_SOON_S = 0.2
"""Whose output was read to its end ends a moment later, as after ``os.popen(…).read()``."""


def _is_at_work(item: Any) -> bool:
    """Tell whether something new is the user's and not over; libraries start their own helpers."""
    if isinstance(item, asyncio.Task):
        code = getattr(item.get_coro(), "cr_code", None)
        return not item.done() and code is not None and owner_of(code.co_filename) == "user"
    if isinstance(item, asyncio.Handle):
        return not item.cancelled() and is_users(getattr(item, "_callback", None))
    if isinstance(item, threading.Thread):
        given = getattr(item, "_target", None) or getattr(item, "function", None)
        return item.is_alive() and (is_users(given) or is_users(type(item).run))
    if hasattr(item, "poll"):
        if item.poll() is None and isinstance(item, subprocess.Popen):
            with contextlib.suppress(subprocess.TimeoutExpired):  # it may be about to end
                item.wait(_SOON_S)
        return item.poll() is None
    is_kept = type(item).__module__.partition(".externals")[2].startswith(".loky")
    return bool(item.is_alive()) and not is_kept  # joblib keeps workers for the next call


def is_users(function: Any) -> bool:
    """Tell whether a function is the user's, or a method of a builtin object such as a list."""
    while isinstance(function, functools.partial):
        function = function.func
    function = getattr(function, "__func__", function)
    if isinstance(function, types.FunctionType):
        return owner_of(function.__code__.co_filename) == "user"
    if isinstance(function, types.BuiltinFunctionType):
        return type(function.__self__).__module__ in ("builtins", "__main__")
    return type(function).__module__ == "__main__"
