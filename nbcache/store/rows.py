"""One stored entry as a row: all that lists, totals and limits need, without its values."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from nbcache.entry import Entry

HALF_LIFE = 30 * 86400.0
"""Seconds without use after which an entry is worth half."""

CELL, LINEAGE, UNREADABLE, UNFINISHED = "cell", "lineage", "unreadable", "unfinished"
_LEAST_COST = 1e-3
_PINNED, _MADE_BY = "pinned", "function"


class Row(NamedTuple):
    """One entry; ``size_bytes`` with its large buffers, ``own_bytes`` of its own file alone.

    ``kind`` tells cells and calls from lineages, from what cannot be read here and from folders
    without an entry's file. ``inode`` and
    ``changed_ns`` say which file it was read from, ``used_at`` when that was last loaded.
    """

    name: str
    kind: str
    stored_at: float
    ttl: float | None
    cost: float
    size_bytes: int
    own_bytes: int
    used_at: float
    notebook: str
    title: str
    source: str
    made_by: str
    is_pinned: int
    inode: int
    changed_ns: int

    @property
    def key(self) -> str:
        """The cell key."""
        return self.name.partition(".")[0]

    @property
    def variant(self) -> str:
        """The digest of the late dependencies."""
        return self.name.partition(".")[2]

    @property
    def expires_at(self) -> float | None:
        """The Unix time from which the entry is expired, None for never."""
        return None if self.ttl is None else self.stored_at + self.ttl

    @property
    def worth(self) -> float:
        """How valuable the entry is; the least valuable goes first.

        An entry saves ``cost`` seconds at each use, takes ``size_bytes``, and is worth half after
        each ``HALF_LIFE`` without use: ``cost / size_bytes * 0.5 ** (idle / HALF_LIFE)``. This is
        the base-2 logarithm of that, moved by the same amount for all entries, so that their
        order holds at any moment: ``log2(cost / size_bytes) + used_at / HALF_LIFE``.
        """
        return worth_of(self.cost, self.size_bytes, self.used_at)


def worth_of(cost: float, size_bytes: int, used_at: float) -> float:
    """Return the worth of an entry with these figures; see ``Row.worth``."""
    saved = cost if cost > _LEAST_COST else _LEAST_COST  # NaN is no cost either
    return math.log2(saved / max(size_bytes, 1)) + used_at / HALF_LIFE


def row_of(entry: Entry, status: os.stat_result | None = None) -> Row:
    """Return the row of an entry whose file has this status."""
    effects: Mapping[str, Any] = entry.effects
    return Row(
        name=entry.name,
        kind=str(entry.parts.get("kind", CELL)),
        stored_at=float(entry.stored_at),
        ttl=entry.ttl,
        cost=float(entry.cost),
        size_bytes=entry.size_bytes,
        own_bytes=entry.size_bytes if status is None else status.st_size,
        used_at=entry.stored_at if status is None else status.st_mtime,
        notebook=_text(entry.notebook),
        title=_text(entry.title),
        source=_text(entry.parts.get("source", "")),
        made_by=_text(effects.get(_MADE_BY, "")),
        is_pinned=int(_PINNED in effects),
        inode=0 if status is None else status.st_ino,
        changed_ns=0 if status is None else status.st_ctime_ns,
    )


def rows_of(store: Any) -> list[Row]:
    """Return the rows of any store, the newest first; from its index where it has one."""
    if hasattr(store, "rows"):
        known: list[Row] = store.rows()
        return known
    return sorted(map(row_of, store.entries()), key=lambda row: -row.stored_at)


def _text(value: Any) -> str:
    """Return text that a database can hold; halves of surrogate pairs become marks."""
    return str(value).encode("utf-8", "replace").decode("utf-8")
