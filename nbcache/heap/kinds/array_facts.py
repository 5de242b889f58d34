"""What is true of a NumPy array apart from its elements: memory, layout, flags, dtype."""

from __future__ import annotations

import array
import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from nbcache.heap.tokens import text

if TYPE_CHECKING:
    from nbcache.heap.walk import Walk

BUFFERS = (bytes, bytearray, array.array)
"""Holders of memory that are values of their own, which an array may lie over."""


def owner_of(view: Any) -> Any:
    """Return what holds an array's memory: an array, or a ``bytearray`` or such below it."""
    owner = view
    while True:
        base: Any = getattr(owner, "base", None)
        if type(base).__name__ == "DummyArray":  # of ``as_strided``
            base = base.base
        if type(base) is memoryview:  # of ``frombuffer``
            base = base.obj
        if not isinstance(base, np.ndarray):
            return base if isinstance(base, BUFFERS) else owner
        owner = base


def address_of(view: Any) -> int:
    """Return where an array's first element lies."""
    address: int = view.__array_interface__["data"][0]
    return address


ORDERS, ALIGNED, WRITEABLE = 0x0001 | 0x0002, 0x0100, 0x0400
"""Bits of flags: C and Fortran order, and whether elements lie at round addresses and can be set.

Reading ``flags.writeable`` warns about arrays of ``broadcast_arrays``.
"""


def is_writeable(view: Any) -> bool:
    """Tell whether an array lets its elements be assigned."""
    return bool(view.flags.num & WRITEABLE)


def is_raw(dtype: Any) -> bool:
    """Tell whether the bytes of the elements are their whole value."""
    return not dtype.hasobject and dtype.char != "T"


def has_gaps(dtype: Any) -> bool:
    """Tell whether elements are ``longdouble`` with bytes that no number fills."""
    return dtype.char in "gG" and _filled_bytes() < np.dtype("g").itemsize


@functools.cache
def _filled_bytes() -> int:
    """Return how many bytes of a ``longdouble`` count: ten of sixteen in the format of x87."""
    return 10 if np.finfo(np.longdouble).nmant == 63 else np.dtype("g").itemsize


def without_gaps(array: Any) -> Any:
    """Return the bytes that count of an array that ``has_gaps``, element by element."""
    step, filled = np.dtype("g").itemsize, _filled_bytes()
    memory = np.ascontiguousarray(array).reshape(-1).view(np.uint8).reshape(-1, step)
    return memory[:, :filled] if array.dtype.isnative else memory[:, step - filled :]


def layout(array: Any) -> bytes:
    """Return which memory order a restored array has: C, Fortran, both, or its strides."""
    orders = array.flags.num & ORDERS
    return bytes([65 + orders]) if orders else text(str(array.strides))


def dtype_token(dtype: Any, walk: Walk) -> bytes:
    """Return the token of a dtype with its fields, alignment and metadata."""
    known = walk.tokens.get(id(dtype))
    if known is None:
        known = walk.tokens[id(dtype)] = dtype, describe_dtype(dtype)
    return known[1]


def is_marked(dtype: Any) -> bool:
    """Tell whether a dtype names the machine's byte order, as those of h5py do: ``<f8``."""
    return bool(dtype.isnative and dtype.byteorder in "<>")


def describe_dtype(dtype: Any) -> bytes:
    """Return the token of a dtype that is asked for once."""
    is_told = dtype.names or dtype.char == "T" or is_marked(dtype)
    plain = repr(dtype) if is_told else dtype.str
    metadata = dict(dtype.metadata or {})
    return text(f"{type(dtype).__name__}|{plain}|{dtype.isalignedstruct}|{metadata}")
