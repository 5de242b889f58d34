"""What makes a run other than a function of its inputs: network, processes, threads, entropy.

Seen: connections and name look-ups of Python's sockets, URLs given to native readers, started
processes, threads and tasks of the user that go on after the run, randomness taken from the
system, questions to the user. Clocks are C functions that nothing can hook: the words of the
cell tell of them. Not seen: the network of native libraries other than
those readers.
What a library does while it is imported does not count.
"""

from __future__ import annotations

import builtins
import os
import random
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from types import CodeType
from typing import Any

from nbcache.deps.arrivals import loaded_mark
from nbcache.deps.patching import Patches
from nbcache.deps.places import caller, owner_of
from nbcache.deps.protocol import Observed
from nbcache.deps.readers import reader_places, texts_in
from nbcache.deps.watching import Watcher
from nbcache.deps.wrapped import Hook, Place

NETWORK = "used the network"
PROCESS = "started a process"
ENTROPY = "drew randomness without a seed"
CLOCK = "read the clock"
PASSING = frozenset({NETWORK, CLOCK})
"""What gives something else at another time."""

_CLOCKS = re.compile(r"\btime(_ns)?\(\)|\.(now|utcnow|today)\(|\btime\.(local|gm|c)time\(\)")
"""Calls in a cell's text that tell what time it is; a C function that nothing can hook."""

_REMOTE = ("http://", "https://", "s3://", "gs://", "gcs://", "az://", "abfs://", "hf://")
_STARTERS = (
    "fork", "forkpty", "posix_spawn", "posix_spawnp", "system", "startfile",
    "spawnv", "spawnve", "execv", "execve",
)  # fmt: skip


@dataclass(slots=True)
class _Run:
    threads: set[threading.Thread]
    tasks: set[Any]
    notes: dict[str, None] = field(default_factory=dict)
    asked: bool = False
    is_timed: bool = False


class ImpurityTracker(Watcher[_Run]):
    """Notes what a run did that its inputs do not decide."""

    name = "impurity"

    def __init__(self, is_accounted: Callable[[], bool] = lambda: False) -> None:
        """``is_accounted`` tells whether somebody else answers for this thread's connections."""
        super().__init__()
        self.is_accounted = is_accounted
        self._source = ""

    def start(self, source: str = "") -> None:
        """Begin to watch a run of the text ``source``, empty if it is not known."""
        self._source = source
        super().start()

    def _begin(self, patches: Patches) -> _Run:
        run = _Run(set(threading.enumerate()), _tasks())
        run.is_timed = _CLOCKS.search(self._source) is not None
        family = getattr(socket, "AF_UNIX", None)

        def on_connect(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if getattr(args[0], "family", None) != family and not self.is_accounted():
                run.notes[NETWORK] = None

        def on_name(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if not self.is_accounted() and caller(sys._getframe(1)) in ("user", "library"):
                run.notes[NETWORK] = None

        def on_question(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            run.asked = True

        def on_reader(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            given = texts_in([*args, *kwargs.values()], depth=2)
            if any(url in text for text in given for url in _REMOTE):
                run.notes[NETWORK] = None

        patches.watch(on_connect, (socket.socket, "connect"), (socket.socket, "connect_ex"))
        patches.watch(on_name, (socket, "getaddrinfo"))
        patches.watch(_noting(run, PROCESS), *process_places(loaded_mark()))
        patches.watch(_noting(run, ENTROPY, {"user"}), (os, "urandom"), (random, "_urandom"))
        _watch_generators(patches, _noting_unseeded(run))
        patches.watch(on_question, (builtins, "input"))
        patches.watch(on_reader, *reader_places())
        return run

    def _end(self, run: _Run) -> Observed:
        notes = dict(run.notes)
        for thread in set(threading.enumerate()) - run.threads:
            if _is_users(_thread_code(thread)):
                notes[f"left the thread `{thread.name}` running"] = None
        for task in _tasks() - run.tasks:
            if not task.done() and _is_users(_task_code(task)):
                notes[f"left the task `{task.get_name()}` running"] = None
        refusal = "it asks for input" if run.asked else None
        if run.is_timed:
            notes[CLOCK] = None
        return Observed(notes=tuple(notes), refusal=refusal, impure=bool(notes))


def _noting(run: _Run, note: str, whom: Iterable[str] = ("user", "library")) -> Hook:
    def hook(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if note not in run.notes and caller(sys._getframe(1)) in whom:
            run.notes[note] = None

    return hook


def _noting_unseeded(run: _Run) -> Hook:
    def hook(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        is_seeded = any(value is not None for value in (*args, *kwargs.values()))
        if not is_seeded and caller(sys._getframe(1)) != "import":
            run.notes[ENTROPY] = None

    return hook


@lru_cache(maxsize=1)
def process_places(mark: tuple[int, str]) -> list[Place]:
    """Return where processes are started, given which modules are loaded."""
    places: list[Place] = [(subprocess.Popen, "__init__")]
    places += [(os, name) for name in _STARTERS]
    process = getattr(sys.modules.get("multiprocessing.process"), "BaseProcess", None)
    if process is not None:
        places.append((process, "start"))
    native = sys.modules.get("_posixsubprocess")
    return places if native is None else [*places, (native, "fork_exec")]


def _watch_generators(patches: Patches, hook: Hook) -> None:
    """Watch numpy's maker of generators, also in a module that numpy imports at first use."""
    for name in ("numpy.random", "numpy.random._generator"):
        if name in sys.modules:
            patches.watch(hook, (sys.modules[name], "default_rng"))
        else:
            patches.on_arrival(name, lambda module: patches.watch(hook, (module, "default_rng")))


def _tasks() -> set[Any]:
    asyncio = sys.modules.get("asyncio")  # not imported for this: no loop runs without it
    if asyncio is None:
        return set()
    loop = asyncio._get_running_loop()
    return set() if loop is None else set(asyncio.all_tasks(loop))


def _thread_code(thread: threading.Thread) -> Any:
    target = getattr(thread, "_target", None)
    return getattr(target or type(thread).run, "__code__", None)


def _task_code(task: Any) -> Any:
    return getattr(task.get_coro(), "cr_code", None)


def _is_users(code: Any) -> bool:
    return isinstance(code, CodeType) and owner_of(code.co_filename) == "user"
