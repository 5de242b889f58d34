"""pandas: frames, series and indexes by value, with attrs and flags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbcache.heap import rebuild_frames
from nbcache.heap.kinds.array_facts import address_of, owner_of
from nbcache.heap.kinds.instance import ReducedKind
from nbcache.heap.kinds.numpy_arrays import elements
from nbcache.heap.kinds.pandas_links import links_of, reduce_linked
from nbcache.heap.kinds.pandas_values import (
    COPY_ON_WRITE,
    StandaloneArrayKind,
    index_token,
    inner_arrays,
    values_token,
)
from nbcache.heap.kinds.pandas_views import OWN as OWN_BLOCKS
from nbcache.heap.kinds.pandas_views import PATCHED, note_contents, settle, staying
from nbcache.heap.kinds.values import LeafKind
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import digest, flat, frame, joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk


def names_token(index: Any, walk: Walk) -> bytes:
    """Return the token of an index's names."""
    return joined(b"n", map(walk.ref, index.names))


class IndexKind(Kind):
    """``pandas.Index``: immutable but for its names, which every holder of it sees."""

    is_noted = True
    has_parts = True

    def parts(self, obj: Any) -> list[Any]:
        """Return the levels that it shows, or its frequency."""
        if isinstance(obj, pd.MultiIndex):
            return list(obj.levels)
        return [getattr(obj, "freq", None)]

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode type and values, then the names."""
        return b"I" + digest(index_token(obj, walk)) + digest(names_token(obj, walk))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Leave it to pandas, but for who shares memory with whom."""
        if isinstance(obj, pd.MultiIndex):
            return *obj.__reduce__()[:2], list(obj.levels), None, None, rebuild_frames.fill_levels
        for one in inner_arrays(obj.array):  # nobody writes into an index
            dump.within.add(id(owner_of(one)))
        data = getattr(obj, "_data", None)
        if not COPY_ON_WRITE or type(data) is not np.ndarray or owner_of(data) is data:
            return NotImplemented
        return *obj.__reduce__()[:2], True, None, None, rebuild_frames.fill_index

    def is_patchable(self, before: bytes, after: bytes) -> bool:
        """Tell whether only the names changed."""
        return before[:17] == after[:17]

    def state(self, obj: Any) -> Any:
        """Return the names."""
        return list(obj.names)

    def patch(self, live: Any, state: Any) -> None:
        """Set the names."""
        live.names = state


class FrameKind(Kind):
    """``DataFrame`` and ``Series``, with subclasses that declare their ``_metadata``."""

    has_parts = True

    def parts(self, obj: Any) -> list[Any]:
        """Return the columns that are objects of their own."""
        numbers = range(1 if obj.ndim == 1 else obj.shape[1])
        columns = (rebuild_frames.column_of(obj, number) for number in numbers)
        return [one for one in columns if isinstance(one, pd.api.extensions.ExtensionArray)]

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode axes, columns by value, name, attrs and flags; never how blocks lie."""
        walk.packages.add("pandas")
        parts = [walk.ref(type(obj)), flat(bool(obj.flags.allows_duplicate_labels))]
        parts.extend(map(walk.ref, obj.axes))
        parts.append(joined(b"t", [p for item in obj.attrs.items() for p in map(walk.ref, item)]))
        for name in obj._metadata:
            parts.append(walk.ref(getattr(obj, name, None)))
        parts.extend(walk.ref(part) for item in extras_of(obj).items() for part in item)
        if COPY_ON_WRITE:
            note_columns(obj, walk)
        if isinstance(obj, pd.Series):
            columns = [values_token(obj._values, walk)]
        else:
            columns = self._columns(obj, walk) if COPY_ON_WRITE else self._blocks(obj, walk)
        if COPY_ON_WRITE:
            note_contents(obj, walk, columns)
        return joined(b"DF", [*parts, *columns])

    def _columns(self, obj: Any, walk: Walk) -> list[bytes]:
        manager = obj._mgr
        return [values_token(manager.iget_values(n), walk) for n in range(obj.shape[1])]

    def _blocks(self, obj: Any, walk: Walk) -> list[bytes]:
        parts = []
        for block in obj._mgr.blocks:
            places = np.asarray(block.mgr_locs.as_array, dtype=np.int64)
            parts.append(elements(places, walk))
            parts.append(values_token(block.values, walk))
        return parts

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Leave it to pandas, but for its attributes, and for who shares memory with whom."""
        parts = obj.__reduce_ex__(4)
        extras = extras_of(obj)
        dump.blocks.update(id(owner_of(one)) for one in map(_memory_of, obj._mgr.blocks))
        for block in obj._mgr.blocks if COPY_ON_WRITE else ():  # who writes copies first
            dump.within.update(id(owner_of(one)) for one in inner_arrays(block.values))
        if len(parts) < 3 or parts[3:] != (None,) * len(parts[3:]):
            return NotImplemented
        if not COPY_ON_WRITE:
            return reduce_linked(parts, extras, links_of(obj, dump))
        state = (parts[2], extras, shared_blocks(obj, dump), staying(obj, dump))
        return *parts[:2], state, None, None, rebuild_frames.fill_frame

    def state(self, obj: Any) -> Any:
        """Return a shallow copy, which holds the same columns under another identity."""
        copy = pd.Series(dtype=float) if isinstance(obj, pd.Series) else pd.DataFrame()
        object.__setattr__(copy, "_mgr", obj._mgr)
        object.__setattr__(copy, PATCHED, obj)
        copy.attrs = dict(obj.attrs)
        copy.flags.allows_duplicate_labels = obj.flags.allows_duplicate_labels
        metadata = {name: getattr(obj, name, None) for name in obj._metadata}
        return copy, type(obj), metadata, extras_of(obj)

    def settle(self, live: Any, state: Any, walk: Walk) -> None:
        """Let the live memory stay where arrays show it."""
        settle(live, state[0], walk)

    def patch(self, live: Any, state: Any) -> None:
        """Let the live object show the recorded contents."""
        source, kind, metadata, extras = state
        if type(live) is not kind:
            live.__class__ = kind
        object.__setattr__(live, "_mgr", source._mgr)
        cache = getattr(live, "_item_cache", None)
        if cache is not None:
            cache.clear()
        live.attrs.clear()
        live.attrs.update(source.attrs)
        live.flags.allows_duplicate_labels = source.flags.allows_duplicate_labels
        for name, value in metadata.items():
            object.__setattr__(live, name, value)
        for name in extras_of(live):
            del live.__dict__[name]
        live.__dict__.update(extras)


def _memory_of(block: Any) -> Any:
    """Return the array of a block's values, whatever wraps it."""
    return getattr(block.values, "_ndarray", block.values)


def note_columns(obj: Any, walk: Walk) -> None:
    """Note whose memory the columns are, so that views of it can be found."""
    ordinal = walk.ordinals.place_of(obj)
    for number in range(1 if obj.ndim == 1 else obj.shape[1]):
        column = rebuild_frames.column_of(obj, number)
        if isinstance(column, np.ndarray) and len(column):
            owner = owner_of(column)
            walk.columns.setdefault(id(owner), (ordinal, number, address_of(column)))
            walk.keep(owner)


def shared_blocks(obj: Any, dump: Dump) -> list[tuple[Any, ...]]:
    """Return which blocks lie over an earlier frame's memory: their number, and where there."""
    found = []
    for number, block in enumerate(obj._mgr.blocks):
        owner = rebuild_frames.shared_owner(block.values)
        known = None if owner is None else dump.earlier_column(owner)
        if known is not None and known[0] is not obj:
            frame, column, start = known
            inner = rebuild_frames.inner_array(block.values)
            place = (address_of(inner) - start, inner.shape, inner.strides)
            found.append((number, frame, column, place))
    return found


_OWN = frozenset(
    {"str", "cat", "dt", "sparse", "plot", "list", "struct"}  # accessors, kept before version 3
    | {
        "_mgr",
        "_item_cache",
        "_attrs",
        "_flags",
        "_is_copy",
        "_name",
        "_cacher",
        "_typ",
        "_metadata",
        PATCHED,
        OWN_BLOCKS,
    }
)
"""What pandas keeps in the ``__dict__`` of its frames and series."""


def extras_of(obj: Any) -> dict[str, Any]:
    """Return the attributes that somebody else set on a frame or series."""
    own = _OWN | set(obj._metadata)
    return {name: value for name, value in obj.__dict__.items() if name not in own}


class TextKind(Kind):
    """Dtypes and offsets: their full text."""

    by_value = True
    stable = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode type and text."""
        if isinstance(obj, pd.CategoricalDtype) and obj.categories is not None:
            return joined(b"cd", [flat(bool(obj.ordered)), index_token(obj.categories, walk)])
        return frame(b"pt", text(type(obj).__name__), text(repr(obj)))


VALUE = ReducedKind(by_value=True)
LEAF = LeafKind(pd.Timestamp, pd.Timedelta, pd.Interval)
register(FrameKind(), bases=(pd.DataFrame, pd.Series))
register(IndexKind(), bases=(pd.Index,))
register(StandaloneArrayKind(), bases=(pd.api.extensions.ExtensionArray,))
register(TextKind(), bases=(pd.api.extensions.ExtensionDtype,))
register(LEAF, first=(pd.Timestamp, pd.Timedelta, pd.Interval))
register(VALUE, first=(pd.Period, pd.tseries.offsets.BaseOffset))
register(VALUE, type(pd.NaT), type(pd.NA))
