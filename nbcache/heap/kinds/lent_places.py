"""Where values that are no arrays of NumPy's keep their memory."""

from __future__ import annotations

import array
import ctypes
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from nbcache.heap.memory import Span

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump

_MOST_MEMBERS = 1000


def buffers_of(columns: Iterable[Any]) -> Iterator[Any]:
    """Yield the buffers of arrow's columns."""
    for column in columns:
        for chunk in column.chunks:
            yield from filter(None, chunk.buffers())


def places_of(series: Any) -> Iterator[tuple[int, int]]:
    """Yield address and bytes of the numbers that a series keeps, its members' included."""
    kind = type(series.dtype).__name__
    if kind == "Struct":
        inner = [series.struct.field(name) for name in series.struct.fields]
    elif kind == "List":
        inner = [chunk.explode() for chunk in series.get_chunks()]
    elif series.dtype.is_numeric() or series.dtype.is_temporal() or kind == "Array":
        yield from filter(None, map(_place_of, series.get_chunks()))
        return
    else:
        return
    for one in inner:
        yield from places_of(one)


def _place_of(chunk: Any) -> tuple[int, int] | None:
    try:
        array = chunk.to_physical().to_numpy(allow_copy=False)
    except Exception:  # numbers with missing ones, or of a width that NumPy lacks
        return None
    start: int = array.__array_interface__["data"][0]
    return start, array.nbytes


def plain_spans(dump: Dump) -> Iterator[Span]:
    """Yield where Python's own arrays keep their memory, those named and those held directly."""
    bound = dump.root.get("bind", {}) if isinstance(dump.root, dict) else {}
    held = (one for value in bound.values() for one in (value, *members_of(value)))
    for one in (*dump.walk.objects, *held):
        if type(one) is array.array:
            address, count = one.buffer_info()
            yield address, address + count * one.itemsize
        elif type(one) is bytearray and one:
            address = ctypes.addressof(ctypes.c_char.from_buffer(one))
            yield address, address + len(one)


def members_of(value: Any) -> Iterable[Any]:
    """Return what a container of moderate size holds directly."""
    if type(value) not in (list, tuple, dict) or len(value) > _MOST_MEMBERS:
        return ()
    members: Iterable[Any] = value.values() if type(value) is dict else value
    return members
