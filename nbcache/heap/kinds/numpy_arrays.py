"""NumPy arrays: by dtype, shape, layout and content, with the memory that they share."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nbcache.errors import NotReplayable, NotStorable
from nbcache.heap import rebuild, rebuild_arrays, rebuild_frames
from nbcache.heap.columns import column
from nbcache.heap.groups import Group
from nbcache.heap.kinds import many_arrays
from nbcache.heap.kinds.array_facts import (
    ALIGNED,
    BUFFERS,
    WRITEABLE,
    address_of,
    dtype_token,
    has_gaps,
    is_raw,
    is_writeable,
    layout,
    owner_of,
    without_gaps,
)
from nbcache.heap.kinds.attributes import encode_attributes
from nbcache.heap.kinds.buffers import content, in_memory_order, texts
from nbcache.heap.kinds.lent_memory import lend
from nbcache.heap.kinds.numpy_files import reduce_map
from nbcache.heap.kinds.numpy_memory import refuse_foreign_memory
from nbcache.heap.kinds.numpy_tensors import reduce_beside_tensors, tensor_sharing
from nbcache.heap.memory import UNKNOWN
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk


class Raw:
    """An array to be stored by content, even though its memory is an earlier object's."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array


def elements(array: Any, walk: Walk, known: bytes | None = None) -> bytes:
    """Return the token of an array's elements, whatever its dtype, and of how they are laid out."""
    token = known or _elements(array, walk)
    return token if array.ndim < 2 else layout(array) + token


def _elements(array: Any, walk: Walk) -> bytes:
    if has_gaps(array.dtype):
        return content(without_gaps(in_memory_order(array)))
    if is_raw(array.dtype):
        return content(array)
    if array.dtype.names:
        return joined(b"h", [elements(array[name], walk) for name in array.dtype.names])
    flat = array.ravel(order="K")
    return texts(flat) or b"O" + column(flat.tolist(), walk)


class ArrayKind(Kind):
    """``numpy.ndarray`` and subclasses that add attributes only."""

    is_noted = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode type, dtype, shape, layout, flags, content and where its memory is shared."""
        flags, is_plain = obj.flags.num, type(obj) is np.ndarray
        parts = [walk.ref(type(obj)), dtype_token(obj.dtype, walk), text(str(obj.shape))]
        parts += [layout(obj), bytes([bool(flags & WRITEABLE), bool(flags & ALIGNED)])]
        plain = obj if is_plain else obj.view(np.ndarray)
        parts.append(elements(plain, walk, walk.ahead.content(obj)))
        parts.append(self._sharing(obj, walk))
        if is_plain:
            pass
        elif isinstance(obj, np.ma.MaskedArray):
            parts.extend(_mask_parts(obj, walk))
        elif isinstance(obj, np.memmap):
            parts.append(text(repr((str(obj.filename), obj.offset, obj.mode))))
        else:
            parts.append(encode_attributes(obj, walk))
        return joined(b"N", parts)

    def encode_group(
        self, objects: list[Any], ordinals: Sequence[int], walk: Walk
    ) -> tuple[bytes, Group] | None:
        """Encode many small arrays at once."""
        return many_arrays.encode_group(objects, ordinals, walk)

    def _sharing(self, obj: Any, walk: Walk) -> bytes:
        """Name the first array met over the same memory, and how far apart the two begin."""
        ordinal = walk.ordinals.place_of(obj)
        if obj.base is None and id(obj) not in walk.owners:
            walk.owners[id(obj)] = ordinal, UNKNOWN
            walk.keep(obj)
            return tensor_sharing(obj, ordinal, walk)
        owner, here = owner_of(obj), address_of(obj)
        first = walk.owners.setdefault(id(owner), (ordinal, here))
        walk.keep(owner)
        if first[1] == UNKNOWN:
            first = first[0], address_of(owner)
        if first[1] == here and ordinal == first[0]:
            is_buffer = isinstance(owner, BUFFERS)
            return walk.ref(owner) if is_buffer else tensor_sharing(owner, ordinal, walk)
        if not obj.nbytes:
            return b""
        return walk.reference(first[0]) + text(f":{here - first[1]}:{obj.strides}")

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Store owners by content and views as places in their owner's memory."""
        if type(obj) is not np.ndarray:
            return reduce_map(obj) if isinstance(obj, np.memmap) else reduce_subclass(obj)
        owner = owner_of(obj)
        earlier = dump.earlier_array(owner)
        if earlier is not None:
            start = earlier[1]
            start = address_of(earlier[0]) if start == UNKNOWN else start
            return reduce_view(obj, earlier[0], start)
        if isinstance(owner, BUFFERS):
            return reduce_over(obj, owner)
        refuse_foreign_memory(owner)
        column = None if is_writeable(obj) else dump.earlier_column(owner)
        if column is not None and is_raw(obj.dtype):
            return reduce_column_view(obj, *column)
        if id(owner) in dump.walk.within and id(owner) not in dump.within:
            if is_writeable(obj):
                raise NotStorable("shares the memory of an earlier array of pandas; copy it")
            dump.within.add(id(owner))
        if owner is not obj:
            return reduce_view(obj, owner, address_of(owner))
        return reduce_owned(obj, dump)

    def state(self, obj: Any) -> Any:
        """Return the contents, the attributes and the flags."""
        if isinstance(obj, np.memmap):
            raise NotReplayable("is a memory map of a file that was changed in place")
        own = dict(obj.__dict__) if type(obj) is not np.ndarray and hasattr(obj, "__dict__") else {}
        plain = np.asarray(obj)
        return Raw(plain), plain.shape, plain.strides, is_writeable(obj), own

    def snapshot(self, obj: Any) -> Any:
        """Return the state with a copy of the contents."""
        raw, *rest = self.state(obj)
        return (Raw(raw.array.copy()), *rest)

    def patch(self, live: Any, state: Any) -> None:
        """Copy the contents into the live memory, resizing it when the run did."""
        raw, shape, _, writeable, own = state
        source = raw.array if isinstance(raw, Raw) else raw
        plain = live.view(np.ndarray)
        if plain.dtype != source.dtype:
            set_form(live, "dtype", source.dtype)
        if plain.size != source.size:
            live.resize(shape, refcheck=False)
        elif plain.shape != shape:
            set_form(live, "shape", shape)
        locked = not live.flags.writeable
        if locked:
            live.flags.writeable = True
        live.view(np.ndarray)[...] = source
        if locked or not writeable:
            live.flags.writeable = writeable
        if type(live) is not np.ndarray and hasattr(live, "__dict__"):
            live.__dict__.clear()
            live.__dict__.update(own)


def set_form(live: Any, name: str, value: Any) -> None:
    """Set shape or dtype in place, as the run did; NumPy would rather make a new view."""
    if np.lib.NumpyVersion(np.__version__) < "2.5.0.dev0":
        setattr(live, name, value)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        setattr(live, name, value)


def reduce_owned(array: Any, dump: Dump) -> Any:
    """Return how to build an array that holds its own memory, or a tensor's."""
    if not is_raw(array.dtype):
        return NotImplemented
    lend(array, dump)
    return reduce_beside_tensors(array, dump) or reduce_owner(array, id(array) in dump.blocks)


def reduce_view(view: Any, owner: Any, start: int) -> Any:
    """Return how to take a view of a live array, from where its first element lies.

    Raises:
        NotStorable: the elements can't be viewed through memory.
    """
    if view.dtype.char == "T":
        raise NotStorable("is a view of an array of variable-length strings; copy it")
    place = (address_of(view) - start, view.shape, view.strides)
    args = (owner, place, view.dtype, is_writeable(view))
    return rebuild_arrays.make_array_view, args


def reduce_column_view(view: Any, frame: Any, number: int, start: int) -> Any:
    """Return how to take a view of an earlier frame's memory, and how to check it."""
    place = (address_of(view) - start, view.shape, view.strides)
    args = (frame, number, place, view.dtype, content(view))
    return rebuild_frames.make_column_view, args


def reduce_over(view: Any, buffer: Any) -> Any:
    """Return how to lay an array over the memory of another object."""
    offset = address_of(view) - address_of(np.frombuffer(buffer, np.uint8))
    args = (buffer, (offset, view.shape, view.strides), view.dtype, is_writeable(view))
    return rebuild_arrays.make_array_over, args


def contiguous(array: Any) -> Any:
    """Return an owner of memory with its axes in the order of the memory."""
    return array if array.flags.c_contiguous else array.T


def _mask_parts(array: Any, walk: Walk) -> list[bytes]:
    """Return the tokens of mask, fill value and hardness; the rest is bookkeeping."""
    own = array.__dict__  # the properties would write into it
    mask, fill = own.get("_mask", np.ma.nomask), own.get("_fill_value")
    if fill is None:
        fill = np.ma.default_fill_value(array.dtype)
    part = b"" if mask is np.ma.nomask else walk.ref(mask)
    return [part, text(repr(np.asarray(fill).tolist())), bytes([bool(own.get("_hardmask"))])]


def reduce_subclass(array: Any) -> Any:
    """Return how to view a plain array as a subclass that keeps attributes in its dict."""
    kind: Any = type(array)
    masked = isinstance(array, np.ma.MaskedArray) and array is not np.ma.masked
    own = [getattr(kind, name) is getattr(np.ndarray, name) for name in _PROTOCOL]
    is_view = isinstance(array.base, np.ndarray)
    if not (all(own) or masked) or not (is_view or is_raw(array.dtype)):
        return NotImplemented
    plain = array.view(np.ndarray)
    if not is_view:
        plain = Raw(plain)
    state = dict(array.__dict__) if hasattr(array, "__dict__") else {}
    args = (plain, kind, *(() if masked else place_in_base(array)))
    return rebuild_arrays.make_subclass, args, state, None, None, rebuild.fill_attributes


def place_in_base(array: Any) -> Any:
    """Return the base of a view if it is of the same class, and where the view lies in it."""
    base = array.base
    if type(base) is not type(array) or not base.flags.c_contiguous or not base.nbytes:
        return ()
    return base, (address_of(array) - address_of(base), array.shape, array.strides)


_PROTOCOL = ("__reduce__", "__reduce_ex__", "__setstate__")


class RawKind(Kind):
    """The contents of an earlier array, on their way into a patch."""

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Store the contents, never the place."""
        array = obj.array
        if not is_raw(array.dtype):
            return rebuild_arrays.make_raw, (array.copy(),)
        return reduce_owner(array)


def reduce_owner(array: Any, by_row: bool = False) -> Any:
    """Return the reduction of an array by content, its memory out of band.

    The axes go from the slowest to the quickest, as they lie in memory. ``by_row`` is for the
    block of a frame: its rows change one by one, and nobody sees who owns it.
    """
    axes = tuple(sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis])))
    if array.flags.c_contiguous:
        axes = tuple(range(array.ndim))
    inner = np.ascontiguousarray(array.transpose(axes))
    rows = inner if by_row and inner.ndim == 2 and len(inner) > 1 else inner.reshape(-1)
    memory = pickle.PickleBuffer(rows.view(np.uint8)) if array.nbytes else b""
    args = (memory, array.dtype, array.shape, axes, is_writeable(array))
    return rebuild_arrays.make_block if by_row else rebuild_arrays.make_array, args


register(RawKind(), Raw)
register(ArrayKind(), np.ndarray, bases=(np.ndarray,))
