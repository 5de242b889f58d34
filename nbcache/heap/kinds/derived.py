"""Subclasses of builtin containers and scalars: the base's value, and attributes of their own."""

from __future__ import annotations

import collections
import copyreg
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotStorable
from nbcache.heap import rebuild
from nbcache.heap.kinds.attributes import (
    encode_attributes,
    own_state,
    replace_attributes,
    slots_of,
)
from nbcache.heap.kinds.builtin import CONTAINERS
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import FLAT, flat, joined

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk


class DerivedKind(Kind):
    """A subclass of a builtin container: its items, and the attributes of its class."""

    mixed = True
    stable = True

    has_parts = True

    def __init__(self, base: type, inner: Kind) -> None:
        self.base = base
        self.inner = inner
        self._immutable = base in (tuple, frozenset)

    def parts(self, obj: Any) -> list[Any]:
        """Return the items."""
        return self.inner.parts(items_of(self.base, obj))

    def is_value(self, obj: Any) -> bool:
        """A tuple that can't carry attributes is a value, as a named tuple is."""
        return self._immutable and not has_attributes(type(obj))

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode class, items and attributes."""
        inner = self.inner.encode(items_of(self.base, obj), walk)
        extra = walk.ref(_factory(obj))
        own = b"itself" if is_own_dict(obj) else encode_attributes(obj, walk)
        return joined(b"X", [walk.ref(type(obj)), inner, extra, own])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Build it with the base's own methods, unless the class has a protocol of its own."""
        kind = type(obj)
        if has_protocol(kind) and not _tells_foreign_items(obj):
            return NotImplemented
        state = (None, own_state(obj), None) if self._immutable else self.state(obj)
        make: Any
        args: Any
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
        own = ITSELF if is_own_dict(obj) else own_state(obj)
        return self.inner.state(items), own, _factory(obj)

    def patch(self, live: Any, state: Any) -> None:
        """Replace items with the base's own methods, then the attributes."""
        patch_derived(live, state)


def items_of(base: Any, obj: Any) -> Any:
    """Return the items as a plain container, past any override."""
    if issubclass(type(obj), collections.OrderedDict):
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
    if attributes == ITSELF:
        object.__setattr__(live, "__dict__", live)
    else:
        replace_attributes(live, attributes)
    if issubclass(type(live), collections.defaultdict):
        _DEFAULT_FACTORY.__set__(live, factory)


ITSELF = "itself"
"""Stands for the attributes of a dict that is its own ``__dict__``, as many a ``Bunch`` is."""


def is_own_dict(obj: Any) -> bool:
    """Tell whether a dict subclass keeps its items and its attributes in one place."""
    if not issubclass(type(obj), dict) or not type(obj).__dictoffset__:
        return False
    return object.__getattribute__(obj, "__dict__") is obj


_DEFAULT_FACTORY: Any = collections.defaultdict.__dict__["default_factory"]


def _factory(obj: Any) -> Any:
    is_default = issubclass(type(obj), collections.defaultdict)
    return _DEFAULT_FACTORY.__get__(obj) if is_default else None


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
    """Tell whether a container's subclass says itself how it is stored.

    One that only says what to do with a state is filled past that, with all that it holds.
    """
    ours = any(kind.__reduce__ is known for known in _BASE_PROTOCOLS)
    plain_ex = kind.__reduce_ex__ in (object.__reduce_ex__, bytearray.__reduce_ex__)
    named = any("__getstate__" in base.__dict__ for base in kind.__mro__[:-1])
    return not (ours and plain_ex) or named


def _tells_foreign_items(obj: Any) -> bool:
    """Tell whether an empty dict is reduced as one that holds its attributes' items.

    So does SciPy's ``dok_matrix``, and a copy made of that would hold them twice.
    """
    kind = type(obj)
    if not issubclass(kind, dict) or dict.__len__(obj) or kind.__module__ == "__main__":
        return False
    made = obj.__reduce_ex__(4)
    is_dict = type(made) is tuple and made[0] is _RECONSTRUCTOR and made[1][1] is dict
    return is_dict and bool(made[1][2])


_RECONSTRUCTOR: Any = copyreg._reconstructor  # type: ignore[attr-defined]

_SLICED: tuple[Any, ...] = (list, bytearray)
_UPDATED: tuple[Any, ...] = (dict, set)


def replace_items(live: Any, items: Any) -> None:
    """Replace a container's items through its base's methods, past any override."""
    if issubclass(type(live), collections.OrderedDict):
        collections.OrderedDict.clear(live)
        for key, value in items.items():
            collections.OrderedDict.__setitem__(live, key, value)
        return
    for base in _SLICED:
        if issubclass(type(live), base):
            base.__setitem__(live, slice(None), items)
    for base in _UPDATED:
        if issubclass(type(live), base):
            base.clear(live)
            base.update(live, items)
    if issubclass(type(live), collections.deque):
        rebuild.refill_deque(live, *items)


class ScalarKind(Kind):
    """A subclass of a flat type, such as a ``str`` subclass; its value and its attributes."""

    mixed = True
    stable = True

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


for _base, _kind in CONTAINERS.items():
    register(DerivedKind(_base, _kind), bases=(_base,))
register(ScalarKind(), bases=_SCALARS)
