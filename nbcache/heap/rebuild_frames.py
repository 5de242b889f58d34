"""What a stored stream calls to build pandas objects again; names here are part of the format."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from nbcache.heap.rebuild_arrays import Place, make_array_view

_memory: dict[int, tuple[weakref.ref[Any], Any]] = {}
"""By id of an array that owns memory: the copy-on-write record of all that lies over it."""


def fill_frame(frame: Any, state: tuple[Any, dict[str, Any]]) -> None:
    """Set a frame's or series' state, and attributes that pandas leaves out of it."""
    own, extra = state
    frame.__setstate__(own)
    frame.__dict__.update(extra)
    for block in frame._mgr.blocks:
        owner = _shared_owner(block.values)
        if owner is not None and hasattr(block, "refs"):
            record = _join(owner, block.refs)
            if record is not block.refs:
                block.refs = record
                record.add_reference(block)


def fill_index(index: Any, state: Any) -> None:
    """Let an index over shared memory be told of by copy-on-write."""
    owner = _shared_owner(index._data)
    if owner is not None:
        index._references = _join(owner, None)
        index._references.add_index_reference(index)


def _shared_owner(values: Any) -> Any:
    """Return the array that a column's memory belongs to, when others may lie over it too."""
    for name in ("_ndarray", "_data"):
        values = getattr(values, name, values) if not isinstance(values, np.ndarray) else values
    if not isinstance(values, np.ndarray):
        return None
    while isinstance(values.base, np.ndarray):
        values = values.base
    return values


def _join(owner: Any, fresh: Any) -> Any:
    """Return the record of an owner's memory, shared by all blocks over it."""
    from pandas._libs.internals import BlockValuesRefs

    known = _memory.get(id(owner))
    if known is not None and known[0]() is owner:
        return known[1]
    record = BlockValuesRefs() if fresh is None else fresh
    key = id(owner)
    _memory[key] = weakref.ref(owner, lambda _: _memory.pop(key, None)), record
    return record


def column_of(frame: Any, number: int) -> Any:
    """Return one column's values, or those of a series."""
    return frame._values if frame.ndim == 1 else frame._mgr.iget_values(number)


def make_column_view(frame: Any, number: int, place: Place, dtype: Any, check: bytes) -> Any:
    """Return a read-only view of a live frame's memory, as ``values`` gives it.

    Raises:
        LookupError: the live frame's columns lie in memory in another way.
    """
    from nbcache.heap.kinds.numpy_arrays import content

    column = column_of(frame, number)
    if not isinstance(column, np.ndarray):
        raise LookupError("a column is of another type than it was")
    view = make_array_view(column, place, dtype, False)
    if content(view) != check:
        raise LookupError("the columns of a frame lie in memory in another way")
    return view
