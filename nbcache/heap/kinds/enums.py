"""Members of enumerations: each stays the one object that it is."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotStorable
from nbcache.heap import rebuild
from nbcache.heap.kinds.attributes import dict_of, encode_attributes, own_state
from nbcache.heap.kinds.code import is_library
from nbcache.heap.kinds.derived import plain_value
from nbcache.heap.kinds.instance import PlainKind
from nbcache.heap.registry import register
from nbcache.heap.tokens import joined
from nbcache.locality import is_importable

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

RANK = "_sort_order_"
"""An attribute that newer versions add to members; it follows from their order."""


class MemberKind(PlainKind):
    """Members and combinations of flags."""

    mixed = True
    stable = True

    def is_value(self, obj: Any) -> bool:
        """A library's members are names."""
        return is_library(type(obj))

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode class, name and value, and what else was set on the member."""
        named = [walk.ref(type(obj)), walk.ref(obj._name_), walk.ref(obj._value_)]
        if is_library(type(obj)):
            return joined(b"q", named)
        plain = plain_value(obj)
        return joined(b"q", [*named, walk.ref(plain), encode_attributes(obj, walk)])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Look the member up in its class, or make it when the class is new itself."""
        kind = type(obj)
        if dump.is_earlier(kind) or is_importable(kind, kind.__module__, kind.__qualname__):
            if obj._name_ is not None and kind.__members__.get(obj._name_) is obj:
                return rebuild.get_member, (kind, obj._name_)
            return kind, (obj._value_,)
        if dict_of(obj) is None:
            raise NotStorable("is a member of an enumeration without attributes")
        state = own_state(obj)
        args = (kind, plain_value(obj))
        return rebuild.make_bare, args, state, None, None, rebuild.fill_slots


register(MemberKind(), first=(enum.Enum,))
