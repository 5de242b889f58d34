"""NumPy: arrays by dtype, shape, layout and content, with shared memory; scalars; dtypes."""

from __future__ import annotations

import mmap
import pickle
from array import array as stdlib_array
from typing import TYPE_CHECKING, Any

import numpy as np

from nbcache.errors import NotReplayable, NotStorable
from nbcache.heap import rebuild
from nbcache.heap.kinds.attributes import encode_attributes
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import FLAT, digest, flat, frame, joined, shorten, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

_WRITTEN_ELSEWHERE = (bytearray, stdlib_array, mmap.mmap)
"""Owners of memory that other code can write to, past any array."""

LEAF_BYTES = 8 << 20
"""Strided memory is gathered in leaves of about this size."""


class Raw:
    """An array to be stored by content, even though its memory is an earlier object's."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array


def owner_of(array: Any) -> Any:
    """Return the object that owns the memory: an array, or whatever a foreign array rests on."""
    owner = array
    while isinstance(owner, np.ndarray) and owner.base is not None:
        owner = owner.base
    while isinstance(owner, memoryview):
        owner = owner.obj
    return owner


def root_of(array: Any) -> Any:
    """Return the outermost array that an array is a view of: itself when of none."""
    root = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    return root


if hasattr(np.lib, "array_utils"):
    byte_bounds = np.lib.array_utils.byte_bounds
else:  # numpy 1
    byte_bounds = np.byte_bounds


def covers(root: Any, view: Any) -> bool:
    """Tell whether a contiguous array holds all the memory of another one."""
    if not (root.flags.c_contiguous or root.flags.f_contiguous):
        return False
    low, high = byte_bounds(root)
    first, last = byte_bounds(view)
    return bool(low <= first and last <= high)


def content(array: Any) -> bytes:
    """Return the digest of an array's elements in its own memory order."""
    if array.dtype.hasobject:
        raise TypeError("object arrays are encoded by their elements")
    if array.flags.c_contiguous:
        return digest(_bytes(array))
    if array.flags.f_contiguous:
        return digest(_bytes(array.T))
    return _strided(array)


def _bytes(array: Any) -> Any:
    return array.reshape(-1).view(np.uint8).data if array.size and array.itemsize else b""


def _strided(array: Any) -> bytes:
    import xxhash

    state = xxhash.xxh3_128()
    step = max(1, LEAF_BYTES // max(1, array[:1].nbytes))
    for start in range(0, len(array), step):
        state.update(_bytes(np.ascontiguousarray(array[start : start + step])))
    return state.digest()


def layout(array: Any) -> bytes:
    """Return which memory order a restored array has: C, Fortran, both, or strided."""
    return bytes([65 + array.flags.c_contiguous + 2 * array.flags.f_contiguous])


def elements(array: Any, walk: Walk) -> bytes:
    """Return the token of an array's elements, whatever its dtype."""
    if not array.dtype.hasobject:
        return content(array)
    if array.dtype.names:
        return joined(b"h", [elements(array[name], walk) for name in array.dtype.names])
    items = array.ravel(order="K").tolist()
    if FLAT.issuperset(map(type, items)):
        return b"l" + flat(items)
    return joined(b"O", map(walk.ref, items))


def dtype_token(dtype: Any) -> bytes:
    """Return the token of a dtype with its fields, alignment and metadata."""
    plain = dtype.str if dtype.names is None else str(dtype.descr if dtype.isbuiltin else dtype)
    return text(f"{type(dtype).__name__}|{plain}|{dtype.isalignedstruct}|{dtype.metadata}")


class ArrayKind(Kind):
    """``numpy.ndarray`` and subclasses that add attributes only."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode type, dtype, shape, layout, flags, content and where its memory is shared."""
        parts = [walk.ref(type(obj)), dtype_token(obj.dtype), text(str(obj.shape)), layout(obj)]
        parts.append(bytes([obj.flags.writeable, obj.flags.aligned]))
        parts.append(elements(np.asarray(obj), walk))
        parts.append(self._sharing(obj, walk))
        if isinstance(obj, np.ma.MaskedArray):
            parts.extend(_mask_parts(obj, walk))
        elif type(obj) is not np.ndarray:
            parts.append(encode_attributes(obj, walk))
        return joined(b"N", parts)

    def _sharing(self, obj: Any, walk: Walk) -> bytes:
        """Name the first array met over the same memory, and how far apart the two begin."""
        owner = owner_of(obj)
        here = obj.__array_interface__["data"][0]
        first = walk.owners.setdefault(id(owner), (walk.index.get(id(obj), -1), here))
        if first[1] == here and walk.index.get(id(obj)) == first[0]:
            return b""
        if not obj.nbytes:
            return b""
        return walk.reference(first[0]) + text(f":{here - first[1]}:{obj.strides}")

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Store owners by content and views as places in their owner's memory."""
        if isinstance(obj, np.memmap):
            raise NotStorable("is a memory map of a file")
        if type(obj) is not np.ndarray:
            return reduce_subclass(obj)
        owner, root = owner_of(obj), root_of(obj)
        earlier = dump.earlier_array(owner)
        if earlier is not None:
            return self._view(obj, *earlier)
        if isinstance(owner, _WRITTEN_ELSEWHERE):
            raise NotStorable(f"rests on the memory of a {type(owner).__name__}; copy it")
        if root is obj and owner is not obj:
            root = dump.first_array(owner, obj)
        if root is not obj:
            if not covers(root, obj):
                raise NotStorable("shares memory with an array that holds only a part of it")
            return self._view(obj, root, root.__array_interface__["data"][0])
        return NotImplemented if obj.dtype.hasobject else reduce_owner(obj)

    def _view(self, obj: Any, owner: Any, start: int) -> Any:
        offset = obj.__array_interface__["data"][0] - start
        args = (owner, offset, obj.shape, obj.strides, obj.dtype, bool(obj.flags.writeable))
        return rebuild.make_array_view, args

    def state(self, obj: Any) -> Any:
        """Return the contents, the attributes and the flags."""
        if type(obj) is not np.ndarray and not isinstance(obj, (np.ma.MaskedArray, np.matrix)):
            raise NotReplayable("is an array subclass that was changed in place")
        own = dict(obj.__dict__) if isinstance(obj, np.ma.MaskedArray) else {}
        plain = np.asarray(obj)
        return Raw(plain), plain.shape, plain.strides, bool(obj.flags.writeable), own

    def patch(self, live: Any, state: Any) -> None:
        """Copy the contents into the live memory, resizing it when the run did."""
        raw, shape, strides, writeable, own = state
        source = raw.array if isinstance(raw, Raw) else raw
        plain = live.view(np.ndarray)
        if plain.dtype != source.dtype:
            live.dtype = source.dtype
        if plain.size != source.size:
            live.resize(shape, refcheck=False)
        elif plain.shape != shape:
            live.shape = shape
        locked = not live.flags.writeable
        if locked:
            live.flags.writeable = True
        live.view(np.ndarray)[...] = source
        if locked or not writeable:
            live.flags.writeable = writeable
        if own:
            live.__dict__.update(own)


def _mask_parts(array: Any, walk: Walk) -> list[bytes]:
    """Return the tokens of mask, fill value and hardness; the rest is bookkeeping."""
    own = array.__dict__  # the properties would write into it
    mask, fill = own.get("_mask", np.ma.nomask), own.get("_fill_value")
    if fill is None:
        fill = np.ma.default_fill_value(array.dtype)
    part = b"" if mask is np.ma.nomask else elements(np.asarray(mask), walk)
    return [part, text(repr(np.asarray(fill).tolist())), bytes([bool(own.get("_hardmask"))])]


def reduce_subclass(array: Any) -> Any:
    """Return how to view a plain array as a subclass that keeps attributes in its dict."""
    kind = type(array)
    own = kind.__reduce__ is np.ndarray.__reduce__ and kind.__setstate__ is np.ndarray.__setstate__
    own = own or kind is np.ma.MaskedArray
    if not own or kind.__reduce_ex__ is not np.ndarray.__reduce_ex__ or array.dtype.hasobject:
        return NotImplemented
    base = array.base
    plain = array.view(np.ndarray) if isinstance(base, np.ndarray) else Raw(array.view(np.ndarray))
    state = dict(array.__dict__) if hasattr(array, "__dict__") else {}
    return rebuild.make_subclass, (plain, kind), state, None, None, rebuild.fill_attributes


class RawKind(Kind):
    """The contents of an earlier array, on their way into a patch."""

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Store the contents, never the place."""
        array = obj.array
        if array.dtype.hasobject:
            return rebuild.make_raw, (array.copy(),)
        return reduce_owner(array)


def reduce_owner(array: Any) -> Any:
    """Return the reduction of an array by content, its memory out of band."""
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        array = array.copy()
    order = "C" if array.flags.c_contiguous else "F"
    plain = array if order == "C" else array.T
    memory = pickle.PickleBuffer(plain.reshape(-1).view(np.uint8)) if array.nbytes else b""
    writeable = bool(array.flags.writeable)
    return rebuild.make_array, (memory, array.dtype, array.shape, order, writeable)


class ScalarKind(Kind):
    """NumPy scalars: type and value."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode dtype and bytes."""
        if isinstance(obj, np.void) and obj.dtype.hasobject:
            return joined(b"V", [dtype_token(obj.dtype), walk.ref(obj.item())])
        return shorten(frame(b"V", dtype_token(obj.dtype), obj.tobytes()))


class DtypeKind(Kind):
    """NumPy dtypes."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the whole description."""
        return frame(b"E", dtype_token(obj))


class UfuncKind(Kind):
    """Universal functions: their name."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the name."""
        walk.packages.add("numpy")
        return frame(b"U", text(str(getattr(obj, "__module__", ""))), text(obj.__name__))


register(RawKind(), Raw)
register(ArrayKind(), np.ndarray, bases=(np.ndarray,))
register(ScalarKind(), first=(np.generic,))
register(DtypeKind(), first=(np.dtype,))
register(UfuncKind(), np.ufunc)
