"""State of the process and its libraries that only a call can change: such a call is refused."""

from __future__ import annotations

import asyncio
import atexit
import codecs
import contextvars
import copyreg
import faulthandler
import logging
import os
import pathlib
import signal
import sys
import threading
import typing
from dataclasses import dataclass
from types import FrameType
from typing import Any

from nbcache.deps.blame import OWN_CODES
from nbcache.deps.patching import Patches
from nbcache.deps.places import owner_of
from nbcache.deps.protocol import Observed
from nbcache.deps.watching import Watcher
from nbcache.deps.wrapped import Place, Wrapped
from nbcache.errors import NotReplayable

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_NAMES: tuple[tuple[Any, str], ...] = (
    (os, "umask nice setpriority sched_setaffinity sched_setscheduler chroot"),
    (os, "putenv unsetenv pipe2 dup dup2 memfd_create eventfd"),
    (os, "setuid setgid seteuid setegid setgroups setsid setpgid"),
    (resource, "setrlimit"),
    (signal, "alarm setitimer siginterrupt pthread_sigmask set_wakeup_fd"),
    (atexit, "register unregister"),
    (codecs, "register register_error"),
    (copyreg, "pickle add_extension"),
    (logging, "setLoggerClass setLogRecordFactory captureWarnings"),
    (threading, "stack_size settrace setprofile"),
    (asyncio, "set_event_loop_policy set_event_loop"),
    (sys, "setdlopenflags set_asyncgen_hooks set_coroutine_origin_tracking_depth"),
    (sys, "addaudithook"),
)
PLACES: tuple[Place, ...] = tuple(
    (owner, name) for owner, names in _NAMES for name in names.split() if hasattr(owner, name)
)
"""Functions whose whole point is a lasting change that a hit could not repeat."""

_OF_FILES: tuple[Place, ...] = (
    *((os, name) for name in ("chmod", "lchmod", "chown", "lchown") if hasattr(os, name)),
    *((os, name) for name in ("setxattr", "removexattr") if hasattr(os, name)),
    (pathlib.Path, "chmod"),
)
"""Functions that change what no tracker records of a file."""

_TIMES = (os, "utime")
"""What sets a file's times; where no times are given it is a clock, as each write is."""

_BARE = (
    *((os, name) for name in ("pipe", "openpty", "fork", "forkpty") if hasattr(os, name)),
    *((faulthandler, name) for name in ("enable", "disable")),
)
"""The same for functions that take no arguments; of the others, such a call only asks."""

_LIBRARIES: tuple[tuple[str, str, str], ...] = (
    ("matplotlib.cm", "ColormapRegistry", "register unregister"),
    ("matplotlib.scale", "", "register_scale"),
    ("matplotlib.projections", "ProjectionRegistry", "register"),
    ("pandas.api.extensions", "", "register_dataframe_accessor register_series_accessor"),
    ("pandas.api.extensions", "", "register_index_accessor register_extension_dtype"),
    ("polars.api", "", "register_dataframe_namespace register_series_namespace"),
    ("polars.api", "", "register_lazyframe_namespace register_expr_namespace"),
    ("csv", "", "field_size_limit"),
    ("tracemalloc", "", "start stop"),
    ("gettext", "", "textdomain bindtextdomain"),
    ("joblib", "", "register_compressor register_parallel_backend register_store_backend"),
)
"""The same in libraries: module, class in it, and names; watched once they are loaded."""

_BARE_LIBRARIES = frozenset({"tracemalloc"})
"""Those of them whose functions take no arguments."""

_DUPLICATING = frozenset({"fromfile", "tofile"})
"""What numpy does in C over a duplicate of a file's descriptor, closed before it returns."""


@dataclass(slots=True)
class _Run:
    called: str = ""
    overloads: frozenset[int] = frozenset()


class ProcessTracker(Watcher[_Run]):
    """Refuses runs in which the user's code changes the process itself."""

    name = "process"

    def _begin(self, patches: Patches) -> _Run:
        run = _Run(overloads=_overloads())

        def on_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            frame = sys._getframe(1)
            if not run.called and args and _is_called_by_user(frame):
                called = _called(frame)
                run.called = "" if _is_for_a_moment(called, frame) else called

        def on_copy(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if _is_called_by_user(sys._getframe(1)):
                raise NotReplayable("it copies the context, whose variables are not followed")

        patches.watch(on_call, *PLACES, *_OF_FILES)

        def on_times(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            given = [*args[1:], kwargs.get("times"), kwargs.get("ns")]
            if any(one is not None for one in given):
                on_call(args, kwargs)

        patches.watch(on_times, _TIMES)
        patches.watch(on_copy, (contextvars, "copy_context"))
        patches.watch(lambda args, kwargs: on_call((True,), kwargs), *_BARE)
        for module, owner, names in _LIBRARIES:

            def hook(loaded: Any, owner: str = owner, names: str = names) -> None:
                place = getattr(loaded, owner) if owner else loaded
                is_bare = loaded.__name__ in _BARE_LIBRARIES
                told = (lambda args, kwargs: on_call((True,), kwargs)) if is_bare else on_call
                patches.watch(told, *((place, name) for name in names.split()))

            if _is_ready(module):
                hook(sys.modules[module])
            else:
                patches.on_arrival(module, hook)
        return run

    def _end(self, run: _Run) -> Observed:
        if run.overloads != _overloads():
            return Observed(
                refusal="it changes the declared overloads (`typing.overload`), which Python keeps"
                " in a list of its own that a hit could not restore; put them into a cell of"
                " their own"
            )
        if not run.called:
            return Observed()
        return Observed(
            refusal=f"it calls `{run.called}()`, which changes the process in a way that a hit"
            " could not repeat; put it into a cell of its own"
        )


def _is_ready(module: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and not getattr(loaded.__spec__, "_initializing", False)


def _overloads() -> frozenset[int]:
    """Identify the overloads that the user's own code declared (Python 3.11+)."""
    declared = getattr(typing, "_overload_registry", {}).get("__main__", {})
    return frozenset(id(one) for lines in declared.values() for one in lines.values())


_WATCHING = os.path.dirname(os.path.realpath(__file__)) + os.sep


def _is_called_by_user(frame: FrameType | None) -> bool:
    """Tell whether the user's own code is the caller; what a library does is its own business.

    So is what a store does for a cached function that the cell calls.
    """
    while frame is not None and owner_of(frame.f_code.co_filename) == "own":
        if not frame.f_code.co_filename.startswith(_WATCHING):
            return False
        frame = frame.f_back
    return frame is not None and owner_of(frame.f_code.co_filename) == "user"


def _is_for_a_moment(called: str, frame: FrameType | None) -> bool:
    """Tell whether C code, such as ``numpy.fromfile``, calls it and undoes it before it returns."""
    while frame is not None and owner_of(frame.f_code.co_filename) == "own":
        frame = frame.f_back
    if called != "os.dup" or frame is None:
        return False
    names = frame.f_code.co_names
    return "dup" not in names and not _DUPLICATING.isdisjoint(names)


def _called(frame: FrameType | None) -> str:
    """Return the name of the watched function that is being called."""
    while frame is not None:
        wrapper = frame.f_locals.get("self") if frame.f_code in OWN_CODES else None
        if isinstance(wrapper, Wrapped):
            return ".".join(wrapper.place)
        frame = frame.f_back
    return "register"
