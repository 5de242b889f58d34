"""Keeping a store within its bounds: what has expired first, then the least valuable.

Each entry is looked at once more before it goes: the index may not know yet that it was used or
replaced meanwhile. Pinned entries stay. A buffer that somebody has mapped stays valid until it
is let go, since removing a file leaves its bytes to those who have it open.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress

from nbcache.store.index import Index
from nbcache.store.pages import EXPIRES_AT, OWN, USED_AT, WORTH
from nbcache.store.ranking import Group, Held, Ranking, held_of
from nbcache.store.removal import Removal, removing
from nbcache.store.tables import blob_bytes

_STEP_S = 0.001
_AT_ONCE, _ALL_AT_ONCE = 8, 512


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a store may hold, None where there is no bound.

    ``max_size`` in bytes; ``max_age`` in seconds since the last use; ``expired_for``: remove what
    expired so many seconds ago, or earlier. ``max_items`` counts entries.
    """

    max_size: int | None = None
    max_age: float | None = None
    expired_for: float | None = None
    max_items: int | None = None

    def __bool__(self) -> bool:
        return any(
            bound is not None
            for bound in (self.max_size, self.max_age, self.expired_for, self.max_items)
        )


_Choice = tuple[Held, int]
"""An entry that is to go, and the bytes that this frees."""


@dataclass(frozen=True, slots=True)
class _Order:
    """What goes first: the least of a figure, as long as it is no larger than ``most``.

    ``is_sure``: the index knows the figure as well as the file, so that a rehearsal may trust it.
    """

    figure: int
    of: Callable[[Held], float]
    most: float = float("inf")
    is_sure: bool = False


class Pruning:
    """Removes entries until the bounds hold; ``removed`` names them, ``freed`` is their bytes.

    ``loose`` names the blobs that no other entry needed, as far as the index knew.
    """

    def __init__(self, index: Index, bounds: Bounds, now: float) -> None:
        self._index = index
        self._bounds = bounds
        self._now = now
        self._bytes = self._items = 0
        self._step_s, self._at_once = _STEP_S, _AT_ONCE
        self._groups: list[Group] = []
        self._holders: Counter[str] = Counter()
        self._gone: set[str] = set()
        self._is_rehearsal = False
        self.removed: list[str] = []
        self.loose: set[str] = set()
        self.freed = 0

    def run(self) -> Pruning:
        """Do all of it at once."""
        self._step_s, self._at_once = float("inf"), _ALL_AT_ONCE
        for _ in self.steps():
            pass
        return self

    def rehearse(self) -> Pruning:
        """Find out what would go, and remove nothing."""
        self._is_rehearsal = True
        return self.run()

    def steps(self, oldest: float = 0.0) -> Iterator[None]:
        """Bring the index up to date and keep the bounds, in steps of a few milliseconds."""
        for pages in self._index.reading(oldest=oldest):
            if pages:
                self._take(Group(pages))
            yield
        with removing(self._index.cells) as removal:
            for order, is_enough in self._orders():
                if self._is_rehearsal and order.is_sure:
                    self._count_all_out(order)
                elif not is_enough():
                    yield from self._clear(removal, order, is_enough)

    def _take(self, group: Group) -> None:
        self._groups.append(group)
        self._items += group.table.count()
        for line in group.table.blob_names():
            for name in line:
                self._bytes += 0 if name in self._holders else blob_bytes(name)
                self._holders[name] += 1
        self._bytes += group.table.own_bytes()

    def _orders(self) -> Iterator[tuple[_Order, Callable[[], bool]]]:
        """Yield what to remove by, one after the other, and what says that it is enough."""
        bounds, now = self._bounds, self._now
        if bounds.expired_for is not None:
            yield _Order(EXPIRES_AT, _expiry, now - bounds.expired_for, is_sure=True), _never
        if bounds.max_age is not None:
            yield _Order(USED_AT, _use, now - bounds.max_age), _never
        if bounds.max_size is not None or bounds.max_items is not None:
            yield _Order(EXPIRES_AT, _expiry, now), self._fits
            yield _Order(WORTH, _worth), self._fits

    def _fits(self) -> bool:
        bounds = self._bounds
        is_small = bounds.max_size is None or self._bytes <= bounds.max_size
        return is_small and (bounds.max_items is None or self._items <= bounds.max_items)

    def _clear(
        self, removal: Removal, order: _Order, is_enough: Callable[[], bool]
    ) -> Iterator[None]:
        """Remove what is first in an order, until it is enough."""
        self._gone.update(self.removed)
        pages = [page for group in self._groups for page in group.pages]
        ranking = Ranking(pages, order.figure, order.most)
        yield
        while not is_enough():
            chosen, is_last = self._choose(ranking, is_enough)
            spared = self._remove(removal, chosen)
            for held, freed in spared:
                self.freed -= self._look_again(held, order, ranking) or freed
            if is_last and not spared:
                return
            yield

    def _choose(
        self, ranking: Ranking, is_enough: Callable[[], bool]
    ) -> tuple[list[_Choice], bool]:
        """Return some that are to go and what each frees, and whether there are no more."""
        chosen: list[_Choice] = []
        until = time.perf_counter() + self._step_s
        while len(chosen) < self._at_once and not is_enough() and time.perf_counter() < until:
            held = ranking.pop()
            if held is None:
                return chosen, True
            if held.name not in self._gone:
                chosen.append((held, self._count_out(held)))
        return chosen, False

    def _remove(self, removal: Removal, chosen: Sequence[_Choice]) -> Sequence[_Choice]:
        """Remove what is as it was known, and return the others."""
        in_a_row = sorted((held for held, _ in chosen), key=_inode)  # as file systems keep them
        if self._is_rehearsal:
            spared = [held for held in in_a_row if not removal.is_still(held)]
        else:
            spared = removal.remove(in_a_row)
        kept = {held.name for held in spared}
        self.freed += sum(freed for _, freed in chosen)
        self.removed += [held.name for held, _ in chosen if held.name not in kept]
        return [one for one in chosen if one[0].name in kept]

    def _look_again(self, held: Held, order: _Order, ranking: Ranking) -> int:
        """Count an entry that is another by now in again, and return the bytes that it keeps.

        It waits for its turn, if it has one. One that is gone keeps nothing.
        """
        read = self._index.read_again(held.name)
        if read is None:
            return 0
        again = held_of(*read)
        if not again.is_kept and order.of(again) <= order.most:
            ranking.add_again(order.of(again), again)
        return self._count_in(held)

    def _count_all_out(self, order: _Order) -> None:
        """Note as gone what an order chooses, without a look at the files."""
        for group in self._groups:
            chosen = group.not_above(order.figure, order.most)
            if group.table.blob_names():
                for held in group.held(list(compress(range(len(chosen)), chosen))):
                    self.removed.append(held.name)
                    self.freed += self._count_out(held)
                continue
            names = group.table.chosen_names(chosen)
            freed = sum(compress(group.table.column(OWN), chosen))
            self.removed += names
            self.freed += freed
            self._bytes -= freed
            self._items -= len(names)

    def _count_out(self, held: Held) -> int:
        """Note that an entry is gone, and return the bytes that go with it."""
        self._gone.add(held.name)
        freed = held.own_bytes
        for name in held.blobs:
            self._holders[name] -= 1
            if self._holders[name] <= 0:
                self.loose.add(name)
                freed += blob_bytes(name)
        self._bytes -= freed
        self._items -= 1
        return freed

    def _count_in(self, held: Held) -> int:
        """Note that an entry is there after all, and return the bytes that stay with it."""
        self._gone.discard(held.name)
        back = held.own_bytes
        for name in held.blobs:
            self._holders[name] += 1
            if self._holders[name] == 1:
                self.loose.discard(name)
                back += blob_bytes(name)
        self._bytes += back
        self._items += 1
        return back


def _expiry(held: Held) -> float:
    return held.expires_at


def _use(held: Held) -> float:
    return held.used_at


def _worth(held: Held) -> float:
    return held.worth


def _inode(held: Held) -> int:
    return held.inode


def _never() -> bool:
    return False
