"""Trees of plain values: lists, dicts and tuples of flat ones, in which nobody else holds a part.

Then nothing outside can refer into such a tree, and it can be written as one block. A few items of
its own that somebody else does hold, such as the last row that a loop leaves in its variable, stay
apart from the block.
"""

from __future__ import annotations

import gc
import math
import sys
import sysconfig
from collections.abc import Sequence
from itertools import compress, repeat
from operator import is_
from typing import Any

from nbcache.heap.tokens import FLAT

_INNER = frozenset({list, dict, tuple})
_PLAIN = FLAT | _INNER
_MOST_LEVELS = 64
_AT_ONCE = 4096
"""Containers that are looked into together, so that little is held at a time."""

_MOST_APART, _MOST_INSIDE = 16, 10_000
_COUNTS_HOLDERS = sys.implementation.name == "cpython" and not sysconfig.get_config_var(
    "Py_GIL_DISABLED"
)

Apart = tuple[tuple[int, Any], ...]
"""Items of a list, or values of a dict, by their place."""


def find_tree(top: Any) -> tuple[Any, Apart] | None:
    """Return a list or dict as it can be written in one, and what stays apart; None for others."""
    if not _COUNTS_HOLDERS or type(top) not in (list, dict):
        return None
    apart = _items_apart(top)
    if apart is None or not is_tree(top, frozenset(id(item) for _, item in apart)):
        return None
    if not apart:
        return top, apart
    if any(_reaches(item, top) for _, item in apart):
        return None
    rest = top.copy()
    keys = list(rest) if type(top) is dict else range(len(rest))
    for place, _ in apart:
        rest[keys[place]] = None
    return rest, apart


def put_back(rest: Any, apart: Apart) -> None:
    """Put into a tree that was written in one what was apart from it."""
    keys = list(rest) if type(rest) is dict else range(len(rest))
    for place, item in apart:
        rest[keys[place]] = item


def is_tree(top: Any, apart: frozenset[int] = frozenset()) -> bool:
    """Tell whether a container is a tree of plain ones, none of them held elsewhere.

    ``apart`` are the identities of items of its own that do not count.
    """
    level: list[Any] | None = [top] if _COUNTS_HOLDERS and type(top) is not set else None
    for _ in range(_MOST_LEVELS):
        level = _below(level, apart) if level else None
        if not level:
            return level is not None
        if not _is_held_once(level):
            return False
        apart = frozenset()
    return False


def _below(level: list[Any], apart: frozenset[int]) -> list[Any] | None:
    """Return the containers within containers, None where something in them is not plain."""
    below: list[Any] = []
    for start in range(0, len(level), _AT_ONCE):
        held = gc.get_referents(*level[start : start + _AT_ONCE])
        if apart:
            held = [one for one in held if id(one) not in apart]
        types = list(map(type, held))
        kinds = set(types)
        if not kinds <= _PLAIN:
            return None
        if float in kinds and any(map(math.isnan, compress(held, map(is_, types, repeat(float))))):
            return None
        if not kinds <= FLAT:
            below += compress(held, map(_INNER.__contains__, types))
    return below


def _is_held_once(containers: list[Any]) -> bool:
    """Tell whether nobody but what is above holds containers; of tuples, a cell can see it too."""
    above: list[Any] = [[]]
    probe = gc.get_referents(above)
    most = max(map(sys.getrefcount, probe))
    return max(map(sys.getrefcount, containers)) <= most


def _items_apart(top: Any) -> Apart | None:
    """Return the containers in a list or dict that others hold too; None for more than a few."""
    probe: list[Any] = [[]]
    if type(top) is list and _INNER.issuperset(map(type, top)) and _are_held_once(top, probe):
        return ()
    most = max(_holders(probe)[1])
    places, counts = _holders(top)
    if not counts or max(counts) <= most:
        return ()
    chosen = [place for place, count in zip(places, counts, strict=True) if count > most]
    if len(chosen) > _MOST_APART:
        return None
    items = top if type(top) is list else list(top.values())
    return tuple((place, items[place]) for place in chosen)


def _are_held_once(items: list[Any], probe: list[Any]) -> bool:
    return max(map(sys.getrefcount, items), default=0) <= max(map(sys.getrefcount, probe))


def _holders(top: Any) -> tuple[Sequence[int], list[int]]:
    """Return the places of the containers in a list or dict, and how many references each has."""
    items = top if type(top) is list else list(top.values())
    places = list(compress(range(len(items)), map(_INNER.__contains__, map(type, items))))
    inner = list(map(items.__getitem__, places))
    extra = type(top) is dict  # the list of values holds each as well
    return places, [count - extra for count in map(sys.getrefcount, inner)]


def _reaches(item: Any, top: Any) -> bool:
    """Tell whether a container leads to another one, or to what is not plain or too much."""
    level, seen = [item], 1
    while level:
        if seen > _MOST_INSIDE or any(map(is_, level, repeat(top))):
            return True
        held = gc.get_referents(*level)
        if not _PLAIN.issuperset(map(type, held)):
            return True
        level = [one for one in held if type(one) in _INNER]
        seen += len(held)
    return False
