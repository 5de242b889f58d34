"""Which ordinal each object has: the large groups of a walk are looked up only when asked for.

Most objects of a large heap are met once, all of them new and no two alike. Such a group needs
only its identities in sorted order; where in it an object stands is written down when somebody
asks for one of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import count
from typing import Any

from nbcache.heap.identity import has_twins, number_identities, sort_identities

LARGE = 512
"""Groups above this wait."""

_MANY_TIMES = 8
"""Looking one identity up among those that wait takes as long as sorting so many."""


class Ordinals:
    """The objects of a walk in order, and the ordinal of each."""

    __slots__ = ("_found", "_sorted", "_waiting", "objects")

    def __init__(self) -> None:
        self.objects: list[Any] = []
        self._found: dict[int, int] = {}
        self._waiting: list[range] = []
        self._sorted: Sequence[int] = ()

    def find(self, identity: int) -> int | None:
        """Return the ordinal of the object with this identity, None if it has none."""
        found = self._found.get(identity)
        if found is None and self._waiting and self._waits(identity):
            self._write_down()
            found = self._found[identity]
        return found

    def place_of(self, obj: Any) -> int:
        """Return the ordinal of this very object, -1 if it has none."""
        found = self.find(id(obj))
        return -1 if found is None else found

    def add(self, obj: Any) -> int:
        """Give a new object the next ordinal and return it."""
        ordinal = self._found[id(obj)] = len(self.objects)
        self.objects.append(obj)
        return ordinal

    def add_all(self, objects: list[Any]) -> Sequence[int]:
        """Return the ordinals of objects; new ones get the next, in order."""
        start, is_large = len(self.objects), len(objects) > LARGE
        if is_large and self._let_wait(objects):
            return range(start, len(self.objects))
        found = self._let_distinct_wait(objects) if is_large else None
        if found is not None:
            return found
        if self._waiting and (is_large or any(map(self._waits, map(id, objects)))):
            self._write_down()
        return self._add_each(objects)

    def _waits(self, identity: int) -> bool:
        place = bisect_left(self._sorted, identity)
        return place < len(self._sorted) and self._sorted[place] == identity

    def _let_wait(self, objects: list[Any]) -> bool:
        """Take objects in that are all new and met once; tell whether they are."""
        before, start = self._sorted, len(self.objects)
        if len(before) > _MANY_TIMES * len(objects):
            return False
        self._sorted = sort_identities(objects, before)
        if has_twins(self._sorted) or self._knows_one_of(objects):
            self._sorted = before
            return False
        self.objects.extend(objects)
        self._waiting.append(range(start, len(self.objects)))
        return True

    def _let_distinct_wait(self, objects: list[Any]) -> Sequence[int] | None:
        """Take in objects that are all new and met several times, None if they are not."""
        before, start = self._sorted, len(self.objects)
        if len(before) > _MANY_TIMES * len(objects):
            return None
        met = number_identities(objects, before)
        if met is None:
            return None
        places, numbers, self._sorted = met
        distinct = list(map(objects.__getitem__, places))
        if has_twins(self._sorted) or self._knows_one_of(distinct):
            self._sorted = before
            return None
        self.objects.extend(distinct)
        self._waiting.append(range(start, len(self.objects)))
        ordinals: Sequence[int] = numbers + start
        return ordinals

    def _knows_one_of(self, objects: list[Any]) -> bool:
        """Tell whether an object that is written down is among those, which are sorted in."""
        if len(self._found) * _MANY_TIMES < len(objects):
            return any(map(self._waits, self._found))
        return not self._found.keys().isdisjoint(map(id, objects))

    def _write_down(self) -> None:
        for group in self._waiting:
            members = self.objects[group.start : group.stop]
            self._found.update(zip(map(id, members), group, strict=True))
        self._waiting, self._sorted = [], ()

    def _add_each(self, objects: list[Any]) -> Sequence[int]:
        index, start = self._found, len(self.objects)
        keys = list(map(id, objects))
        first = dict(zip(keys, objects, strict=True))  # in the order of their first meeting
        if not index.keys().isdisjoint(first):
            for key in index.keys() & first.keys():
                del first[key]
        self.objects.extend(first.values())
        if len(first) == len(objects):
            index.update(zip(keys, count(start), strict=False))
            return range(start, len(self.objects))
        index.update(zip(first, count(start), strict=False))
        return list(map(index.__getitem__, keys))

    def forget_after(self, count: int) -> None:
        """Forget the objects with this ordinal and higher ones."""
        if any(group.stop > count for group in self._waiting):
            self._write_down()
        for obj in self.objects[count:]:
            self._found.pop(id(obj), None)
        del self.objects[count:]
