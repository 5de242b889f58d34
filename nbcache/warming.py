"""Loading the rest of nbcache while the kernel is idle, so that the first cached cell needn't.

It works on the kernel's own loop, a few modules at a time: nothing of it runs while a cell does,
none waits longer than for one step, and once all is loaded nothing of it is left.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

from nbcache.live.ahead import has_waiting
from nbcache.uncollected import uncollected

FIRST_S: Final = 0.1
"""Seconds after a cell when it begins, or goes on."""

PAUSE_S: Final = 0.005

MODULES: Final = (
    *("events", "policies", "policy", "layers", "janitor", "widget", "report.html"),
    *("cell.hidden", "cell.scope", "cell.flow", "cell.names", "cell.source"),
    *("heap.registry", "heap.walk", "heap.protection", "heap.kinds.builtin", "heap.kinds.classes"),
    *("deps.local", "deps.watching", "deps.impurity", "deps.environment", "deps.ambient"),
    *("deps.files", "deps.filesystems", "deps.randomness", "deps.remote", "deps.trackers"),
    *("replay.codec", "replay.outputs", "replay.shell_state", "replay.recording"),
    *("composing", "earlier_calls", "library_patches", "reading"),
    *("store.format", "store.local", "store.locks", "store.opening"),
    *("runs", "shelf", "session", "assembly"),
)
"""What a cached cell needs, the lowest floors first, so that every step is a small one."""

FOUND_ONCE: Final = (
    ("deps.places", "standard_folders"),
    ("deps.places", "library_folders"),
    ("deps.local", "loaded_local_names"),
)
"""Functions that find out once what all later cells are told, each with its module."""

_MODULES_AT_A_TIME = 50
"""Modules looked through in one step for what libraries keep in them."""

_ATTRIBUTE = "_nbcache_warming"


def open_warming(shell: Any) -> None:
    """Load the rest of nbcache soon; nothing where there is no kernel that is at work."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None or getattr(kernel, "io_loop", None) is None:
        return
    warming = Warming(shell, kernel)
    setattr(shell, _ATTRIBUTE, warming)
    warming.open()


def close_warming(shell: Any) -> None:
    """Undo ``open_warming``."""
    warming = getattr(shell, _ATTRIBUTE, None)
    if warming is not None:
        warming.close()


class Warming:
    """Loads one module after the other while no cell of a shell runs."""

    def __init__(self, shell: Any, kernel: Any) -> None:
        self._shell = shell
        self._kernel = kernel
        self._ended = 0
        self._is_idle = self._is_armed = False
        self._is_open = True
        self._steps: Iterator[None] = _steps()

    def open(self) -> None:
        """Follow when cells run."""
        self._hook(self._shell.events.register)

    def close(self) -> None:
        """Leave nothing behind."""
        self._is_open = False
        self._hook(self._shell.events.unregister)
        delattr(self._shell, _ATTRIBUTE)

    def _hook(self, hook: Callable[[str, Callable[..., None]], None]) -> None:
        hook("pre_execute", self._before)
        hook("post_execute", self._after)

    def _before(self) -> None:
        self._is_idle = False

    def _after(self) -> None:
        """Look in a while later, unless that is going to be done anyway."""
        self._is_idle = True
        self._ended += 1
        if not self._is_armed:
            self._is_armed = True
            self._kernel.io_loop.add_callback(self._later, FIRST_S)

    def _later(self, seconds: float) -> None:
        self._is_armed = True
        self._kernel.io_loop.call_later(seconds, self._step, self._ended)

    def _step(self, ended: int) -> None:
        """Load a module, unless a cell runs or waits to run: its end calls again."""
        self._is_armed = False
        if not (self._is_open and self._is_idle) or has_waiting(self._kernel):
            return
        if ended != self._ended:  # a cell ran meanwhile
            self._later(FIRST_S)
            return
        for _ in self._steps:
            self._later(PAUSE_S)
            return
        self.close()


def _names() -> Iterator[str]:
    """Yield the names of the modules; the kinds come in the order in which they are registered."""
    yield from [f"nbcache.{name}" for name in MODULES]
    registry = sys.modules["nbcache.heap.registry"]
    yield from [*registry.CORE, registry.FAMILIES["IPython"]]


def _steps() -> Iterator[None]:
    """Load a module at each step, without a collection in its middle; pass over loaded ones.

    One that cannot be loaded ends it: the cells that need it will say so.
    """
    for name in _names():
        if name in sys.modules:
            continue
        try:
            with uncollected():
                importlib.import_module(name)
        except Exception:
            return
        yield
    for name, function in FOUND_ONCE:
        getattr(sys.modules[f"nbcache.{name}"], function)()
        yield
    look = sys.modules["nbcache.replay.library_objects"].LIBRARIES.look
    modules = list(sys.modules.items())
    for start in range(0, len(modules), _MODULES_AT_A_TIME):
        look(dict(modules[start : start + _MODULES_AT_A_TIME]))
        yield
