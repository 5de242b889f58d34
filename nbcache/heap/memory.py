"""Who lies over which memory: arrays and tensors of different libraries may share bytes."""

from __future__ import annotations

import itertools
import weakref
from bisect import bisect_right, insort
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbcache.heap.walk import Walk

Span = tuple[int, int]
"""Where memory begins and ends, as addresses."""

Measure = Callable[[Any], Span | None]
"""Returns the memory that an object of one family rests on, None for other objects."""

MEASURES: list[Measure] = []
"""One function for each family; a family adds its own when its library is loaded."""

UNKNOWN = -1
"""Stands for the address of an array, which nobody has asked for yet."""

_NESTED = 8
"""Spans looked at from the nearest one backwards: few lie inside of each other."""


class MemoryMap:
    """Finds holders of memory by address; the first that was put wins."""

    def __init__(self) -> None:
        self._spans: list[tuple[int, int, int]] = []
        self._holders: list[Any] = []

    def put(self, span: Span, holder: Any) -> None:
        """Note that the holder rests on the memory."""
        insort(self._spans, (*span, len(self._holders)))
        self._holders.append(holder)

    def find(self, span: Span) -> tuple[Any, int] | None:
        """Return the holder of memory that contains the span, and where its memory begins."""
        place = bisect_right(self._spans, (span[0], 1 << 64, 0))
        found = None
        for start, end, number in reversed(self._spans[max(0, place - _NESTED) : place]):
            if span[1] <= end and (found is None or number < found[1]):
                found = (start, number)
        return None if found is None else (self._holders[found[1]], found[0])


class _WalkMap(MemoryMap):
    """The memory of the arrays and tensors that one pass of a walk has met so far."""

    def __init__(self, owners: dict[int, tuple[int, int]]) -> None:
        super().__init__()
        self.owners = owners
        self._read = 0

    def read_new(self, objects: list[Any]) -> None:
        """Take in what the walk has met since the last call."""
        count = len(self.owners)
        for ordinal, address in itertools.islice(self.owners.values(), self._read, count):
            span = span_of(objects[ordinal]) if 0 <= ordinal < len(objects) else None
            if span is not None and (address == UNKNOWN or span[0] <= address < span[1]):
                self.put(span, ordinal)  # all others rest elsewhere by now
        self._read = count


_walks: weakref.WeakKeyDictionary[Walk, _WalkMap] = weakref.WeakKeyDictionary()
_dumps: weakref.WeakKeyDictionary[Any, MemoryMap] = weakref.WeakKeyDictionary()


def walked_memory(walk: Walk) -> MemoryMap:
    """Return the memory of what a walk has met; its holders are ordinals."""
    found = _walks.get(walk)
    if found is None or found.owners is not walk.owners:
        found = _walks[walk] = _WalkMap(walk.owners)
    found.read_new(walk.objects)
    return found


def stored_memory(dump: Any) -> MemoryMap:
    """Return the memory of what a stream holds by content so far."""
    found = _dumps.get(dump)
    if found is None:
        found = _dumps[dump] = MemoryMap()
    return found


def span_of(obj: Any) -> Span | None:
    """Return the memory that an array or tensor rests on."""
    for measure in MEASURES:
        span = measure(obj)
        if span is not None:
            return span
    return None
