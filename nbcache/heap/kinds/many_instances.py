"""Many instances at once: their attributes in columns, name by name.

Instances of one class most often have the same attributes in the same order. Then each name is
looked up in all of them, which is quicker than reading the items of each, and what a run changed
is found by comparing columns.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import chain, compress
from operator import is_not, itemgetter
from typing import TYPE_CHECKING, Any

from nbcache.heap.columns import column, has_names, keyed_columns
from nbcache.heap.groups import Rows, as_rows, as_singles
from nbcache.heap.identity import is_same
from nbcache.heap.kinds.attributes import (
    ALONE_IN_GROUP,
    CACHES,
    dicts_of,
    gather_attributes,
    slots_of,
)
from nbcache.heap.tokens import flat, joined
from nbcache.heap.unseen import hide

if TYPE_CHECKING:
    from nbcache.heap.groups import Group, Move, Part
    from nbcache.heap.walk import Walk

Table = tuple[type, list[str], list[list[Any]]]
"""A class, the names in each ``__dict__``, and the values by name and then by slot."""


class Instances:
    """A group of instances of one class, with all that they held."""

    __slots__ = ("ordinals", "table")

    def __init__(self, ordinals: Sequence[int], table: Table) -> None:
        self.ordinals = ordinals
        self.table = table

    def token(self, walk: Walk) -> bytes:
        """Return the token of the group."""
        kind, names, columns = self.table
        head = [b"=%d:" % len(self.ordinals), flat(names)] if names else []
        return joined(b"I", [walk.ref(kind), *head, *(column(one, walk) for one in columns)])

    def moved(self, walk: Walk) -> Iterator[Move]:
        """Look at those closely that hold another object than before."""
        kind, names, _ = self.table
        members = walk.members(self.ordinals)
        now = gather_table(members) if {kind}.issuperset(map(type, members)) else None
        if now is None or now[1] != names:
            places = list(range(len(self.ordinals)))
        else:
            places = _differing(self.table[2], now[2])
        if places:
            ordinals = list(map(self.ordinals.__getitem__, places))
            yield from Rows(ordinals, gather_attributes, self._parts(places)).moved(walk)

    def _parts(self, places: list[int]) -> list[Part]:
        """Return what ``gather_attributes`` had read of some instances."""
        kind, names, columns = self.table
        count, width = len(places), len(names)
        ones = [1] * count
        picked = [list(map(one.__getitem__, places)) for one in columns]
        parts: list[Part] = [(ones, [kind] * count)]
        if names:
            widths = [width] * count
            values = list(chain.from_iterable(zip(*picked[:width], strict=True)))
            parts += [(ones, [False] * count), (widths, names * count), (widths, values)]
        else:
            parts.append(([0] * count, []))
        return parts + [(ones, one) for one in picked[width:]]


def _differing(before: list[list[Any]], after: list[list[Any]]) -> list[int]:
    found: set[int] = set()
    for old, new in zip(before, after, strict=True):
        if not is_same(old, new):
            found.update(compress(range(len(old)), map(is_not, old, new)))
    return sorted(found)


def encode_instances(
    objects: list[Any], ordinals: Sequence[int], walk: Walk
) -> tuple[bytes, Group] | None:
    """Encode instances of one class; None when a ``__dict__`` is an object of its own."""
    table = gather_table(objects)
    if table is not None:
        return _encode_table(table, ordinals, walk)
    parts = gather_attributes(objects)
    if parts is None or True in parts[1][1]:
        return None
    return as_rows(walk, ordinals, parts, gather_attributes, _encode_rows)


def _encode_rows(parts: list[Part], walk: Walk) -> bytes:
    """Return the token of a group; the class is the same for all."""
    kind = parts[0][1][0]
    tokens = [walk.ref(kind)]
    slots = parts[2:]
    if kind.__dictoffset__:
        (counts, names), (_, values) = parts[2:4]
        tokens += keyed_columns(counts, names, values, walk)
        slots = parts[4:]
    tokens += [column(values, walk) for _, values in slots]
    return joined(b"I", tokens)


def _encode_table(table: Table, ordinals: Sequence[int], walk: Walk) -> tuple[bytes, Group]:
    """Encode instances that all have the same attributes, to the bytes of ``_encode_rows``."""
    group = Instances(ordinals, table)
    walk.volatile = False
    token = group.token(walk)
    if walk.volatile:
        return token, as_singles(walk, ordinals)
    for one in table[2]:
        hide(one)
    return token, group


def gather_table(objects: list[Any]) -> Table | None:
    """Return the attributes of instances of one class in columns; None if they have others."""
    kind = type(objects[0])
    found: Any = ([], []) if not kind.__dictoffset__ else _gather_names(objects)
    if found is None:
        return None
    names, columns = found
    try:
        columns += [list(map(member.__get__, objects)) for _, member in slots_of(kind)]
    except (AttributeError, TypeError):  # a slot that is not set
        return None
    return (kind, names, columns) if columns else None


def _gather_names(objects: list[Any]) -> tuple[list[str], list[list[Any]]] | None:
    """Return the names in the instances' dicts and the values of each; None if they differ."""
    try:
        dicts = dicts_of(objects)
    except (AttributeError, TypeError):
        return None
    if max(map(sys.getrefcount, dicts)) > ALONE_IN_GROUP or {*map(type, dicts)} != {dict}:
        return None
    names = list(dicts[0])
    if not names or not CACHES.isdisjoint(names):
        return None
    # As no name stands twice in a dict, this also says that each of them has all the names.
    if not has_names(names, len(dicts), list(chain.from_iterable(dicts))):
        return None
    return names, [list(map(itemgetter(name), dicts)) for name in names]
