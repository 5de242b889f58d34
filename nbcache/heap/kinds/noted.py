"""Attributes that a user gives an object of a library, which its own way to be copied leaves out.

``frame.source = "census"`` on a polars frame, ``index.unit = "m"``, ``image.label = 3``: pickle and
the kinds of such classes know nothing of them. What the library's own code names is left to it.
"""

from __future__ import annotations

import struct
import types
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nbcache.cell.bytecode import nested_codes
from nbcache.heap import rebuild
from nbcache.heap.kinds.attributes import dict_of
from nbcache.heap.kinds.forgotten import is_own_class
from nbcache.heap.kinds.instance import ReducedKind, reduce_object
from nbcache.heap.registry import Dump, Kind
from nbcache.heap.tokens import flat, frame, joined

if TYPE_CHECKING:
    from nbcache.heap.groups import Group
    from nbcache.heap.walk import Walk

_MARK = b"+"
_LENGTHS = struct.Struct("<2Q")
"""The number of a token's parts, and the length of the first, as ``frame`` writes them."""

_NOTHING = (None, None, None, None)
_WRITTEN = (types.FunctionType, property, classmethod, staticmethod)


class NotedKind(Kind):
    """A library's class by the kind that knows it, with the attributes that a user added."""

    def __init__(self, inner: Kind) -> None:
        self.inner = inner
        self._told = isinstance(inner, ReducedKind)
        self._tells: dict[type, bool] = {}
        for name in ("by_value", "sized", "leaves", "opaque", "mixed", "irreversible", "has_parts"):
            setattr(self, name, getattr(inner, name))

    def parts(self, obj: Any) -> list[Any]:
        """Return what the inner kind tells."""
        return self.inner.parts(obj)

    def is_value(self, obj: Any) -> bool:
        """Return what the inner kind tells."""
        return self.inner.is_value(obj)

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the object, and the attributes if there are any."""
        token, notes = self.inner.encode(obj, walk), self._notes(obj)
        if not notes:
            return token
        told = [joined(_MARK, [flat(name), walk.ref(notes[name])]) for name in sorted(notes)]
        return frame(_MARK, token, *told)

    def encode_group(
        self, objects: list[Any], ordinals: Sequence[int], walk: Walk
    ) -> tuple[bytes, Group] | None:
        """Leave objects with such attributes to be encoded one by one."""
        if any(map(self._notes, objects)):
            return None
        return self.inner.encode_group(objects, ordinals, walk)

    def encode_leaves(self, values: list[Any], walk: Walk) -> bytes:
        """Return what the inner kind tells."""
        return self.inner.encode_leaves(values, walk)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Have the attributes set after all else."""
        made, notes = self.inner.reduce(obj, dump), self._notes(obj)
        if not notes:
            return made
        if made is NotImplemented:
            made = reduce_object(obj)
            if type(made) is tuple:
                make, args, state, items, pairs = made
                made = make, args, state, items and iter(items), pairs and iter(pairs.items())
        if type(made) is not tuple or made[0] is rebuild.get_constant:
            return made  # the library's own, to which a name leads
        make, args, state, items, pairs, setter = (*made, *_NOTHING)[:6]
        return make, args, (state, setter, notes), items, pairs, rebuild.set_noted

    def state(self, obj: Any) -> Any:
        """Return the inner kind's state, and the attributes."""
        return self.inner.state(obj), self._notes(obj)

    def snapshot(self, obj: Any) -> Any:
        """Return the inner kind's snapshot, and the attributes."""
        return self.inner.snapshot(obj), dict(self._notes(obj))

    def is_patchable(self, before: bytes, after: bytes) -> bool:
        """Ask the inner kind about what it told."""
        return self.inner.is_patchable(_inner(before), _inner(after))

    def _notes(self, obj: Any) -> dict[str, Any]:
        """Return the attributes; an object's own reduction may tell some of them as well."""
        if not self._told:
            return notes_of(obj)
        kind = type(obj)
        notes = notes_of(obj, texts=self._tells.get(kind, False) is False)
        if not notes:
            return notes
        state = reduce_object(obj)[2]
        self._tells[kind] = type(state) is dict
        parts = state if type(state) is tuple else (state,)
        told = {name for one in parts if type(one) is dict for name in one}
        return {name: value for name, value in notes.items() if name not in told}

    def patch(self, live: Any, state: Any) -> None:
        """Patch the object, then give it the attributes."""
        inner, notes = state
        for name in self._notes(live).keys() - notes.keys():
            del vars(live)[name]
        self.inner.patch(live, inner)
        vars(live).update(notes)


def with_notes(kind: type, family: Kind) -> Kind:
    """Return the kind of a type whose objects may have attributes that ``family`` leaves out."""
    is_plain = not (isinstance(family, ReducedKind) or family.is_noted) or family.stable
    if is_plain or not kind.__dictoffset__ or is_own_class(kind):
        return family
    return NotedKind(family)


def notes_of(obj: Any, *, texts: bool = False) -> dict[str, Any]:
    """Return the attributes of an object that its library's code does not know, by name.

    ``texts``: also those that it knows if they are texts, as ``image.filename`` is: numbers may
    stand for what lives in this process alone.
    """
    own, kind = dict_of(obj), type(obj)
    known = known_names(kind)  # type: ignore[arg-type]  # a class is its own key
    if not own or (known.issuperset(own) and not (texts and str in map(type, own.values()))):
        return {}
    return {
        name: value
        for name, value in own.items()
        if name[:1] != "_" and (name not in known or (texts and type(value) is str))
    }


@lru_cache(maxsize=1024)
def known_names(kind: Any) -> frozenset[str]:
    """Return the names that the code of a class and its bases uses, and those of its members."""
    found: set[str] = set()
    for base in kind.__mro__:
        members = dict(vars(base))
        found |= members.keys() | set(members.get("__annotations__", ()))
        for member in members.values():
            if issubclass(type(member), _WRITTEN):
                parts = (getattr(member, name, None) for name in ("fget", "fset", "__func__"))
                for function in (member, *parts):
                    code = getattr(function, "__code__", None)
                    for each in nested_codes(code) if type(code) is types.CodeType else ():
                        found.update(each.co_names)
    return frozenset(found)


def _inner(token: bytes) -> bytes:
    """Return the inner kind's part of a token."""
    if token[:1] != _MARK:
        return token
    count, size = _LENGTHS.unpack_from(token, 1)
    start = 1 + 8 * (count + 1)
    return token[start : start + size]
