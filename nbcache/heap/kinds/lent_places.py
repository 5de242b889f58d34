"""Where values that are no arrays of NumPy's keep their memory."""

from __future__ import annotations

import array
import ctypes
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from nbcache.heap.memory import Span

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump

_MOST_MEMBERS = 1000
_BITS = re.compile(r"\d+$")


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
    elif kind in ("List", "Array"):
        inner = [chunk.explode() for chunk in series.get_chunks()]
    elif series.dtype.is_numeric() or series.dtype.is_temporal():
        yield from map(_place_of, series.get_chunks())
        return
    else:
        return
    for one in inner:
        yield from places_of(one)


def _place_of(chunk: Any) -> tuple[int, int]:
    numbers = chunk.to_physical()
    bits = _BITS.search(type(numbers.dtype).__name__)
    start: int = numbers._s.as_single_ptr()  # to_numpy makes copies where any are missing
    return start, len(numbers) * int(bits.group() if bits else 128) // 8


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
