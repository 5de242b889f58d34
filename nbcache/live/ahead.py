"""What running each cell would be, told before it is run: asked for a little after any change.

Front ends send the notebook's cells as they are written now. A forecast runs on the kernel's
own loop, only while no cell runs, and rests the longer the longer the last one took.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from nbcache.errors import CacheError

if TYPE_CHECKING:
    from nbcache.events import CellEvent

DELAY: Final = 0.15
"""Seconds that must pass without another change before the cells are looked at."""

REST: Final = 4.0
"""How many times the length of a forecast passes before the next one."""

_TOLD: Final = ("state", "reasons", "stored_at", "expires_at", "size_bytes", "cost", "key")

Said = dict[str, Any] | None


class Ahead:
    """Keeps the notebook's cells, and tells what each would be whenever that may have changed."""

    def __init__(
        self, extension: Any, kernel: Any, tell: Callable[[Mapping[str, Said]], None]
    ) -> None:
        self._extension = extension
        self._kernel = kernel
        self._tell = tell
        self._cells: dict[str, Mapping[str, Any]] = {}
        self._order: list[str] = []
        self._asked = 0
        self._running = 0
        self._not_before = 0.0

    def open(self) -> None:
        """Follow when cells run."""
        self._hook(self._extension.shell.events.register)

    def close(self) -> None:
        """Stop following."""
        self._hook(self._extension.shell.events.unregister)
        self._cells.clear()
        self._asked += 1

    def _hook(self, hook: Callable[[str, Callable[..., None]], None]) -> None:
        hook("pre_execute", self._before)
        hook("post_execute", self._after)

    def take(self, cells: Mapping[str, Mapping[str, Any]], order: Sequence[str]) -> None:
        """Take in the cells that changed, and the order in which all of them stand."""
        self._cells.update({str(name): cell for name, cell in cells.items()})
        self._order = [str(name) for name in order] or list(self._cells)
        self._cells = {name: self._cells[name] for name in self._order if name in self._cells}
        self.ask()

    def ask(self) -> None:
        """Look at the cells soon."""
        self._asked += 1
        self._kernel.io_loop.add_callback(self._later, self._asked)

    def forget(self) -> None:
        """Look again although no cell ran: the store changed."""
        self._extension.log.memo.clear()
        self.ask()

    def _later(self, ticket: int) -> None:
        rest = max(DELAY, self._not_before - time.monotonic())
        self._kernel.io_loop.call_later(rest, self._look, ticket)

    def _before(self) -> None:
        self._running += 1

    def _after(self) -> None:
        self._running = max(0, self._running - 1)
        if self._cells:
            self.ask()

    def _look(self, ticket: int) -> None:
        """Forecast all cells, unless something changed again or a cell runs now."""
        is_late = ticket != self._asked or self._running or has_waiting(self._kernel)
        if is_late or not self._cells:
            return  # what runs now, or next, asks again when it ends
        began = time.monotonic()
        try:
            self._tell(self._forecasts())
        except CacheError:
            return
        finally:
            took = time.monotonic() - began
            self._not_before = time.monotonic() + REST * took

    def _forecasts(self) -> dict[str, Said]:
        from nbcache.forecast import forecast_all

        cells = list(self._cells.items())
        found = forecast_all(self._extension.shell, [{"id": name, **cell} for name, cell in cells])
        pairs = zip(cells, found, strict=True)
        return {name: as_said(event) for (name, _), event in pairs}


def as_said(event: CellEvent) -> Said:
    """Return what front ends are told of a forecast; nothing for a cell that is left alone."""
    if event.state.value == "off":
        return None
    told = event.as_dict()
    said = {name: told[name] for name in _TOLD}
    return {**said, "reasons": []} if event.is_served else said  # they would tell the age


def has_waiting(kernel: Any) -> bool:
    """Whether requests wait for their turn, so that a forecast would be in their way."""
    queue = getattr(kernel, "msg_queue", None)  # ipykernel 6
    if queue is not None:
        return bool(queue.qsize())
    lock = getattr(kernel, "_main_asyncio_lock", None)  # ipykernel 7: each waits for this lock
    return bool(getattr(lock, "_waiters", None))
