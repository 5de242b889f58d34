"""The attributes of an instance: its ``__dict__`` and its slots, whichever it has."""

from __future__ import annotations

import functools
import sys
import types
import weakref
from itertools import chain, repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from nbcache.heap.columns import SHORT, column
from nbcache.heap.tokens import flat, joined, text

if TYPE_CHECKING:
    from nbcache.heap.groups import Part
    from nbcache.heap.walk import Walk

HEAP_TYPE = 1 << 9
"""``Py_TPFLAGS_HEAPTYPE``: the class was made at run time, by a class statement or C API."""

_MISSING = object()
_slots: weakref.WeakKeyDictionary[type, tuple[tuple[str, Any], ...]] = weakref.WeakKeyDictionary()

CACHES = frozenset({"_has_sorted_indices", "_has_canonical_format", "__slotnames__"})
"""Attributes that reading an object may add: no part of its value."""


def slots_of(kind: type) -> tuple[tuple[str, Any], ...]:
    """Return (name, descriptor) of all slots that instances of ``kind`` carry."""
    found = _slots.get(kind)
    if found is None:
        found = _slots[kind] = tuple(_find_slots(kind))
    return found


def _find_slots(kind: type) -> list[tuple[str, Any]]:
    found: dict[str, Any] = {}
    for depth, base in enumerate(kind.__mro__):
        if not base.__dict__.get("__slots__"):
            continue
        for name, member in base.__dict__.items():
            if type(member) is _MEMBER:
                hidden = name in found  # a subclass has a slot of the same name
                found[f"{name} of base {depth}" if hidden else name] = member
    return sorted(found.items())


class _Probe:
    __slots__ = ("member",)


_MEMBER = type(_Probe.__dict__["member"])


def dict_of(obj: Any) -> dict[str, Any] | None:
    """Return the instance's own ``__dict__`` object, or None when it has none.

    A partial of a partial is another thing once that has a dict, even an empty one: asking for
    the dict of one that has none would make it.
    """
    if type(obj) is functools.partial and obj.__reduce__()[2][3] is None:
        return None
    try:
        found = object.__getattribute__(obj, "__dict__")
    except AttributeError:
        return None
    return found if type(found) is dict else None


def slot_values(obj: Any) -> dict[str, Any]:
    """Return the set slots by name."""
    values = {}
    for name, member in slots_of(type(obj)):
        value = member.__get__(obj) if _is_set(member, obj) else _MISSING
        if value is not _MISSING:
            values[name] = value
    return values


def _is_set(member: Any, obj: Any) -> bool:
    try:
        member.__get__(obj)
    except AttributeError:
        return False
    return True


def _count(own: dict[str, Any]) -> int:
    return sys.getrefcount(own)


def _count_of_new() -> int:
    obj = _Weighed()
    own = dict_of(obj)
    return _count(own)  # type: ignore[arg-type]


class _Weighed:
    """A class whose instances' dicts nobody holds."""


ALONE = _count_of_new()
"""References to an instance's dict while nobody but the instance and its reader holds it."""


def is_held(own: dict[str, Any]) -> bool:
    """Tell whether somebody else than its instance holds a ``__dict__``.

    Call it with the dict in one local variable and nowhere else.
    """
    return sys.getrefcount(own) > ALONE


def encode_attributes(obj: Any, walk: Walk) -> bytes:
    """Return the token of the instance's dict and slots."""
    own = dict_of(obj)
    if own is None:
        part = b""
    elif is_held(own):
        part = joined(b"o", [walk.ref(own)])
    else:
        walk.dict_owners[id(own)] = obj
        part = _encode_dict(own, walk) if own else b"-"
    if not slots_of(type(obj)):
        return part
    slots = slot_values(obj)
    return joined(b"s", [part, *_pairs(slots, walk)])


def _encode_dict(own: dict[str, Any], walk: Walk) -> bytes:
    if not CACHES.isdisjoint(own):
        own = _without_caches(own)
    if len(own) <= SHORT and {str}.issuperset(map(type, own)):
        return joined(b"a", [flat(list(own)), *map(walk.ref, own.values())])
    return joined(b"n", [column(own, walk), column(own.values(), walk)])


def _pairs(values: dict[str, Any], walk: Walk) -> list[bytes]:
    return [part for name, value in values.items() for part in (text(name), walk.ref(value))]


def gather_attributes(objects: list[Any]) -> list[Part] | None:
    """Return classes, who holds the dicts, attributes and slots of instances of one class.

    None when they can't be read as a group: a slot that is not set, a ``__dict__`` of another
    type.
    """
    types = list(map(type, objects))
    ones = [1] * len(objects)
    parts: list[Part] = [(ones, types)]
    try:
        if types[0].__dictoffset__:
            parts += _gather_dicts(objects, ones)
        else:
            parts.append(([0] * len(objects), []))
        parts += [(ones, list(map(member.__get__, objects))) for _, member in slots_of(types[0])]
    except (AttributeError, TypeError):
        return None
    return parts


def _gather_dicts(objects: list[Any], ones: list[int]) -> list[Part]:
    """Return whether each ``__dict__`` is held, the names of attributes and their values.

    Raises:
        TypeError: they can't be read as a group.
    """
    dicts = dicts_of(objects)
    if max(map(sys.getrefcount, dicts)) > ALONE_IN_GROUP:
        held = list(map(ALONE_IN_GROUP.__lt__, map(sys.getrefcount, dicts)))
    else:
        held = [False] * len(dicts)
    if not {dict}.issuperset(map(type, dicts)):
        raise TypeError
    names, counts = list(chain.from_iterable(dicts)), list(map(len, dicts))
    if not CACHES.isdisjoint(names):
        dicts = list(map(_without_caches, dicts))
        names, counts = list(chain.from_iterable(dicts)), list(map(len, dicts))
    values = list(chain.from_iterable(map(dict.values, dicts)))
    return [(ones, held), (counts, names), (counts, values)]


def dicts_of(objects: list[Any]) -> list[Any]:
    """Return the ``__dict__`` of each instance of one class.

    Raises:
        AttributeError, TypeError: one of them has none.
    """
    kind: Any = type(objects[0])
    odd = (base for base in kind.__mro__ if type(base.__dict__.get("__dict__")) not in _USUAL)
    if kind.__getattribute__ is object.__getattribute__ and next(odd, None) is None:
        return list(map(attrgetter("__dict__"), objects))
    return list(map(object.__getattribute__, objects, repeat("__dict__")))


_USUAL = (types.GetSetDescriptorType, type(None))


def _without_caches(own: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in own.items() if name not in CACHES}


def _count_in_group() -> int:
    alive = [_Weighed(), _Weighed()]
    dicts = dicts_of(alive)
    return max(map(sys.getrefcount, dicts))


ALONE_IN_GROUP = _count_in_group()
"""References to a ``__dict__`` that nobody holds, as one counts them in a list of such."""


def own_state(obj: Any) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Return copies of the instance's dict (None: it has none) and slots."""
    own = dict_of(obj)
    return (None if own is None else dict(own)), slot_values(obj)


def replace_attributes(live: Any, state: tuple[dict[str, Any] | None, dict[str, Any]]) -> None:
    """Give the live instance these attributes and no others, in its own dict object."""
    own, slots = state
    target = dict_of(live)
    if target is not None and own is not None:
        target.clear()
        target.update(own)
    for name, member in slots_of(type(live)):
        if name in slots:
            member.__set__(live, slots[name])
        elif _is_set(member, live):
            member.__delete__(live)


def lost_attribute(obj: Any, state: Any) -> str | None:
    """Return the name of a number of the object's own that its ``state`` leaves out.

    Such a number refers to what the object keeps elsewhere, in a table of its library: neither
    a fingerprint nor a copy knows what stands there.
    """
    own = dict_of(obj)
    if type(state) is not dict or not own:
        return None
    for name, value in own.items():
        if type(value) is int and state.get(name, value) is None:
            return name
    return None


def put_in_order(own: dict[str, Any], names: list[str]) -> None:
    """Give an instance's attributes the order in which the run left them."""
    if list(own) != names and own.keys() == set(names):
        items = {name: own[name] for name in names}
        own.clear()
        own.update(items)


def attribute_values(obj: Any) -> list[Any]:
    """Return what the instance's dict and slots hold, in the order that its token tells."""
    return [*dict_values(obj), *slot_values(obj).values()]


def dict_values(obj: Any) -> list[Any]:
    """Return what the instance's dict holds, nothing where some of it does not count."""
    own = dict_of(obj)
    return list(own.values()) if own and CACHES.isdisjoint(own) else []
