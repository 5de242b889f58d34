"""The janitor: keeps the stores of a kernel within their bounds while no cell runs.

It works on the kernel's own loop, in slices of a few milliseconds: nothing of it runs while a
cell does, none waits longer than for one slice, no thread outlives it and none is there to fork.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nbcache.errors import CacheError
from nbcache.events import CellEvent
from nbcache.extension import Extension, extension_of
from nbcache.layers import store_bounds
from nbcache.live.ahead import has_waiting
from nbcache.setting_files import Layer

if TYPE_CHECKING:
    from nbcache.store.limits import Bounds

IDLE_S = 2.0
"""Seconds after the last cell when the janitor begins."""

REST_S = 600.0
"""Seconds between two rounds when nothing was stored meanwhile."""

SLICE_S = 0.004
_PAUSE_S = 0.02
EXPIRED_FOR = 86400.0
"""Seconds for which what has expired stays, so that one can be told that it expired."""

_ATTRIBUTE = "_nbcache_janitor"


def open_janitor(shell: Any) -> None:
    """Let a janitor follow a shell's cells; nothing where there is no kernel."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None or getattr(kernel, "io_loop", None) is None:
        return
    janitor = Janitor(extension_of(shell), kernel)
    janitor.open()
    setattr(shell, _ATTRIBUTE, janitor)


def close_janitor(shell: Any) -> None:
    """Undo ``open_janitor``."""
    janitor = getattr(shell, _ATTRIBUTE, None)
    if janitor is not None:
        janitor.close()
        delattr(shell, _ATTRIBUTE)


def bounds_of(layers: Sequence[Layer], now: float) -> Bounds:
    """Return the bounds that a user set, and how long what has expired stays.

    Raises:
        OptionError: a setting is wrong; the message names where it comes from.
    """
    from nbcache.store.limits import Bounds

    size, age = store_bounds(layers, now)
    return Bounds(max_size=size, max_age=age, expired_for=EXPIRED_FOR)


class Janitor:
    """Works through the stores of one kernel when it is idle."""

    def __init__(
        self, extension: Extension, kernel: Any, clock: Callable[[], float] = time.time
    ) -> None:
        self._extension = extension
        self._kernel = kernel
        self._clock = clock
        self._ticket = 0
        self._running = 0
        self._work: Iterator[None] | None = None
        self._bounds: Bounds | None = None
        self._has_stored = True
        self._rested_from = float("-inf")

    def open(self) -> None:
        """Follow when cells run and what they store."""
        self._hook(self._extension.shell.events.register)
        self._extension.listeners.append(self._note)

    def close(self) -> None:
        """Stop, also in the middle of a round."""
        self._hook(self._extension.shell.events.unregister)
        self._extension.listeners.remove(self._note)
        self._ticket += 1
        self._leave()

    def _hook(self, hook: Callable[[str, Callable[..., None]], None]) -> None:
        hook("pre_execute", self._before)
        hook("post_execute", self._after)

    def _before(self) -> None:
        self._running += 1
        self._ticket += 1
        self._leave()

    def _after(self) -> None:
        self._running = max(0, self._running - 1)
        self._ticket += 1
        self._kernel.io_loop.add_callback(self._later, IDLE_S, self._ticket)

    def _later(self, seconds: float, ticket: int) -> None:
        if ticket == self._ticket:
            self._kernel.io_loop.call_later(seconds, self._slice, ticket)

    def _note(self, event: CellEvent) -> None:
        self._has_stored |= not event.is_served

    def _slice(self, ticket: int) -> None:
        """Work for some milliseconds, unless a cell runs or waits to run."""
        if ticket != self._ticket or self._running or has_waiting(self._kernel):
            return
        try:
            if self._work is None and not self._is_due():
                return
            self._work = self._work or self._round(self._bounds)
            until = time.perf_counter() + SLICE_S
            for _ in self._work:
                if time.perf_counter() > until:
                    self._later(_PAUSE_S, ticket)
                    return
            self._leave()
            self._has_stored, self._rested_from = False, time.monotonic()
        except Exception:  # a store that is out of order is told of by the cells that use it
            self._leave()
            self._rested_from = time.monotonic()

    def _is_due(self) -> bool:
        if not self._extension.is_in_use or self._extension.settings.read_only:
            return False
        known = self._bounds
        self._bounds = bounds_of(self._extension.asking.layers(), self._clock())
        is_rested = time.monotonic() - self._rested_from > REST_S
        return self._has_stored or is_rested or known != self._bounds

    def _round(self, bounds: Any) -> Iterator[None]:
        now = self._clock()
        for store in self._extension.session.shelf.stores.opened:
            upkeep = getattr(store, "upkeep", None)
            if upkeep is not None:
                with contextlib.suppress(CacheError):
                    yield from upkeep(bounds, now)

    def _leave(self) -> None:
        """Let go of a round in the middle, and of what it has open."""
        work, self._work = self._work, None
        close = getattr(work, "close", None)
        if close is not None:
            close()
