"""Keeping a store within its bounds: what has expired first, then the least valuable.

Each entry is looked at once more before it goes: the index may not know yet that it was used or
replaced meanwhile. Pinned entries stay. A buffer that somebody has mapped stays valid until it
is let go, since removing a file leaves its bytes to those who have it open.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nbcache.store.entry_file import FILE_NAME
from nbcache.store.index import Index
from nbcache.store.rows import Row
from nbcache.store.tables import freed_bytes, total_bytes, writing

_STEP_S = 0.002
_AT_ONCE = 128
_EXPIRED = "ttl IS NOT NULL AND stored_at + ttl <= ?", "stored_at + ttl"
_UNUSED = "used_at < ?", "used_at"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a store may hold, None where there is no bound.

    ``max_size`` in bytes; ``max_age`` in seconds since the last use; ``expired_for``: remove what
    expired so many seconds ago, or earlier. ``max_items`` counts entries. ``by_use``: what was
    used longest ago goes first, whatever it is worth, as joblib's limits say.
    """

    max_size: int | None = None
    max_age: float | None = None
    expired_for: float | None = None
    max_items: int | None = None
    by_use: bool = False

    def __bool__(self) -> bool:
        return any(
            bound is not None
            for bound in (self.max_size, self.max_age, self.expired_for, self.max_items)
        )


class Pruning:
    """Removes entries with ``remove`` until the bounds hold; ``freed`` counts the bytes."""

    def __init__(
        self, index: Index, remove: Callable[[Any], None], bounds: Bounds, now: float
    ) -> None:
        self._index = index
        self._remove = remove
        self._bounds = bounds
        self._now = now
        self._bytes = self._items = 0
        self._step_s = _STEP_S
        self.removed: list[Row] = []
        self.freed = 0

    def run(self) -> Pruning:
        """Do all of it at once."""
        self._step_s = float("inf")
        self._index.ask(lambda base: list(self.steps(base)))
        return self

    def rehearse(self) -> Pruning:
        """Find out what would go, and remove nothing."""
        import sqlite3

        self._remove = lambda row: None
        copy = sqlite3.connect(":memory:", isolation_level=None)
        try:
            self._index.ask(lambda base: base.backup(copy))
            list(self.steps(copy))
        finally:
            copy.close()
        return self

    def steps(self, base: Any) -> Iterator[None]:
        """Work in steps of a few milliseconds; the index is up to date."""
        bounds, now = self._bounds, self._now
        if bounds.expired_for is not None:
            yield from self._clear(base, _EXPIRED, [now - bounds.expired_for])
        if bounds.max_age is not None:
            yield from self._clear(base, _UNUSED, [now - bounds.max_age])
        if bounds.max_size is None and bounds.max_items is None:
            return
        self._bytes = total_bytes(base)
        [self._items] = base.execute("SELECT count(*) FROM entries").fetchone()
        if not self._fits():
            if not bounds.by_use:
                yield from self._clear(base, _EXPIRED, [now], self._fits)
            order = "used_at" if bounds.by_use else "worth"
            yield from self._clear(base, ("TRUE", order), [], self._fits)

    def _fits(self) -> bool:
        bounds = self._bounds
        is_small = bounds.max_size is None or self._bytes <= bounds.max_size
        return is_small and (bounds.max_items is None or self._items <= bounds.max_items)

    def _clear(
        self,
        base: Any,
        choice: tuple[str, str],
        values: Sequence[Any],
        is_enough: Callable[[], bool] = lambda: False,
    ) -> Iterator[None]:
        """Remove what a condition names, in its order, until it is enough."""
        where, order = choice
        pinned = "" if self._bounds.by_use else " AND NOT is_pinned"
        text = (
            f"SELECT {', '.join(Row._fields)} FROM entries WHERE {where}{pinned}"
            f" ORDER BY {order} LIMIT {_AT_ONCE}"
        )
        while not is_enough():
            rows = list(map(Row._make, base.execute(text, values)))
            if not rows:
                return
            rows.reverse()
            while rows and not is_enough():
                with writing(base):
                    self._clear_some(base, rows, is_enough)
                yield

    def _clear_some(self, base: Any, rows: list[Row], is_enough: Callable[[], bool]) -> None:
        """Remove entries from the end of a list on, for as long as a step may take."""
        until = time.perf_counter() + self._step_s
        while rows and not is_enough() and time.perf_counter() < until:
            row = rows.pop()
            if self._is_as_known(row):
                self._take(base, row)
            else:
                self._index.read_again(base, row.name)

    def _is_as_known(self, row: Row) -> bool:
        try:
            status = os.lstat(os.path.join(self._index.folder_of(row.name), FILE_NAME))
        except OSError:
            return False
        found = status.st_ino, status.st_ctime_ns, status.st_mtime
        return found == (row.inode, row.changed_ns, row.used_at)

    def _take(self, base: Any, row: Row) -> None:
        freed = freed_bytes(base, row)
        self._remove(row)
        self._index.drop(base, row.name)
        self.removed.append(row)
        self.freed += freed
        self._bytes -= freed
        self._items -= 1
