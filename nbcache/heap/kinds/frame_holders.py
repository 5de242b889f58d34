"""Whether anything but pandas holds on to the memory of a frame: counts of references tell.

Whoever shows memory keeps its owner alive, be it an array, a tensor, an arrow buffer or a tree in
C: so the owner has more references than pandas' blocks explain. pandas notes its own objects over
one memory, and copies before it writes.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from nbcache.heap import rebuild_frames


def shown_owners(frame: Any, ours: Iterable[list[Any]]) -> set[int]:
    """Return the ids of the owners of a frame's memory that somebody outside of pandas shows.

    ``ours`` are the lists of what our own look at the namespace keeps.
    """
    held = [block for block in frame._mgr.blocks if _is_held(block, ours)]
    owners = (rebuild_frames.shared_owner(block.values) for block in held)
    return {id(owner) for owner in owners if owner is not None}


def _is_held(block: Any, ours: Iterable[list[Any]]) -> bool:
    objects: dict[int, Any] = {}
    expected: dict[int, int] = {}
    own: set[int] = set()
    for holder in _holders(block):
        is_index = isinstance(holder, pd.Index)
        node = holder._data if is_index else holder.values
        if is_index:  # its engine and whoever asks it hold that as well, and never write
            own.add(id(node))
        while node is not None:
            key = id(node)
            expected[key] = expected.get(key, 0) + 1
            is_known = key in objects
            objects[key] = node
            node = None if is_known else _below(node)
    del holder
    for key in map(id, itertools.chain.from_iterable(ours)):
        if key in expected:
            expected[key] += 1
    spare = object()
    key = id(spare)
    objects[key], expected[key] = spare, 0
    del spare
    usual = _count(objects, key)
    return any(
        _count(objects, key) - count > usual for key, count in expected.items() if key not in own
    )


def _count(objects: dict[int, Any], key: int) -> int:
    return sys.getrefcount(objects[key])


def _below(node: Any) -> Any:
    """Return what the memory under an array, or an extension array, belongs to."""
    if isinstance(node, np.ndarray):
        return node.base
    return node.obj if isinstance(node, memoryview) else rebuild_frames.inner_array(node)


def _holders(block: Any) -> list[Any]:
    """Return the objects of pandas over a block's memory, each once, itself among them."""
    known = (reference() for reference in block.refs.referenced_blocks)
    found = {id(holder): holder for holder in known if holder is not None}
    return list({**found, id(block): block}.values())
