"""Arrays that show the memory of a frame, ``v = df["a"].to_numpy()``, when a hit changes the frame.

A hit gives the live frame the stored columns. Where the run left a column in its place, an array
over it goes on showing the frame, so that the live memory has to stay; where the run wrote into
it, the array would have to change with it, and the cell runs instead. Nobody is found: nothing
has to be done. pandas itself copies memory that several of its objects show before it writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbcache.errors import CacheError
from nbcache.heap import rebuild_frames
from nbcache.heap.kinds.array_facts import address_of
from nbcache.heap.kinds.frame_holders import shown_owners

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

PATCHED, OWN = "_nbcache_of", "_nbcache_own"
"""Attributes of the state of a changed frame: the frame, and its columns that stay in place."""

Stay = tuple[int, Any, int, tuple[int, tuple[int, ...], tuple[int, ...]], bool]
"""A block's number, the frame, a column of it, the place beside that column, whether it changed."""


_COPIED = -1
"""Number of no block: what the run left was shared, so that pandas may have copied it first."""


def note_contents(obj: Any, walk: Walk, tokens: list[bytes]) -> None:
    """Note what the memory of a frame's columns holds, at first and when it is read last.

    By owner a column of it and where that begins; by address those that pandas' own objects share;
    by address the tokens of the columns, twice.
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
        walk.contents[place] = (*walk.contents[place][:3], found)
        return
    known = [(n, column) for n, column in enumerate(columns) if column is not None]
    owners = {
        id(rebuild_frames.shared_owner(column)): (n, address_of(column)) for n, column in known
    }
    shared = {address_of(column): n for n, column in known if _is_shared(obj, n)}
    walk.contents[place] = owners, shared, found, found


def staying(copy: Any, dump: Dump) -> list[Stay]:
    """Return which blocks of a changed frame lie in the memory that it had before the run."""
    live, walk = copy.__dict__.get(PATCHED), dump.walk
    ordinal = None if live is None else walk.ordinal(live)
    noted = None if ordinal is None else (walk.contents or {}).get(ordinal)
    if noted is None:
        return []
    owners, shared, first, last = noted
    found, left = [], dict(shared)
    for number, block in enumerate(copy._mgr.blocks):
        inner = rebuild_frames.inner_array(block.values)
        owner = None if inner is None else rebuild_frames.shared_owner(inner)
        known = owners.get(id(owner))
        if known is None:
            continue
        rows = inner if copy.ndim == 2 and inner.ndim == 2 else [inner]
        places = [address_of(row) for row in rows]
        left = {address: column for address, column in left.items() if address not in places}
        is_same = all(place in first and first[place] == last.get(place) for place in places)
        place = address_of(inner) - known[1], inner.shape, inner.strides
        found.append((number, live, known[0], place, not is_same))
    return [*((_COPIED, live, column, (0, (), ()), True) for column in left.values()), *found]


def _is_shared(frame: Any, column: int) -> bool:
    """Tell whether other objects of pandas share a column's memory."""
    manager = frame._mgr
    block = manager.blocks[0 if frame.ndim == 1 else manager.blknos[column]]
    return bool(block.refs.has_reference())


def settle(live: Any, copy: Any, walk: Walk) -> None:
    """Let blocks rest on the live memory where arrays show it, before a frame is changed.

    Raises:
        CacheError: an array shows memory that the run wrote into, or that lies in another way.
    """
    stay: list[Stay] = copy.__dict__.pop(OWN, [])
    if not stay:
        return
    shown, torn = shown_owners(live, (walk.objects, walk.kept)), shown_owners(copy, ())
    # What pandas shares comes first: laying blocks over others makes them share.
    for number, frame, column, place, is_changed in stay if shown else ():
        owner = rebuild_frames.shared_owner(rebuild_frames.column_of(frame, column))
        if id(owner) not in shown:
            continue
        if number == _COPIED and _is_shared(frame, column):  # as in the run
            continue
        block = copy._mgr.blocks[number]
        is_torn = is_changed or id(rebuild_frames.shared_owner(block.values)) in torn
        if is_torn or not rebuild_frames.lay_over(block, frame, column, place):
            raise CacheError("an array shows the memory of a table that the cell changes in place")
