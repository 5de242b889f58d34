"""Lists, dicts, sets and the other containers and buffers of the language."""

from __future__ import annotations

import array
import builtins
import collections
import itertools
import marshal
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotFingerprintable
from nbcache.heap.columns import (
    BULKY,
    SHORT,
    column,
    items_of_dicts,
    items_of_lists,
    keyed_columns,
    lengths,
)
from nbcache.heap.groups import Group, Part, as_rows
from nbcache.heap.nans import mark_nans, shared_nans
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import FLAT, digest, flat, flat_tokens, frame, joined

if TYPE_CHECKING:
    from nbcache.heap.walk import Walk


def is_flat(values: Iterable[Any]) -> bool:
    """Tell whether every value has an exact flat type."""
    return FLAT.issuperset(map(type, values))


class ListKind(Kind):
    """``list``."""

    sized = True

    is_container = True
    has_parts = True

    def parts(self, obj: Any) -> list[Any]:
        """Return the items."""
        return list(obj)

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the items in order."""
        return b"l" + column(list(obj), walk)

    def encode_group(
        self, objects: list[Any], ordinals: Sequence[int], walk: Walk
    ) -> tuple[bytes, Group] | None:
        """Encode all items of all lists as one column."""
        if is_small(objects):
            return None
        return as_rows(walk, ordinals, _gather_lists(objects), _gather_lists, _encode_lists)

    def state(self, obj: Any) -> Any:
        """Return the items as a new list."""
        return list(obj)

    def patch(self, live: Any, state: Any) -> None:
        """Replace all items."""
        live[:] = state


def is_small(objects: list[Any]) -> bool:
    """Tell whether a group of containers holds so little that one by one is as quick."""
    return len(objects) <= SHORT and sum(map(len, objects)) <= BULKY


def _gather_lists(objects: list[Any]) -> list[Part]:
    return [(list(map(len, objects)), items_of_lists(objects))]


def _gather_items(objects: list[Any]) -> list[Part]:
    return [(list(map(len, objects)), list(itertools.chain.from_iterable(objects)))]


def _encode_lists(parts: list[Part], walk: Walk) -> bytes:
    counts, values = parts[0]
    return joined(b"L", [lengths(counts), column(values, walk)])


class TupleKind(Kind):
    """``tuple``: a value; sharing of tuples does not count."""

    by_value = True
    stable = True

    has_parts = True

    def parts(self, obj: Any) -> list[Any]:
        """Return the items."""
        return list(obj)

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the items in order."""
        return b"T" + column(obj, walk)


BUILTINS = builtins.__dict__


class DictKind(Kind):
    """``dict``; the order of items counts, since a cell can see it."""

    sized = True

    is_container = True
    has_parts = True

    def parts(self, obj: Any) -> list[Any]:
        """Return the keys and the values; Python's own names are no cell's business."""
        return [] if obj is BUILTINS else [*obj, *obj.values()]

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode keys and values in order."""
        if obj is BUILTINS:
            return b"builtins"
        return joined(b"d", [column(obj, walk), column(obj.values(), walk)])

    def encode_group(
        self, objects: list[Any], ordinals: Sequence[int], walk: Walk
    ) -> tuple[bytes, Group] | None:
        """Encode all keys, and the values key by key where all dicts have the same keys."""
        if is_small(objects) or walk.is_numbered(BUILTINS):
            return None
        return as_rows(walk, ordinals, gather_dicts(objects), gather_dicts, _encode_dicts)

    def state(self, obj: Any) -> Any:
        """Return the items as a new dict."""
        return dict(obj)

    def patch(self, live: Any, state: Any) -> None:
        """Replace all items."""
        live.clear()
        live.update(state)


def gather_dicts(objects: list[Any]) -> list[Part]:
    """Return the keys and the values of dicts."""
    counts = list(map(len, objects))
    keys, values = items_of_dicts(objects, sum(counts))
    return [(counts, keys), (counts, values)]


def _encode_dicts(parts: list[Part], walk: Walk) -> bytes:
    (counts, keys), (_, values) = parts
    return joined(b"D", keyed_columns(counts, keys, values, walk))


def canonical_items(obj: Iterable[Any], walk: Walk) -> list[bytes]:
    """Return the tokens of a set's elements in an order that no hash seed moves."""
    items = list(obj)
    if is_flat(items):
        return flat_tokens(items) + shared_nans(items)
    if is_flat_pairs(items):
        return flat_tokens(items)
    known = [item for item in items if walk.is_numbered(item)]
    fresh = [item for item in items if not walk.is_numbered(item)]
    known.sort(key=walk.ordinals.place_of)
    order = sorted(((walk.standalone(item), n) for n, item in enumerate(fresh)))
    if any(one[0] == other[0] for one, other in itertools.pairwise(order)):
        raise NotFingerprintable("is a set with two elements that can't be told apart")
    return sorted([walk.ref(item) for item in known] + [walk.ref(fresh[n]) for _, n in order])


def is_flat_pairs(items: list[Any]) -> bool:
    """Tell whether all items are tuples of flat values."""
    if not {tuple}.issuperset(map(type, items)):
        return False
    return is_flat(itertools.chain.from_iterable(items))


class SetKind(Kind):
    """``set``."""

    sized = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the elements in canonical order."""
        return joined(b"S", canonical_items(obj, walk))

    def encode_group(
        self, objects: list[Any], ordinals: Sequence[int], walk: Walk
    ) -> tuple[bytes, Group] | None:
        """Encode sets of flat values, each in canonical order."""
        parts = _gather_items(objects)
        if is_small(objects) or not is_flat(parts[0][1]) or mark_nans(parts[0][1]):
            return None
        return as_rows(walk, ordinals, parts, _gather_items, _encode_sets)

    def state(self, obj: Any) -> Any:
        """Return the elements as a list."""
        return list(obj)

    def patch(self, live: Any, state: Any) -> None:
        """Replace all elements."""
        live.clear()
        live.update(state)


def _encode_sets(parts: list[Part], walk: Walk) -> bytes:
    counts, values = parts[0]
    tokens = map(marshal.dumps, values, itertools.repeat(2))
    rows = [sorted(itertools.islice(tokens, count)) for count in counts]
    items = b"".join(itertools.chain.from_iterable(rows))
    return joined(b"SS", [lengths(counts), digest(items)])


class FrozenSetKind(Kind):
    """``frozenset``: a value."""

    by_value = True
    stable = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the elements in canonical order."""
        return joined(b"Z", canonical_items(obj, walk))


class BytearrayKind(Kind):
    """``bytearray``."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the bytes."""
        return frame(b"B", digest(obj), str(len(obj)).encode())

    def state(self, obj: Any) -> Any:
        """Return the bytes."""
        return bytes(obj)

    def patch(self, live: Any, state: Any) -> None:
        """Replace all bytes."""
        live[:] = state


class ArrayKind(Kind):
    """``array.array``."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode type code and memory."""
        return frame(b"A", obj.typecode.encode(), str(len(obj)).encode(), digest(obj.tobytes()))

    def state(self, obj: Any) -> Any:
        """Return the memory as bytes."""
        return obj.tobytes()

    def patch(self, live: Any, state: Any) -> None:
        """Replace all items."""
        live[:] = array.array(live.typecode, state)


class DequeKind(Kind):
    """``collections.deque``; ``maxlen`` counts and can't be patched."""

    is_container = True
    has_parts = True

    def parts(self, obj: Any) -> list[Any]:
        """Return the items."""
        return list(obj)

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode bound and items in order."""
        return joined(b"Q", [flat(obj.maxlen), column(obj, walk)])

    def state(self, obj: Any) -> Any:
        """Return the items and the bound."""
        return list(obj), obj.maxlen

    def patch(self, live: Any, state: Any) -> None:
        """Replace all items, and the bound when the run called the constructor again."""
        items, maxlen = state
        if live.maxlen != maxlen:
            collections.deque.__init__(live, (), maxlen)
        live.clear()
        live.extend(items)


CONTAINERS: dict[type, Kind] = {
    list: ListKind(),
    dict: DictKind(),
    set: SetKind(),
    tuple: TupleKind(),
    frozenset: FrozenSetKind(),
    bytearray: BytearrayKind(),
    collections.deque: DequeKind(),
}
for _base, _kind in CONTAINERS.items():
    register(_kind, _base)
register(ArrayKind(), array.array)
