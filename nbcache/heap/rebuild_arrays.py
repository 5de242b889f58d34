"""What a stored stream calls to build arrays again; names here are part of the format."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbcache.own_memory import is_own

COPIED_BYTES = 16 << 20
"""Arrays below this own their memory; larger ones rest on the store's private mapping."""

COPIED_BLOCK_BYTES = 64 << 10
"""The same for the blocks of a frame, whose arrays are shown as views of them."""

_COPIED_AS_ONE = frozenset("biufcmMSU")
"""Kinds of types without gaps inside."""

Shape = tuple[int, ...]
Place = tuple[int, Shape, Shape]
"""Where an array lies: bytes from where its holder begins, then its shape and strides."""


def make_array(buffer: Any, dtype: Any, shape: Shape, axes: Shape, writeable: bool) -> Any:
    """Return an array over a restored buffer; ``axes`` orders them from the slowest one."""
    memory = memoryview(buffer)
    is_shared = memory.nbytes >= COPIED_BYTES and is_own(memory)
    if not is_shared and dtype.kind in _COPIED_AS_ONE and axes == tuple(range(len(shape))):
        array = np.ndarray(shape, dtype, memory).copy() if memory.nbytes else np.empty(shape, dtype)
    else:
        array = _laid_out(memory, dtype, shape, axes, is_shared=is_shared)
    if not writeable:
        array.flags.writeable = False
    return array


def make_marked_dtype(plain: Any, byteorder: str) -> Any:
    """Return a dtype that names the machine's own byte order."""
    return plain.newbyteorder(byteorder)


def make_block(buffer: Any, dtype: Any, shape: Shape, axes: Shape, writeable: bool) -> Any:
    """Return the same for the memory of a frame's columns, which rests on the buffer if it can."""
    memory = memoryview(buffer)
    if memory.nbytes < COPIED_BLOCK_BYTES or not is_own(memory):
        return make_array(buffer, dtype, shape, axes, writeable)
    array = _laid_out(memory, dtype, shape, axes, is_shared=True)
    if not writeable:
        array.flags.writeable = False
    return array


def _laid_out(memory: memoryview, dtype: Any, shape: Shape, axes: Shape, *, is_shared: bool) -> Any:
    """Return the same of any type and order; where it has gaps, its bytes are copied as such."""
    inner = tuple(shape[axis] for axis in axes)
    if is_shared:
        strides = _strides(inner, _back(axes), dtype.itemsize)
        return np.ndarray(shape, dtype, memory, strides=strides)
    array = _owned(inner, axes, dtype)
    if memory.nbytes:
        flat = array.transpose(axes).reshape(-1).view(np.uint8)
        flat[:] = np.frombuffer(memory, np.uint8)
    return array


def _back(axes: Shape) -> Shape:
    """Return where each axis stands among ``axes``."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def _strides(inner: Shape, back: Shape, step: int) -> Shape:
    steps = []
    for size in reversed(inner):
        steps.append(step)
        step *= max(size, 1)
    steps.reverse()
    return tuple(steps[place] for place in back)


def _owned(inner: Shape, axes: Shape, dtype: Any) -> Any:
    """Return an empty array that owns its memory, its axes laid out as asked for."""
    if axes == tuple(range(len(inner))):
        return np.empty(inner, dtype)
    return np.empty_like(np.empty(inner, dtype).transpose(_back(axes)), order="K")


def make_array_view(owner: Any, place: Place, dtype: Any, flag: bool) -> Any:
    """Return a view of a live array, placed from where its first element lies."""
    offset, shape, strides = place
    base, start = owner, offset + owner.__array_interface__["data"][0]
    low, high = _extent(shape, strides, dtype.itemsize)
    while isinstance(base.base, np.ndarray):
        offset = start - _lowest(base)
        if base.flags.forc and offset + low >= 0 and offset + high <= base.nbytes:
            break
        base = base.base
    offset = start - _lowest(base)
    view = np.ndarray(shape, dtype, _memory(base), offset, strides)
    if not flag:
        view.flags.writeable = False
    return view


def _extent(shape: Shape, strides: Shape, size: int) -> tuple[int, int]:
    """Return where an array's bytes begin and end, counted from its first element."""
    spans = [(count - 1) * step for count, step in zip(shape, strides, strict=True) if count]
    low = sum(span for span in spans if span < 0)
    high = sum(span for span in spans if span > 0)
    return low, high + size


def _lowest(array: Any) -> int:
    address: int = _memory(array).__array_interface__["data"][0]
    return address


def _memory(array: Any) -> Any:
    """Return an array with its axes in the order of its memory."""
    if array.flags.c_contiguous:
        return array
    order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    return array.transpose(order)


def make_array_over(buffer: Any, place: Place, dtype: Any, flag: bool) -> Any:
    """Return an array over the memory of a ``bytes``, ``bytearray`` or ``array.array``."""
    offset, shape, strides = place
    array: Any = np.ndarray(shape, dtype, buffer, offset, strides)
    if not flag:
        array.flags.writeable = False
    return array


def make_void(array: Any) -> Any:
    """Return the one record of an array without axes, as a scalar over the same memory."""
    return array[()]


def make_ufunc(function: Any, inputs: int, outputs: int, identity: Any) -> Any:
    """Return a universal function made of a Python function."""
    return np.frompyfunc(function, inputs, outputs, identity=identity)


def make_subclass(array: Any, kind: Any, base: Any = None, place: Place | None = None) -> Any:
    """Return a view of a plain array as a subclass, without its attributes.

    With a place in a base of the same class it is a view of that one.
    """
    if place is None:
        return array.view(kind)
    offset, shape, strides = place
    made = np.ndarray.__new__(kind, shape, array.dtype, base, offset, strides)
    if not array.flags.writeable:
        made.flags.writeable = False
    return made


def make_raw(array: Any) -> Any:
    """Return an array that holds the recorded contents of an earlier one."""
    return array
