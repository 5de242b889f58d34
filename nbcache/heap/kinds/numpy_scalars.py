"""NumPy scalars, dtypes and universal functions: values."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import numpy as np

from nbcache.heap import rebuild_arrays
from nbcache.heap.kinds.array_facts import (
    address_of,
    dtype_token,
    has_gaps,
    is_marked,
    without_gaps,
)
from nbcache.heap.kinds.numpy_arrays import contiguous
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import digest, frame, joined, shorten, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk


PLAIN = frozenset({np.bool_, *(np.dtype(char).type for char in "bhilqBHILQefdFD")})
"""Types of scalars whose size and order of bytes never vary."""


class ScalarKind(Kind):
    """NumPy scalars: type and value."""

    by_value = True
    stable = True
    leaves = PLAIN

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode dtype and bytes."""
        if isinstance(obj, np.void) and obj.dtype.hasobject:
            return joined(b"V", [dtype_token(obj.dtype, walk), walk.ref(obj.item())])
        filled = without_gaps(np.asarray(obj)) if has_gaps(obj.dtype) else obj
        return shorten(frame(b"V", dtype_token(obj.dtype, walk), filled.tobytes()))

    def encode_leaves(self, values: list[Any], walk: Walk) -> bytes:
        """Encode all as one array."""
        array = np.array(values, dtype=type(values[0]))
        return frame(b"V", dtype_token(array.dtype, walk), digest(array.data))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Keep a record that lies in an array's memory there."""
        if not isinstance(obj, np.void) or not isinstance(obj.base, np.ndarray):
            return NotImplemented
        owner, here = obj.base, address_of(obj)
        start = here - address_of(owner)
        array: Any = np.ndarray((), obj.dtype, contiguous(owner), start)
        return rebuild_arrays.make_void, (array,)


class RecordKind(ScalarKind):
    """Records, whose fields can be assigned."""

    stable = False


class DtypeKind(Kind):
    """NumPy dtypes."""

    by_value = True
    stable = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the whole description."""
        return frame(b"E", dtype_token(obj, walk))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Find the one of NumPy's own, and keep a byte order that NumPy drops.

        Such an order is named although it is the machine's.
        """
        if not is_marked(obj):
            own = obj.names is None and np.dtype(obj.char) is obj
            return (np.dtype, (obj.char,)) if own else NotImplemented
        return rebuild_arrays.make_marked_dtype, (obj.newbyteorder("="), obj.byteorder)


class UfuncKind(Kind):
    """Universal functions: their name, or the Python function that they are made of."""

    mixed = True
    stable = True

    def is_value(self, obj: Any) -> bool:
        """Those of libraries are names."""
        return not _made_of(obj)

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the name, and the function if it was made of one."""
        walk.packages.add("numpy")
        name = text(obj.__name__)
        made_of = _made_of(obj)
        if made_of:
            shape = text(f"{obj.nin} {obj.nout} {obj.identity!r}")
            return joined(b"U", [name, shape, *map(walk.ref, made_of)])
        return frame(b"U", text(str(getattr(obj, "__module__", ""))), name)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make it again of its function."""
        made_of = _made_of(obj)
        if not made_of:
            return NotImplemented
        return rebuild_arrays.make_ufunc, (made_of[0], obj.nin, obj.nout, obj.identity)


def _made_of(obj: Any) -> list[Any]:
    """Return the function that was handed to ``numpy.frompyfunc``, which only gc can see."""
    return [part for part in gc.get_referents(obj) if callable(part)]


register(RecordKind(), first=(np.void,))
register(ScalarKind(), first=(np.generic,))
register(DtypeKind(), first=(np.dtype,))
register(UfuncKind(), np.ufunc)
