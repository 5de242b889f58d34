"""What a store may do without, in order: entries by one of their figures, the least first."""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

from nbcache.store.pages import (
    CHANGED,
    FLAGS,
    INODE,
    IS_BARE,
    IS_PINNED,
    NUMBER,
    OWN,
    STORED_AT,
    TTL,
    USED_AT,
    WORTH,
    Page,
)
from nbcache.store.rows import Row
from nbcache.store.shards import SHARD_DIGITS
from nbcache.store.tables import Table

_GROUP_BITS = 32
_KEPT = IS_PINNED | IS_BARE


class Held(NamedTuple):
    """One entry that may go, as its file was when it was read."""

    name: str
    used_at: float
    worth: float
    own_bytes: int
    inode: int
    changed_ns: int
    is_kept: bool
    expires_at: float
    blobs: Sequence[str]


def held_of(row: Row, blobs: Sequence[str]) -> Held:
    """Return the same of an entry that was just read."""
    expires_at = float("inf") if row.expires_at is None else row.expires_at
    figures = row.used_at, row.worth, row.own_bytes, row.inode, row.changed_ns
    return Held(row.name, *figures, bool(row.is_pinned), expires_at, blobs)


class Group:
    """The entries of some pages, by their place in them."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self.table = Table(pages)
        self._pages = pages
        self._ends = list(accumulate(len(page.numbers) // NUMBER.size for page in pages))
        self._names: dict[int, list[str]] = {}

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def held(self, place: int) -> Held:
        """Return one entry."""
        number = bisect_right(self._ends, place)
        page = self._pages[number]
        inside = place - (self._ends[number - 1] if number else 0)
        word = NUMBER.unpack_from(page.numbers, inside * NUMBER.size)
        blobs = page.list_blobs()[inside] if page.has_blobs() else ()
        is_kept = bool(word[FLAGS] & _KEPT)
        expires_at = word[STORED_AT] + word[TTL]  # NaN where there is no end
        figures = word[USED_AT], word[WORTH], word[OWN], word[INODE], word[CHANGED]
        return Held(self._name(number, inside), *figures, is_kept, expires_at, blobs)

    def _name(self, number: int, inside: int) -> str:
        names = self._pages[number].names
        count = len(self._pages[number].numbers) // NUMBER.size
        width = len(names) // count
        if names[width - 1 :: width] == b"\n" * count:  # all are as long as one another
            line = names[inside * width : (inside + 1) * width - 1].decode("ascii")
            return line[SHARD_DIGITS + 1 :]
        if number not in self._names:
            self._names[number] = self._pages[number].list_names()
        return self._names[number][inside][SHARD_DIGITS + 1 :]

    def figures(self, figure: Callable[[Table], list[float]]) -> list[float]:
        """Return the figure of each entry; NaN, which is less than nothing, for those that stay."""
        flags, figures = self.table.column(FLAGS), figure(self.table)
        if not any(flags):
            return figures
        pairs = zip(figures, flags, strict=True)
        return [math.nan if flag & _KEPT else value for value, flag in pairs]


def least(figures: Sequence[Sequence[float]], most: float, count: int) -> float:
    """Return what about as many figures are no larger than, or ``most`` if that is less."""
    total = sum(map(len, figures))
    if count * 4 > total:
        return most
    low = [value for some in figures for value in some if value <= most]
    return heapq.nsmallest(count, low)[-1] if len(low) > count > 0 else most


class Ranking:
    """Gives the entries of all groups with the least figures first; some come in late."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = groups
        self._heaps: list[list[tuple[float, int]]] = []
        self._late: list[Held] = []
        self._late_heap: list[tuple[float, int]] = []

    def add(self, figures: Sequence[float], most: float) -> None:
        """Take the entries of the next group whose figures are no larger than ``most``."""
        start = len(self._heaps) << _GROUP_BITS
        heap = [(value, place) for place, value in enumerate(figures, start) if value <= most]
        heapq.heapify(heap)
        self._heaps.append(heap)

    def add_again(self, value: float, held: Held) -> None:
        """Take one entry whose figure is another than was known."""
        heapq.heappush(self._late_heap, (value, -1 - len(self._late)))
        self._late.append(held)

    def pop(self) -> Held | None:
        """Return the entry with the least figure, which is then no candidate any more."""
        heaps = [heap for heap in (*self._heaps, self._late_heap) if heap]
        if not heaps:
            return None
        _, place = heapq.heappop(min(heaps))
        if place < 0:
            return self._late[-1 - place]
        mask = (1 << _GROUP_BITS) - 1
        return self._groups[place >> _GROUP_BITS].held(place & mask)
