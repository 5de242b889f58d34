"""What a stored stream calls to build pandas objects again; names here are part of the format."""

from __future__ import annotations

import operator
import weakref
from typing import Any

import numpy as np

from nbcache.heap.rebuild_arrays import Place, make_array_view

_memory: dict[int, tuple[weakref.ref[Any], Any]] = {}
"""By id of an array that owns memory: the copy-on-write record of all that lies over it."""


def fill_frame(frame: Any, state: tuple[Any, ...]) -> None:
    """Set a frame's or series' state, and attributes that pandas leaves out of it."""
    own, extra, *shared = state
    frame.__setstate__(own)
    frame.__dict__.update(extra)
    if len(shared) > 1:
        object.__setattr__(frame, "_nbcache_own", shared[1])
    over = {number: place for number, *place in (shared[0] if shared else ())}
    for number, block in enumerate(frame._mgr.blocks):
        owner = shared_owner(block.values)
        if owner is None or not hasattr(block, "refs"):
            continue
        if number in over and lay_over(block, *over[number]):
            continue
        record = _join(owner, block.refs)
        if record is not block.refs:
            block.refs = record
            record.add_reference(block)


def fill_linked(obj: Any, state: tuple[Any, dict[str, Any], dict[str, Any]]) -> None:
    """Set a frame's or series' state, its attributes, and what it was taken of."""
    own, extra, links = state
    obj.__setstate__(own)
    obj.__dict__.update(extra)
    if "_is_copy" in links:
        object.__setattr__(obj, "_is_copy", weakref.ref(links["_is_copy"]))
    if "_cacher" in links:
        name, frame, is_shown = links["_cacher"]
        object.__setattr__(obj, "_cacher", (name, weakref.ref(frame)))
        if is_shown:
            frame._item_cache[name] = obj


def lay_over(block: Any, live: Any, number: int, place: Place) -> bool:
    """Let a block rest on a live frame's memory, as the run left it; tell whether it can."""
    manager = live._mgr
    below = manager.blocks[0 if live.ndim == 1 else manager.blknos[number]]
    column = column_of(live, number)
    if not (isinstance(column, np.ndarray) and isinstance(block.values, np.ndarray)):
        return False
    view = make_array_view(column, place, block.values.dtype, True)
    if column.dtype != view.dtype or not _is_same(view, block.values):
        return False
    block.values, block.refs = view, below.refs
    below.refs.add_reference(block)
    return True


def _is_same(one: Any, other: Any) -> bool:
    """Tell whether two arrays have the same elements, bit by bit."""
    from nbcache.heap.kinds.buffers import content

    if one.dtype.hasobject:
        return all(map(operator.is_, one.flat, other.flat))
    return bool(content(one) == content(other))


def fill_index(index: Any, state: Any) -> None:
    """Let an index over shared memory be told of by copy-on-write."""
    owner = shared_owner(index._data)
    if owner is not None:
        index._references = _join(owner, None)
        index._references.add_index_reference(index)


def fill_levels(index: Any, levels: list[Any]) -> None:
    """Let an index show these very levels, as the stored one did."""
    index._cache["levels"] = type(index.levels)(levels)
    for level in levels:
        level._no_setting_name = True


def shared_owner(values: Any) -> Any:
    """Return the array that a column's memory belongs to, when others may lie over it too."""
    values = inner_array(values)
    if values is None:
        return None
    while isinstance(values.base, np.ndarray):
        values = values.base
    return values


def inner_array(values: Any) -> Any:
    """Return the array that holds a column's values, None when there is none."""
    for name in ("_ndarray", "_data"):
        values = getattr(values, name, values) if not isinstance(values, np.ndarray) else values
    return values if isinstance(values, np.ndarray) else None


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
    from nbcache.heap.kinds.buffers import content

    column = column_of(frame, number)
    if not isinstance(column, np.ndarray):
        raise LookupError("a column is of another type than it was")
    view = make_array_view(column, place, dtype, False)
    if content(view) != check:
        raise LookupError("the columns of a frame lie in memory in another way")
    return view
