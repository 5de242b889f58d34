"""Lists, dicts, sets and the other containers and buffers of the language."""

from __future__ import annotations

import array
import builtins
import collections
import gc
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotFingerprintable, NotStorable
from nbcache.heap import rebuild
from nbcache.heap.kinds.attributes import (
    encode_attributes,
    own_state,
    replace_attributes,
    slots_of,
)
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import FLAT, digest, flat, frame, joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk


def is_flat(values: Iterable[Any]) -> bool:
    """Tell whether every value has an exact flat type."""
    return FLAT.issuperset(map(type, values))


class ListKind(Kind):
    """``list``."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the items in order."""
        if is_flat(obj):
            return b"l" + flat(obj)
        return joined(b"L", map(walk.ref, obj))

    def state(self, obj: Any) -> Any:
        """Return the items as a new list."""
        return list(obj)

    def patch(self, live: Any, state: Any) -> None:
        """Replace all items."""
        live[:] = state


class TupleKind(Kind):
    """``tuple``: a value; sharing of tuples does not count."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the items in order."""
        return joined(b"T", map(walk.ref, obj))


BUILTINS = builtins.__dict__


class DictKind(Kind):
    """``dict``; the order of items counts, since a cell can see it."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode keys and values in order."""
        if obj is BUILTINS:
            return b"builtins"
        if is_flat(obj) and is_flat(obj.values()):
            return b"d" + flat(obj)
        parts = [b""] * (2 * len(obj))
        parts[::2] = map(walk.ref, obj)
        parts[1::2] = map(walk.ref, obj.values())
        return joined(b"D", parts)

    def state(self, obj: Any) -> Any:
        """Return the items as a new dict."""
        return dict(obj)

    def patch(self, live: Any, state: Any) -> None:
        """Replace all items."""
        live.clear()
        live.update(state)


def canonical_items(obj: Iterable[Any], walk: Walk) -> list[bytes]:
    """Return the tokens of a set's elements in an order that no hash seed moves."""
    items = list(obj)
    if is_flat(items):
        return sorted(map(flat, items))
    known = [item for item in items if walk.is_numbered(item)]
    fresh = [item for item in items if not walk.is_numbered(item)]
    known.sort(key=lambda item: walk.index[id(item)])
    order = sorted(((walk.standalone(item), n) for n, item in enumerate(fresh)))
    alike = [first[0] for first, second in zip(order, order[1:], strict=False)]
    if any(left == right[0] for left, right in zip(alike, order[1:], strict=False)):
        raise NotFingerprintable("is a set with two elements that can't be told apart")
    return sorted([walk.ref(item) for item in known] + [walk.ref(fresh[n]) for _, n in order])


class SetKind(Kind):
    """``set``."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the elements in canonical order."""
        return joined(b"S", canonical_items(obj, walk))

    def state(self, obj: Any) -> Any:
        """Return the elements as a list."""
        return list(obj)

    def patch(self, live: Any, state: Any) -> None:
        """Replace all elements."""
        live.clear()
        live.update(state)


class FrozenSetKind(Kind):
    """``frozenset``: a value."""

    by_value = True

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

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode bound and items in order."""
        return joined(b"Q", [flat(obj.maxlen), *map(walk.ref, obj)])

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


class DerivedKind(Kind):
    """A subclass of a builtin container: its items, and the attributes of its class."""

    mixed = True

    def __init__(self, base: type, inner: Kind) -> None:
        self.base = base
        self.inner = inner
        self._immutable = base in (tuple, frozenset)

    def is_value(self, obj: Any) -> bool:
        """A tuple that can't carry attributes is a value, as a named tuple is."""
        return self._immutable and not has_attributes(type(obj))

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode class, items and attributes."""
        inner = self.inner.encode(items_of(self.base, obj), walk)
        extra = walk.ref(_factory(obj))
        return joined(b"X", [walk.ref(type(obj)), inner, extra, encode_attributes(obj, walk)])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Build it with the base's own methods, unless the class has a protocol of its own."""
        kind = type(obj)
        if has_protocol(kind):
            return NotImplemented
        state = (None, own_state(obj), None) if self._immutable else self.state(obj)
        if self.base is collections.deque:
            make, args = rebuild.make_deque, (kind, obj.maxlen)
        else:
            make, args = rebuild.make_bare, (kind, plain_value(obj))
        if state == (None, (None, {}), None):
            return make, args
        return make, args, state, None, None, rebuild.fill_derived

    def state(self, obj: Any) -> Any:
        """Return items, attributes and the default factory."""
        items = items_of(self.base, obj)
        if self._immutable:
            return None, own_state(obj), None
        return self.inner.state(items), own_state(obj), _factory(obj)

    def patch(self, live: Any, state: Any) -> None:
        """Replace items with the base's own methods, then the attributes."""
        patch_derived(live, state)


def items_of(base: Any, obj: Any) -> Any:
    """Return the items as a plain container, past any override."""
    if isinstance(obj, collections.OrderedDict):
        return {key: dict.__getitem__(obj, key) for key in collections.OrderedDict.__iter__(obj)}
    if base is dict:
        return dict(dict.items(obj))
    if base is collections.deque:
        return collections.deque(collections.deque.__iter__(obj), obj.maxlen)
    if base is bytearray:
        return bytearray(memoryview(obj))
    return base(base.__iter__(obj))


def patch_derived(live: Any, state: tuple[Any, Any, Any]) -> None:
    """Replace items, attributes and default factory of a container's subclass."""
    items, attributes, factory = state
    if items is not None:
        replace_items(live, items)
    replace_attributes(live, attributes)
    if isinstance(live, collections.defaultdict):
        live.default_factory = factory


def _factory(obj: Any) -> Any:
    return obj.default_factory if isinstance(obj, collections.defaultdict) else None


def has_attributes(kind: type) -> bool:
    """Tell whether instances can carry attributes of their own."""
    return kind.__dictoffset__ != 0 or bool(slots_of(kind))


_BASE_PROTOCOLS = (
    object.__reduce__,
    collections.OrderedDict.__reduce__,
    collections.defaultdict.__reduce__,
    collections.Counter.__reduce__,
    collections.deque.__reduce__,
    set.__reduce__,
    frozenset.__reduce__,
    bytearray.__reduce__,
)


def has_protocol(kind: Any) -> bool:
    """Tell whether a container's subclass says itself how it is stored."""
    ours = any(kind.__reduce__ is known for known in _BASE_PROTOCOLS)
    plain_ex = kind.__reduce_ex__ in (object.__reduce_ex__, bytearray.__reduce_ex__)
    named = any(
        "__setstate__" in b.__dict__ or "__getstate__" in b.__dict__ for b in kind.__mro__[:-1]
    )
    return not (ours and plain_ex) or named


def replace_items(live: Any, items: Any) -> None:
    """Replace a container's items through its base's methods, past any override."""
    if isinstance(live, collections.OrderedDict):
        collections.OrderedDict.clear(live)
        for key, value in items.items():
            collections.OrderedDict.__setitem__(live, key, value)
        return
    for base in (list, bytearray):
        if isinstance(live, base):
            base.__setitem__(live, slice(None), items)
    for base in (dict, set):
        if isinstance(live, base):
            base.clear(live)
            base.update(live, items)
    if isinstance(live, collections.deque):
        rebuild.refill_deque(live, *items)


class ScalarKind(Kind):
    """A subclass of a flat type, such as a ``str`` subclass; its value and its attributes."""

    mixed = True

    def is_value(self, obj: Any) -> bool:
        """One that can't carry attributes is a value."""
        return not has_attributes(type(obj))

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode class, plain value and attributes."""
        plain = flat(plain_value(obj)[0])
        return joined(b"Y", [walk.ref(type(obj)), plain, encode_attributes(obj, walk)])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Build it with the base's own constructor, unless the class has a protocol."""
        kind = type(obj)
        if kind in FLAT or has_protocol(kind):
            return NotImplemented
        args = (kind, plain_value(obj))
        if not has_attributes(kind):
            return rebuild.make_bare, args
        return rebuild.make_bare, args, own_state(obj), None, None, rebuild.fill_slots

    def state(self, obj: Any) -> Any:
        """Return the attributes."""
        return own_state(obj)

    def patch(self, live: Any, state: Any) -> None:
        """Replace the attributes."""
        replace_attributes(live, state)


_PLAIN: dict[type, Any] = {
    int: int.__int__,
    float: float.__float__,
    complex: lambda obj: complex(complex.real.__get__(obj), complex.imag.__get__(obj)),
    str: lambda obj: "".join(str.__iter__(obj)),
    bytes: lambda obj: bytes(bytes.__iter__(obj)),
    tuple: lambda obj: tuple(tuple.__iter__(obj)),
    frozenset: lambda obj: frozenset(frozenset.__iter__(obj)),
}
_SCALARS = (int, float, complex, str, bytes)


def plain_value(obj: Any) -> tuple[Any, ...]:
    """Return the plain value of an instance that extends a builtin, as constructor arguments.

    Raises:
        NotStorable: it extends a type that can't be built from a plain value.
    """
    base = rebuild.base_of(type(obj))
    plain = _PLAIN.get(base)
    if plain is not None:
        return (plain(obj),)
    if base is object or issubclass(base, (list, dict, set, bytearray)):
        return ()
    raise NotStorable(f"extends {base.__name__}, which can't be built again without its code")


class DictViewKind(Kind):
    """Keys, values and items of a dict: views over the live dict."""

    by_value = True

    def __init__(self, name: str) -> None:
        self.name = name

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode which view of which dict."""
        return joined(b"vi", [text(self.name), walk.ref(gc.get_referents(obj)[0])])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Take the same view of the same dict."""
        return rebuild.make_view, (self.name, gc.get_referents(obj)[0])


class SliceKind(Kind):
    """``slice`` and ``range``: values."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode start, stop and step."""
        parts = [obj.start, obj.stop, obj.step]
        return joined(text(type(obj).__name__), map(walk.ref, parts))


_CONTAINERS: dict[type, Kind] = {
    list: ListKind(),
    dict: DictKind(),
    set: SetKind(),
    tuple: TupleKind(),
    frozenset: FrozenSetKind(),
    bytearray: BytearrayKind(),
    collections.deque: DequeKind(),
}
for _base, _kind in _CONTAINERS.items():
    register(_kind, _base)
    register(DerivedKind(_base, _kind), bases=(_base,))
register(ScalarKind(), bases=_SCALARS)
for _name in ("keys", "values", "items"):
    register(DictViewKind(_name), type(getattr({}, _name)()))
register(ArrayKind(), array.array)
register(SliceKind(), slice, range)
