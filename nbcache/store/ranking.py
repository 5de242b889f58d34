"""What a store may do without, in order: entries by one of their figures, the least first."""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, repeat
from typing import NamedTuple

from nbcache.store.pages import (
    FLAGS,
    IS_BARE,
    IS_PINNED,
    NUMBER,
    Page,
)
from nbcache.store.rows import Row
from nbcache.store.shards import SHARD_DIGITS
from nbcache.store.tables import Table

_SAMPLE = 8192
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


class _Opened(NamedTuple):
    """A page as its entries are taken out of it, one at a time."""

    first: int
    numbers: bytes
    names: bytes | list[str]
    width: int
    blobs: Sequence[Sequence[str]]

    def name(self, inside: int) -> str:
        """Return the name of the page's entry at a place."""
        if isinstance(self.names, list):
            return self.names[inside][SHARD_DIGITS + 1 :]
        start = inside * self.width + SHARD_DIGITS + 1
        return self.names[start : (inside + 1) * self.width - 1].decode("ascii")


def _open(page: Page, first: int) -> _Opened:
    count = len(page.numbers) // NUMBER.size
    width = len(page.names) // count
    is_even = page.names[width - 1 :: width] == b"\n" * count  # all as long as one another
    names = page.names if is_even else page.list_names()
    return _Opened(first, page.numbers, names, width, page.list_blobs() if page.has_blobs() else ())


class Group:
    """The entries of some pages, by their place in them."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self.table = Table(pages)
        self._pages = pages
        self._ends = list(accumulate(len(page.numbers) // NUMBER.size for page in pages))
        self._opened: dict[int, _Opened] = {}

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def held(self, place: int) -> Held:
        """Return one entry."""
        number = bisect_right(self._ends, place)
        opened = self._opened.get(number)
        if opened is None:
            first = self._ends[number - 1] if number else 0
            opened = self._opened[number] = _open(self._pages[number], first)
        inside = place - opened.first
        stored_at, ttl, _, used_at, worth, _, own, inode, changed, flags = NUMBER.unpack_from(
            opened.numbers, inside * NUMBER.size
        )
        blobs = opened.blobs[inside] if opened.blobs else ()
        expires_at = stored_at + ttl  # NaN where there is no end
        figures = used_at, worth, own, inode, changed
        return Held(opened.name(inside), *figures, bool(flags & _KEPT), expires_at, blobs)

    def figures(self, figure: Callable[[Table], list[float]]) -> list[float]:
        """Return the figure of each entry; NaN, which is less than nothing, for those that stay."""
        flags, figures = self.table.column(FLAGS), figure(self.table)
        if not any(flags):
            return figures
        pairs = zip(figures, flags, strict=True)
        return [math.nan if flag & _KEPT else value for value, flag in pairs]


def least(figures: Sequence[Sequence[float]], most: float, count: int) -> float:
    """Return what at least about as many figures are no larger than, by a sample of them.

    That is ``most`` if it is less, or if so many are wanted that a sample is no help.
    """
    total = sum(map(len, figures))
    if count * 4 > total:
        return most
    step = 1 + total // _SAMPLE
    sample = sorted(value for some in figures for value in some[::step] if value <= most)
    wanted = count / step
    place = int(wanted + 3 * math.sqrt(wanted)) + 1
    return sample[place] if place < len(sample) else most


class Ranking:
    """Gives the entries of all groups with the least figures first; some come in late."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = groups
        self._ranks: list[Iterator[tuple[float, int, int]]] = []
        self._ranked: Iterator[tuple[float, int, int]] | None = None
        self._next: tuple[float, int, int] | None = None
        self._late: list[Held] = []
        self._late_heap: list[tuple[float, int]] = []

    def add(self, figures: Sequence[float], most: float) -> None:
        """Take the entries of the next group whose figures are no larger than ``most``.

        Raises ``ValueError`` once entries were taken out.
        """
        if self._ranked is not None:
            raise ValueError("Entries were taken out already: add all groups before.")
        places = [place for place, figure in enumerate(figures) if figure <= most]
        places.sort(key=figures.__getitem__)
        self._ranks.append(zip(map(figures.__getitem__, places), repeat(len(self._ranks)), places))

    def add_again(self, value: float, held: Held) -> None:
        """Take one entry whose figure is another than was known."""
        heapq.heappush(self._late_heap, (value, len(self._late)))
        self._late.append(held)

    def pop(self) -> Held | None:
        """Return the entry with the least figure, which is then no candidate any more."""
        if self._ranked is None:
            self._ranked = heapq.merge(*self._ranks)
            self._next = next(self._ranked, None)
        first = self._next
        if self._late_heap and (first is None or self._late_heap[0][0] < first[0]):
            return self._late[heapq.heappop(self._late_heap)[1]]
        if first is None:
            return None
        self._next = next(self._ranked, None)
        return self._groups[first[1]].held(first[2])
