"""Many values at once: one token for a column of values, made at C speed.

A column is what a container holds, or what all containers of one level hold, end to end. Its
values are told apart by their exact type alone, in one pass, and each sort is then encoded as
a whole: flat values by ``marshal``, tuples as the column of all their items, objects with an
identity as an array of ordinals. Only what is rare among data goes one by one.
"""

from __future__ import annotations

import gc
from array import array
from collections.abc import Iterable, Sequence
from itertools import chain, compress, repeat
from operator import sub
from typing import TYPE_CHECKING, Any

from nbcache.heap.identity import is_same
from nbcache.heap.nans import mark_nans
from nbcache.heap.registry import Kind, kind_of
from nbcache.heap.tokens import FLAT, flat, joined, shorten

if TYPE_CHECKING:
    from nbcache.heap.walk import Walk

SHORT = 8
"""Up to so many values go one by one, which is as quick."""

BULKY = 64
"""Containers that hold more than this are worth a column of their own."""

FLATS, NUMBERED, TUPLES, LEAVES, OTHERS = range(5)
"""The sorts of values: how each is encoded."""


class Sorts(dict[type, int]):
    """The sort of each exact type, as one walk sees it.

    It knows the walk's kinds but not the walk, which must go as soon as nobody needs it.
    """

    def __init__(self, kinds: dict[type, Kind]) -> None:
        super().__init__({tuple: TUPLES})
        self.update(dict.fromkeys(FLAT, FLATS))
        self._kinds = kinds

    def __missing__(self, kind: type) -> int:
        """Ask the type's kind, once for each walk."""
        family = self._kinds.get(kind) or kind_of(kind)
        if family.mixed:
            sort = OTHERS
        elif family.by_value:
            sort = LEAVES if kind in family.leaves else OTHERS
        else:
            sort = NUMBERED
        self[kind] = sort
        return sort


def column(items: Iterable[Any], walk: Walk) -> bytes:
    """Return the token of values in order; those with an identity get ordinals in order."""
    values = items if type(items) is list else list(items)
    token = _flat_column(values)
    if token is not None:
        return b"f" + token
    if len(values) <= SHORT:
        return joined(b"s", map(walk.ref, values))
    parts: list[bytes] = []
    pending: list[Any] | None = values
    while pending is not None:
        pending = _sorted_out(pending, walk, parts)
    return joined(b"m", parts)


def _flat_column(values: list[Any]) -> bytes | None:
    """Return the token of flat values, None where there are others among them."""
    if values and type(values[0]) not in FLAT:
        return None
    types = set(map(type, values))
    if not types <= FLAT:
        return None
    return flat(values) + mark_nans(values, types) if float in types else flat(values)


def _sorted_out(values: list[Any], walk: Walk, parts: list[bytes]) -> list[Any] | None:
    """Encode a column but for the items of its tuples, which are the next column."""
    token = _flat_column(values)
    if token is not None:
        parts.append(token)
        return None
    sorts = _sorts_of(values, walk)
    parts.append(uniform(sorts))
    flats = _pick(values, sorts, FLATS)
    if flats:
        parts.append(flat(flats) + mark_nans(flats))
    numbered = _pick(values, sorts, NUMBERED)
    if numbered:
        parts.append(references(walk.ordinals.add_all(numbered), walk))
    leaves = _pick(values, sorts, LEAVES)
    if leaves:
        parts.append(_leaves(leaves, walk))
    others = _pick(values, sorts, OTHERS)
    if others:
        parts.append(_others(others, walk))
    tuples = _pick(values, sorts, TUPLES)
    walk.holds_values = bool(walk.holds_values or leaves or others or tuples)
    if not tuples:
        return None
    parts.append(lengths(list(map(len, tuples))))
    return list(chain.from_iterable(tuples))


def _sorts_of(values: list[Any], walk: Walk) -> bytes:
    kinds = set(map(type, values))
    if len(kinds) == 1:
        return bytes([walk.sorts[kinds.pop()]]) * len(values)
    return bytes(map(walk.sorts.__getitem__, map(type, values)))


_SELECTORS = [bytes(sort == number for number in range(256)) for sort in range(5)]


def _pick(values: list[Any], sorts: bytes, sort: int) -> list[Any]:
    found = sorts.count(sort)
    if found == len(values):
        return values
    return list(compress(values, sorts.translate(_SELECTORS[sort]))) if found else []


def uniform(codes: bytes) -> bytes:
    """Return the token of a string of codes, most often all alike."""
    if codes.count(codes[:1]) == len(codes):
        return b"=%d:%c" % (len(codes), codes[0])
    return shorten(b"/" + codes)


def lengths(counts: list[int]) -> bytes:
    """Return the token of many lengths, most often all alike."""
    if counts.count(counts[0]) == len(counts):
        return b"=%d:%d" % (len(counts), counts[0])
    return shorten(b"/" + array("q", counts).tobytes())


def items_of_lists(lists: list[Any]) -> list[Any]:
    """Return the items of lists end to end."""
    if len(lists) <= SHORT or not _IS_REVERSED:
        return list(chain.from_iterable(lists))
    items = gc.get_referents(*reversed(lists))
    items.reverse()
    return items


_IS_REVERSED = gc.get_referents([1, 2], [3]) == [2, 1, 3]
"""Whether the collector visits the items of a list from the last to the first, at C speed."""


def items_of_dicts(dicts: list[Any], count: int) -> tuple[list[Any], list[Any]]:
    """Return all keys and all values of dicts that have ``count`` items together.

    The collector visits both of an item, in order, only where keys may be of any type.
    """
    if not count:
        return [], []
    if len(dicts) > SHORT and _VISITS_ITEMS and type(next(chain.from_iterable(dicts))) is not str:
        found = gc.get_referents(*dicts)
        if len(found) == 2 * count:
            return found[1::2], found[::2]
    return list(chain.from_iterable(dicts)), list(chain.from_iterable(map(dict.values, dicts)))


_VISITS_ITEMS = gc.get_referents({1: "a", (): "b"}) == ["a", 1, "b", ()]
"""Whether the collector visits each value and then its key."""


def keyed_columns(counts: list[int], keys: list[Any], values: list[Any], walk: Walk) -> list[bytes]:
    """Return the tokens of keys and values; the values of each key are a column where they can.

    That they can means that many owners all have the same string keys in the same order.
    """
    owners = len(counts)
    names = own_names(counts, keys) if SHORT < owners > counts[0] > 0 else None
    if names is None:
        return [lengths(counts), column(keys, walk), column(values, walk)]
    columns = [column(values[place :: len(names)], walk) for place in range(len(names))]
    return [b"=%d:" % owners, flat(names), *columns]


def own_names(counts: list[int], keys: list[Any]) -> list[str] | None:
    """Return the string keys that all owners have, in the same order; None where they differ."""
    width, owners = counts[0], len(counts)
    names = keys[:width]
    if counts.count(width) != owners or not has_names(names, owners, keys):
        return None
    return names


def has_names(names: list[Any], times: int, keys: list[Any]) -> bool:
    """Tell whether keys are these strings over and over."""
    if not {str}.issuperset(map(type, names)):
        return False
    repeated = names * times
    return is_same(keys, repeated) or ({str}.issuperset(map(type, keys)) and keys == repeated)


def references(ordinals: Any, walk: Walk) -> bytes:
    """Return the token of many references; each counts from the start of its root."""
    first = walk.root_start
    if type(ordinals) not in (range, list):  # of objects that are new in this root
        return shorten(b"o" + (ordinals - first).tobytes())
    begin, end = ordinals[0], ordinals[0] + len(ordinals)
    if begin >= first and ordinals[-1] == end - 1 and is_run(ordinals):
        return b"r%d:%d" % (begin - first, len(ordinals))
    if min(ordinals) >= first:
        near = map(sub, ordinals, repeat(first)) if first else ordinals
        return shorten(b"o" + array("q", near).tobytes())
    return joined(b"p", map(walk.reference, ordinals))


def is_run(ordinals: Sequence[int]) -> bool:
    """Tell whether the ordinals follow one another without a gap."""
    if type(ordinals) is range:
        return True
    return ordinals == list(range(ordinals[0], ordinals[0] + len(ordinals)))


def _leaves(values: list[Any], walk: Walk) -> bytes:
    """Encode immutable values of types whose kind takes whole columns, type by type."""
    types = list(map(type, values))
    kinds = list(dict.fromkeys(types))
    parts = []
    if len(kinds) > 1:
        parts.append(column(list(map(kinds.index, types)), walk))
    for kind in kinds:
        of_kind = [value for value in values if type(value) is kind] if len(kinds) > 1 else values
        parts.append(walk.ref(kind))
        parts.append(walk.kind_of(kind).encode_leaves(of_kind, walk))
    return joined(b"v", parts)


def _others(values: list[Any], walk: Walk) -> bytes:
    """Encode values one by one, the same object once."""
    known: dict[int, bytes] = {}
    parts = []
    for value in values:
        token = known.get(id(value))
        if token is None:
            token = known[id(value)] = walk.ref(value)
        parts.append(token)
    return joined(b"w", parts)
