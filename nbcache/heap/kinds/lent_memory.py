"""Memory of arrays that arrow and polars look at without a copy: they see what is written there.

``pa.array(a)`` and ``pl.Series(a)`` rest on the memory of ``a``. A stream holds their buffers as
places in that array, whether it was there before or is in the stream itself.
"""

from __future__ import annotations

import sys
import weakref
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotStorable
from nbcache.heap import rebuild_tables
from nbcache.heap.kinds.instance import ReducedKind
from nbcache.heap.memory import Span

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump

_MOST_MEMBERS = 1000


class Lenders:
    """The arrays whose memory a stream knows, by address."""

    def __init__(self, dump: Dump) -> None:
        self._found: list[tuple[int, int, Any]] = []
        self._starts: list[int] = []
        self._lent = dump.lent
        self._read = 0
        self.borrowed: list[Span] = []
        self._add(map(_whole, _earlier_arrays(dump)))
        self._add(_earlier_columns(dump))
        self._add(map(_whole, _new_arrays(dump.root)))

    def bytes_at(self, address: int, size: int) -> Any:
        """Return a view of an array's bytes at an address; None if no known array lies there."""
        if len(self._lent) > self._read:
            new, self._read = self._lent[self._read :], len(self._lent)
            self._add(map(_whole, new))
        place = bisect_right(self._starts, address) - 1
        if not size or place < 0:
            return None
        start, end, view = self._found[place]
        return view[address - start :][:size] if address + size <= end else None

    def _add(self, views: Iterable[Any]) -> None:
        for view in views:
            if view is not None and len(view):
                start: int = view.__array_interface__["data"][0]
                self._found.append((start, start + len(view), view))
        self._found.sort(key=lambda one: one[:2])
        self._starts = [start for start, _, _ in self._found]


_known: weakref.WeakKeyDictionary[Any, Lenders] = weakref.WeakKeyDictionary()


def lenders(dump: Dump) -> Lenders:
    """Return the arrays whose memory a stream knows."""
    found = _known.get(dump)
    if found is None:
        found = _known[dump] = Lenders(dump)
    return found


def lend(array: Any, dump: Dump) -> None:
    """Note that a stream holds an array by content.

    Raises:
        NotStorable: it holds what arrow keeps in the same memory as a copy already.
    """
    if "pyarrow" not in sys.modules:
        return
    dump.lent.append(array)
    known = _known.get(dump)
    if known is None or not known.borrowed:
        return
    start: int = array.__array_interface__["data"][0]
    if any(start <= one[0] and one[1] <= start + array.nbytes for one in known.borrowed):
        raise NotStorable("shares its memory with an arrow table or polars frame; copy one of them")


def is_lent(arrays: Iterable[Any], dump: Dump) -> bool:
    """Tell whether a buffer of some arrow arrays lies in the memory of a known array."""
    known, buffers = lenders(dump), list(_buffers_of(arrays))
    if any(known.bytes_at(one.address, one.size) is not None for one in buffers):
        return True
    known.borrowed += [(one.address, one.address + one.size) for one in buffers if one.size]
    return False


class BufferKind(ReducedKind):
    """``pyarrow.Buffer``."""

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Refer to the array whose memory it is, if it is one's."""
        known = lenders(dump)
        view = known.bytes_at(obj.address, obj.size)
        if view is not None:
            return rebuild_tables.make_buffer, (view,)
        known.borrowed += [(obj.address, obj.address + obj.size)] if obj.size else []
        return super().reduce(obj, dump)


def _buffers_of(columns: Iterable[Any]) -> Iterator[Any]:
    for column in columns:
        for chunk in column.chunks:
            yield from filter(None, chunk.buffers())


def _whole(array: Any) -> Any:
    """Return the bytes of an array that owns its memory, None where they can't be viewed."""
    import numpy as np

    if array.dtype.hasobject or array.dtype.char == "T" or type(array) is not np.ndarray:
        return None
    rows = array if array.flags.c_contiguous else array.T
    return rows.reshape(-1).view(np.uint8) if rows.flags.c_contiguous else None


def _earlier_arrays(dump: Dump) -> Iterator[Any]:
    import numpy as np

    walk = dump.walk
    for ordinal, _ in walk.owners.values():
        one = walk.objects[ordinal] if 0 <= ordinal < len(walk.objects) else None
        while isinstance(one, np.ndarray) and isinstance(one.base, np.ndarray):
            one = one.base
        if isinstance(one, np.ndarray):
            yield one


def _earlier_columns(dump: Dump) -> Iterator[Any]:
    """Yield the bytes of unchanged frames' columns, to look at only."""
    import numpy as np

    from nbcache.heap.kinds.array_facts import owner_of
    from nbcache.heap.rebuild_frames import column_of

    for ordinal, number, _ in dump.walk.columns.values():
        if ordinal in dump.changed or not 0 <= ordinal < len(dump.walk.objects):
            continue
        owner = owner_of(column_of(dump.walk.objects[ordinal], number))
        view = _whole(owner) if isinstance(owner, np.ndarray) else None
        if view is not None:
            view.flags.writeable = False
            yield view


def _new_arrays(root: Any) -> Iterator[Any]:
    """Yield the arrays that values to be stored name, or hold directly, and those of frames."""
    bound = root.get("bind", {}) if isinstance(root, dict) else {}
    for value in bound.values():
        yield from _arrays_in(value, members=True)


def _arrays_in(value: Any, *, members: bool) -> Iterator[Any]:
    import numpy as np

    if isinstance(value, np.ndarray):
        while isinstance(value.base, np.ndarray):
            value = value.base
        yield value
    elif members and type(value) in (list, tuple, dict) and len(value) <= _MOST_MEMBERS:
        for one in value.values() if type(value) is dict else value:
            yield from _arrays_in(one, members=False)
    elif hasattr(value, "_mgr") and type(value).__module__.startswith("pandas."):
        for block in value._mgr.blocks:
            yield from _arrays_in(getattr(block.values, "_ndarray", block.values), members=False)
