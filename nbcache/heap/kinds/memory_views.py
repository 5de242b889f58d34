"""Memory views over buffers: which part of whose memory."""

from __future__ import annotations

import array
import ctypes
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotFingerprintable, NotStorable
from nbcache.heap import rebuild_files
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

_BUFFERS = (bytes, bytearray, array.array)


class MemoryViewKind(Kind):
    """``memoryview``: the object below it, the place in its memory, format and shape."""

    opaque = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the object and the place."""
        holder, place = place_of(obj, NotFingerprintable)
        return joined(b"mv", [walk.ref(holder), text(repr(place))])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Take the same view of the same object."""
        return rebuild_files.make_memory_view, place_of(obj, NotStorable)


def place_of(view: Any, error: type[Exception]) -> tuple[Any, tuple[Any, ...]]:
    """Return the object whose memory is viewed, and which part of it as what.

    Raises:
        error: it is released, or of another kind of object, or in no simple order.
    """
    try:
        holder = view.obj
    except ValueError:
        raise error("is a memory view that was released") from None
    if type(holder) not in _BUFFERS and type(holder).__name__ != "ndarray":
        raise error(f"is a view of the memory of a {type(holder).__name__}; make bytes of it")
    whole = memoryview(holder)
    if not (whole.c_contiguous and view.c_contiguous and view.format and view.nbytes):
        raise error("is a memory view that is empty or has steps; make bytes of it")
    start = address_of(view) - address_of(whole)
    return holder, (start, view.nbytes, view.format, view.shape, view.readonly)


class _Buffer(ctypes.Structure):
    """``Py_buffer`` as CPython lays it out."""

    _fields_ = (
        ("address", ctypes.c_void_p),
        ("holder", ctypes.c_void_p),
        ("sizes", ctypes.c_ssize_t * 2),
        ("numbers", ctypes.c_int * 2),
        ("pointers", ctypes.c_void_p * 5),
    )


def address_of(view: memoryview) -> int:
    """Return where the memory of a contiguous view begins."""
    buffer = _Buffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(view), ctypes.byref(buffer), 0)
    ctypes.pythonapi.PyBuffer_Release(ctypes.byref(buffer))
    return int(buffer.address)


register(MemoryViewKind(), memoryview)
