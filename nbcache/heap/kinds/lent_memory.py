"""Memory of arrays that other libraries look at without a copy: they see what is written there.

``pa.array(a)`` and ``pl.Series(a)`` rest on the memory of ``a``. A stream holds their buffers as
places in that array, whether it was there before or is in the stream itself. Pillow does not tell
the address of an image's memory: there equal bytes count as shared.
"""

from __future__ import annotations

import sys
import weakref
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotStorable
from nbcache.heap import rebuild_tables
from nbcache.heap.kinds.instance import ReducedKind
from nbcache.heap.kinds.lent_places import buffers_of, members_of, places_of, plain_spans
from nbcache.heap.memory import Span

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump

SHARES = "shows a part of the memory of an array; make it of a copy"
_BORROWERS = frozenset(("pyarrow", "polars", "PIL.Image"))
_WINDOW = 1 << 26
_FEW = 64
"""So many arrays are put into their places one by one."""


class Lenders:
    """The arrays whose memory a stream knows, by address."""

    def __init__(self, dump: Dump) -> None:
        self._found: list[tuple[int, int, Any]] = []
        self._starts: list[int] = []
        self._lent = dump.lent
        self._read = 0
        self._borrowed: list[Span] = []
        self._plain: list[Span] | None = None
        self.copied: list[bytes] = []
        self._add(map(_whole, _earlier_arrays(dump)))
        self._add(_earlier_columns(dump))
        self._add(map(_whole, _new_arrays(dump.root)))

    def bytes_at(self, address: int, size: int) -> Any:
        """Return a view of an array's bytes at an address; None if no known array lies there."""
        self._catch_up()
        place = bisect_right(self._starts, address) - 1
        if not size or place < 0:
            return None
        start, end, view = self._found[place]
        return view[address - start :][:size] if address + size <= end else None

    @property
    def is_any(self) -> bool:
        """Tell whether any array is known."""
        self._catch_up()
        return bool(self._found)

    def borrow(self, places: Iterable[tuple[int, int]]) -> None:
        """Note memory that a stream holds as a copy: addresses and bytes."""
        for address, size in places:
            if size:
                insort(self._borrowed, (address, address + size))

    def has_borrowed(self, address: int, size: int) -> bool:
        """Tell whether some of that memory lies inside of an array's."""
        first = bisect_left(self._borrowed, (address, 0))
        last = bisect_left(self._borrowed, (address + size, 0))
        return any(end <= address + size for _, end in self._borrowed[first:last])

    def is_in_plain(self, address: int, dump: Dump) -> bool:
        """Tell whether one of Python's own arrays has its memory there."""
        if self._plain is None:
            self._plain = sorted(plain_spans(dump))
        place = bisect_right(self._plain, (address, sys.maxsize)) - 1
        return place >= 0 and address < self._plain[place][1]

    def holds(self, content: bytes) -> bool:
        """Tell whether the memory of a known array has these bytes in a row."""
        self._catch_up()
        return any(_has(view, content) for _, _, view in self._found)

    def _catch_up(self) -> None:
        if len(self._lent) > self._read:
            new, self._read = self._lent[self._read :], len(self._lent)
            self._add(map(_whole, new))

    def _add(self, views: Iterable[Any]) -> None:
        new = [view for view in views if view is not None and len(view)]
        for view in new if len(new) <= _FEW else ():
            place = bisect_right(self._starts, _address(view))
            self._starts.insert(place, _address(view))
            self._found.insert(place, (_address(view), _address(view) + len(view), view))
        if len(new) > _FEW:
            self._found += [(_address(view), _address(view) + len(view), view) for view in new]
            self._found.sort(key=lambda one: one[:2])
            self._starts = [start for start, _, _ in self._found]


def _address(view: Any) -> int:
    found: int = view.__array_interface__["data"][0]
    return found


_known: weakref.WeakKeyDictionary[Any, Lenders] = weakref.WeakKeyDictionary()


def lenders(dump: Dump) -> Lenders:
    """Return the arrays whose memory a stream knows."""
    found = _known.get(dump)
    if found is None:
        found = _known[dump] = Lenders(dump)
    return found


def lend(lent: Any, dump: Dump) -> None:
    """Note that a stream holds an array by content.

    Raises:
        NotStorable: it holds what arrow keeps in the same memory as a copy already.
    """
    if sys.modules.keys().isdisjoint(_BORROWERS):
        return
    dump.lent.append(lent)
    known = _known.get(dump)
    if known is None:
        return
    view = _whole(lent) if known.copied else None
    if view is not None and any(_has(view, one) for one in known.copied):
        raise NotStorable("may share its memory with an image; make one of them of a copy")
    if known.has_borrowed(_address(lent), lent.nbytes):
        raise NotStorable("shares its memory with an arrow table or polars frame; copy one of them")


def arrow_column(obj: Any, dump: Dump) -> Any:
    """Return how to build an array of pandas' again that shows a known array's memory, or None.

    pandas itself would make a copy.

    Raises:
        NotStorable: it lies in pieces.
    """
    chunked = getattr(obj, "_pa_array", None)
    if chunked is None or not is_lent([chunked], dump):
        return None
    if chunked.num_chunks != 1:
        raise NotStorable(SHARES)
    make, args, state = obj.__reduce_ex__(4)[:3]
    return make, args, {**state, "_pa_array": chunked.chunk(0)}


def may_be_lent(content: bytes, dump: Dump) -> bool:
    """Tell whether what shows these bytes may show those of a known array; it has no address."""
    known = lenders(dump)
    known.copied.append(content)
    return bool(content) and known.holds(content)


def _has(view: Any, content: bytes) -> bool:
    """Tell whether a view of bytes has some in a row, a window at a time."""
    size = len(content)
    starts = range(0, max(1, len(view) - size + 1), _WINDOW) if size <= len(view) else ()
    return any(content in view[start : start + _WINDOW + size].tobytes() for start in starts)


def is_lent(arrays: Iterable[Any], dump: Dump) -> bool:
    """Tell whether a buffer of some arrow arrays lies in the memory of a known array."""
    return _is_within([(one.address, one.size) for one in buffers_of(arrays)], dump)


def has_lent(columns: Iterable[Any], dump: Dump) -> bool:
    """Tell the same of polars' series, which needs no pyarrow."""
    return _is_within([place for one in columns for place in places_of(one)], dump)


def _is_within(places: list[tuple[int, int]], dump: Dump) -> bool:
    known = lenders(dump)
    if any(known.bytes_at(address, size) is not None for address, size in places):
        return True
    known.borrow(places)
    return False


class BufferKind(ReducedKind):
    """``pyarrow.Buffer``."""

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Refer to the array whose memory it is, if it is one's."""
        known = lenders(dump)
        view = known.bytes_at(obj.address, obj.size)
        if view is not None:
            return rebuild_tables.make_buffer, (view,)
        if known.is_in_plain(obj.address, dump):
            raise NotStorable("shows the memory of a bytearray or array; make it of a copy")
        known.borrow([(obj.address, obj.size)])
        return super().reduce(obj, dump)


def is_any_known(dump: Dump) -> bool:
    """Tell whether a stream knows any array at all."""
    return lenders(dump).is_any


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
    elif members and members_of(value):
        for one in members_of(value):
            yield from _arrays_in(one, members=False)
    elif hasattr(value, "_mgr") and type(value).__module__.startswith("pandas."):
        for block in value._mgr.blocks:
            yield from _arrays_in(getattr(block.values, "_ndarray", block.values), members=False)
