"""Arrays that show the memory of a frame, ``v = df["a"].to_numpy()``, when a hit changes the frame.

A hit gives the live frame the stored columns. Where the run left a column in its place, an array
over it goes on showing the frame, so that the live memory has to stay; where the run wrote into
it, the array would have to change with it, and the cell runs instead. Nobody is found: nothing
has to be done. pandas itself copies memory that several of its objects show before it writes.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbcache.errors import CacheError
from nbcache.heap import rebuild_frames
from nbcache.heap.kinds.array_facts import address_of
from nbcache.heap.tokens import FLAT

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

PATCHED, OWN = "_nbcache_of", "_nbcache_own"
"""Attributes of the state of a changed frame: the frame, and its columns that stay in place."""

_MOST = 30_000
"""So many objects are looked at for arrays; more are not searched, as if there was one."""

Stay = tuple[int, Any, int, tuple[int, tuple[int, ...], tuple[int, ...]], bool]
"""A block's number, the frame, a column of it, the place beside that column, whether it changed."""


def note_contents(obj: Any, walk: Walk, tokens: list[bytes]) -> None:
    """Note what the memory of a frame's columns holds, at first and when it is read last.

    By owner a column of it and where that begins; by address the tokens of the columns, twice.
    """
    walk.contents = {} if walk.contents is None else walk.contents
    numbers = range(len(tokens))
    columns = [rebuild_frames.inner_array(rebuild_frames.column_of(obj, n)) for n in numbers]
    found = {
        address_of(column): token
        for column, token in zip(columns, tokens, strict=True)
        if column is not None and not column.dtype.hasobject
    }
    place = walk.ordinals.place_of(obj)
    if place in walk.contents:
        walk.contents[place] = (*walk.contents[place][:2], found)
    else:
        owners = {
            id(rebuild_frames.shared_owner(column)): (number, address_of(column))
            for number, column in enumerate(columns)
            if column is not None
        }
        walk.contents[place] = owners, found, found


def staying(copy: Any, dump: Dump) -> list[Stay]:
    """Return which blocks of a changed frame lie in the memory that it had before the run."""
    live, walk = copy.__dict__.get(PATCHED), dump.walk
    ordinal = None if live is None else walk.ordinal(live)
    noted = None if ordinal is None else (walk.contents or {}).get(ordinal)
    if noted is None:
        return []
    owners, first, last = noted
    found = []
    for number, block in enumerate(copy._mgr.blocks):
        inner = rebuild_frames.inner_array(block.values)
        owner = None if inner is None else rebuild_frames.shared_owner(inner)
        known = owners.get(id(owner))
        if known is None:
            continue
        rows = inner if copy.ndim == 2 and inner.ndim == 2 else [inner]
        places = [address_of(row) for row in rows]
        is_same = all(place in first and first[place] == last.get(place) for place in places)
        place = address_of(inner) - known[1], inner.shape, inner.strides
        found.append((number, live, known[0], place, not is_same))
    return found


def settle(live: Any, copy: Any, values: Mapping[str, Any], walk: Walk) -> None:
    """Let blocks rest on the live memory where arrays show it, before a frame is changed.

    Raises:
        CacheError: an array shows memory that the run wrote into, or that lies in another way.
    """
    stay: list[Stay] = copy.__dict__.pop(OWN, [])
    if not stay:
        return
    shown = _shown(_memory(live), walk.namespace.values())
    restored = [*values.get("bind", {}).values(), *(state for _, state in values["patches"])]
    for number, frame, column, place, is_changed in stay if shown is None or shown else ():
        owner = rebuild_frames.shared_owner(rebuild_frames.column_of(frame, column))
        if shown is not None and id(owner) not in shown:
            continue
        block = copy._mgr.blocks[number]
        stored = {id(rebuild_frames.shared_owner(block.values))}
        is_torn = is_changed or _shown(stored, restored) != set()
        if is_torn or not rebuild_frames.lay_over(block, frame, column, place):
            raise CacheError("an array shows the memory of a table that the cell changes in place")


def _memory(frame: Any) -> set[int]:
    owners = (rebuild_frames.shared_owner(block.values) for block in frame._mgr.blocks)
    return {id(owner) for owner in owners if owner is not None}


def _shown(owners: set[int], roots: Iterable[Any]) -> set[int] | None:
    """Return which of some memory arrays outside of pandas' objects show; None: nobody knows."""
    found: set[int] = set()
    waiting, seen = list(roots), set[int]()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if len(seen) > _MOST:
            return None
        if isinstance(value, np.ndarray):
            owner = id(rebuild_frames.shared_owner(value))
            found |= {owner} & owners
        waiting += _inner(value)
    return found


def _inner(value: Any) -> Iterable[Any]:
    """Return what an object holds that may be an array, or hold one; not what pandas' do."""
    kind = type(value)
    if issubclass(kind, (pd.DataFrame, pd.Series, pd.Index, types.ModuleType)):
        return ()
    if issubclass(kind, pd.api.extensions.ExtensionArray):
        return (rebuild_frames.inner_array(value),)
    if issubclass(kind, np.ndarray):
        return filter(_may_hold, value.flat if value.dtype.hasobject else ())
    if issubclass(kind, dict):
        value = [*value.keys(), *value.values()]
    elif issubclass(kind, type):
        value = vars(value).values() if value.__module__ == "__main__" else ()
    elif not issubclass(kind, (list, tuple, set, frozenset)):
        value = _attributes(value)
    return filter(_may_hold, value)


def _attributes(value: Any) -> list[Any]:
    found = [getattr(value, name, None) for name in ("__self__", "__func__", "__defaults__")]
    cells = getattr(value, "__closure__", None) if type(value) is types.FunctionType else None
    found += [cell.cell_contents for cell in cells or () if _is_filled(cell)]
    try:
        return [*found, *object.__getattribute__(value, "__dict__").values()]
    except AttributeError:
        return found


def _may_hold(value: Any) -> bool:
    return type(value) not in FLAT


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
