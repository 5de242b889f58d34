"""What a store may do without, in order: entries by one of their figures, the least first."""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, repeat
from operator import le
from typing import NamedTuple

from nbcache.store.pages import FLAGS, IS_KEPT, NUMBER, Page
from nbcache.store.rows import Row
from nbcache.store.shards import SHARD_DIGITS
from nbcache.store.tables import Table


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


class _Opened:
    """A page as its entries are taken out of it, one at a time."""

    def __init__(self, page: Page) -> None:
        self._numbers = page.numbers
        self._width = page.summary.width
        self._names = page.names
        self._list = () if self._width else page.list_names()
        self._blobs = page.list_blobs() if page.has_blobs() else ()

    def held(self, place: int) -> Held:
        """Return the page's entry at a place."""
        _, _, _, used_at, worth, expires_at, _, own, inode, changed, flags = NUMBER.unpack_from(
            self._numbers, place * NUMBER.size
        )
        is_kept = bool(flags & IS_KEPT)
        blobs = self._blobs[place] if self._blobs else ()
        name = self._name(place)
        return Held(name, used_at, worth, own, inode, changed, is_kept, expires_at, blobs)

    def _name(self, place: int) -> str:
        if not self._width:
            return self._list[place][SHARD_DIGITS + 1 :]
        start = place * self._width
        line = self._names[start + SHARD_DIGITS + 1 : start + self._width - 1]
        return line.decode("ascii")


class Group:
    """The entries of some pages, by their place in them."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self.table = Table(pages)
        self.pages = pages
        self._ends = list(accumulate(len(page.numbers) // NUMBER.size for page in pages))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def held(self, places: Sequence[int]) -> Iterator[Held]:
        """Yield some entries."""
        opened: dict[int, _Opened] = {}
        for place in places:
            number = bisect_right(self._ends, place)
            if number not in opened:
                opened[number] = _Opened(self.pages[number])
            yield opened[number].held(place - (self._ends[number - 1] if number else 0))

    def not_above(self, figure: int, most: float) -> list[bool]:
        """Tell of each entry whether it may go and its figure is no larger, which NaN is not."""
        figures = self.table.column(figure)
        if self.table.has_marked():
            pairs = zip(figures, self.table.column(FLAGS), strict=True)
            figures = [math.nan if flag & IS_KEPT else value for value, flag in pairs]
        return list(map(le, figures, repeat(most)))


class Ranking:
    """Gives the entries of some pages that may go, the least figures first; some come in late.

    None has a figure that is larger than ``most``.
    """

    def __init__(self, pages: Sequence[Page], figure: int, most: float) -> None:
        self._pages = {page.number: page for page in pages}
        self._opened: dict[int, _Opened] = {}
        self._ranked = heapq.merge(*[page.least_first(figure, most) for page in pages])
        self._next = next(self._ranked, None)
        self._late: list[Held] = []
        self._late_heap: list[tuple[float, int]] = []

    def add_again(self, value: float, held: Held) -> None:
        """Take one entry whose figure is another than was known."""
        heapq.heappush(self._late_heap, (value, len(self._late)))
        self._late.append(held)

    def pop(self) -> Held | None:
        """Return the entry with the least figure, which is then no candidate any more."""
        first = self._next
        if self._late_heap and (first is None or self._late_heap[0][0] < first[0]):
            return self._late[heapq.heappop(self._late_heap)[1]]
        if first is None:
            return None
        self._next = next(self._ranked, None)
        _, number, place = first
        opened = self._opened.get(number)
        if opened is None:
            opened = self._opened[number] = _Opened(self._pages[number])
        return opened.held(place)
