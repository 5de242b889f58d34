"""Instances of classes: plain ones by their attributes, all others by the reduce protocol."""

from __future__ import annotations

import copyreg
import struct
import types
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotFingerprintable, NotReplayable, NotStorable
from nbcache.heap import rebuild
from nbcache.heap.columns import SHORT
from nbcache.heap.groups import Group
from nbcache.heap.kinds.attributes import (
    HEAP_TYPE,
    attribute_values,
    dict_of,
    encode_attributes,
    is_held,
    lost_attribute,
    own_state,
    put_in_order,
    replace_attributes,
    slots_of,
)
from nbcache.heap.kinds.constants import find_constant
from nbcache.heap.kinds.forgotten import (
    complete,
    forgets_attributes,
    is_own_class,
    replace_state,
    set_directly,
    set_state,
)
from nbcache.heap.kinds.many_instances import encode_instances
from nbcache.heap.registry import Kind, kind_of
from nbcache.heap.tokens import FLAT, digest, flat, frame, joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

_HEADS = 17
"""Bytes of a reduced object's token that can't be patched: tag and head digest."""


class PlainKind(Kind):
    """An instance that is wholly its ``__dict__`` and slots."""

    is_container = True
    has_parts = True

    def parts(self, obj: Any) -> list[Any]:
        """Return the attributes' values."""
        return attribute_values(obj) if type(self) is PlainKind else []

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode class and attributes."""
        return walk.ref(type(obj)) + encode_attributes(obj, walk)

    def encode_group(
        self, objects: list[Any], ordinals: Sequence[int], walk: Walk
    ) -> tuple[bytes, Group] | None:
        """Encode the attributes name by name, when no ``__dict__`` is an object of its own."""
        if len(objects) <= SHORT or type(self) is not PlainKind:
            return None
        return encode_instances(objects, ordinals, walk)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Build an empty instance, then set dict and slots directly."""
        kind = type(obj)
        if type(kind) is not type or kind.__module__ != "__main__":
            constant = find_constant(obj)
            if constant is not None:
                return rebuild.get_constant, constant
        own = dict_of(obj)
        plain = is_made_plainly(kind)
        if own is not None and is_held(own) and not slots_of(kind):
            return rebuild.make_bare, (kind, ()), own, None, None, rebuild.adopt_dict
        asked = hasattr(kind, "__setstate__") or hasattr(kind, "__getattr__")
        if plain and not slots_of(kind) and not asked:
            return copyreg.__newobj__, (kind,), own or None  # type: ignore[attr-defined]
        state = own_state(obj)
        make = copyreg.__newobj__ if plain else rebuild.make_bare  # type: ignore[attr-defined]
        args = (kind,) if plain else (kind, ())
        return make, args, state, None, None, rebuild.fill_slots

    def state(self, obj: Any) -> Any:
        """Return copies of dict and slots, the class, and the dict itself if others hold it."""
        own = dict_of(obj)
        return own_state(obj), type(obj), None if own is None or not is_held(own) else own

    def patch(self, live: Any, state: Any) -> None:
        """Replace all attributes, and the class when it was assigned."""
        attributes, kind, *held = state
        if type(live) is not kind:
            live.__class__ = kind
        own = dict_of(live)
        if held and held[0] is not None and own is not held[0]:
            rebuild.adopt_dict(live, held[0])
        elif held and held[0] is None and own is not None and is_held(own):
            rebuild.adopt_dict(live, {})  # the run gave it another one: others keep the old one
        replace_attributes(live, attributes)


class ReducedKind(Kind):
    """An object with state of its own, taken apart by ``__reduce_ex__``.

    The protocol may build new containers at each call, which are no part of the heap. Calling
    it twice tells them apart: what is the same object both times lives in the heap and is
    numbered; what is not is encoded in place.
    """

    def __init__(self, by_value: bool = False) -> None:
        self.by_value = self.stable = by_value

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode what makes the object (its head) apart from what can be set later."""
        first = self.take_apart(obj)
        if isinstance(first, str):
            return global_name(obj, first)
        lost = lost_attribute(obj, first[2])
        if lost is not None:
            raise NotFingerprintable(f"is not copied whole: its attribute `{lost}` would change")
        second = self.take_apart(obj)
        head = inline(first[:2], second[:2], walk)
        rest = [inline(a, b, walk) for a, b in zip(first[2:], second[2:], strict=True)]
        return b"r" + digest(head) + digest(joined(b"r", rest))

    def take_apart(self, obj: Any) -> Any:
        """Return the object's reduction in five parts, or the name that it goes by."""
        return reduce_object(obj)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Refer to a library's own constant; all else is pickle's business."""
        constant = find_constant(obj)
        if constant is not None:
            return rebuild.get_constant, constant
        getter = getattr(type(obj), "__getstate__", None)
        lost = lost_attribute(obj, getter(obj)) if type(getter) is types.FunctionType else None
        if lost is not None:
            raise NotStorable(f"is not copied whole: its attribute `{lost}` would change")
        if not forgets_attributes(obj):
            return NotImplemented
        make, args, state, items, pairs = reduce_object(obj)
        return make, args, state, items and iter(items), pairs and iter(pairs.items()), set_state

    def is_patchable(self, before: bytes, after: bytes) -> bool:
        """Tell whether only the settable part changed."""
        return before[:_HEADS] == after[:_HEADS] and before[:1] == b"r"

    def state(self, obj: Any) -> Any:
        """Return state, list items and dict items of the reduction, and names of attributes.

        The last ones are those whose values the state holds as they are.
        """
        parts = reduce_object(obj)
        if isinstance(parts, str):
            raise NotReplayable("was changed in place, and is known by its name alone")
        own, state = dict_of(obj), parts[2]
        if own is None or type(state) is not dict:
            return state, parts[3], parts[4], None if own is None else list(own), []
        direct = [name for name in own if name in state and own[name] is state[name]]
        if any(one is own for one in state.values()):  # a reference would lead to the live one
            state = {name: dict(own) if one is own else one for name, one in state.items()}
        return state, parts[3], parts[4], list(own), direct

    def patch(self, live: Any, state: Any) -> None:
        """Set the state as unpickling would, then replace the items."""
        value, items, pairs, names, *direct = state
        own = dict_of(live)
        if own is not None and names is not None:
            for name in [name for name in own if name not in names]:
                del own[name]
        is_set = bool(direct) and set_directly(live, reduce_object(live)[2], value, direct[0])
        if value is not None and not is_set:
            replace_state(live, value)
        if items:
            live[:] = items
        if pairs:
            live.clear()
            live.update(pairs)
        if own is not None and names is not None:
            put_in_order(own, names)


def global_name(obj: Any, name: str) -> bytes:
    """Return the token of an object that pickles as a name of its module.

    Raises:
        NotFingerprintable: the name is the notebook's, and says nothing about the value.
    """
    module = getattr(obj, "__module__", None) or type(obj).__module__
    if module == "__main__":
        raise NotFingerprintable(f"is known by its name alone (`{name}`)")
    return frame(b"g", text(str(module)), text(name))


def reduce_object(obj: Any) -> Any:
    """Return the object's reduction, padded to five parts with the iterators read out.

    Raises:
        NotFingerprintable: the object has no reduction.
    """
    reducer = copyreg.dispatch_table.get(type(obj))
    try:
        parts = reducer(obj) if reducer is not None else obj.__reduce_ex__(4)
    except RecursionError:
        raise
    except Exception as error:
        raise NotFingerprintable(f"can't be read: {error}") from None
    if isinstance(parts, str):
        return parts
    padded = complete(obj, tuple(parts[:5]) + (None,) * (5 - len(parts)))
    items = None if padded[3] is None else list(padded[3])
    pairs = None if padded[4] is None else dict(padded[4])
    return (*padded[:3], items, pairs)


def _inline_items(a: Any, b: Any, walk: Walk) -> list[bytes]:
    """Encode the items of a state that ``__getstate__`` made for the occasion.

    Where all keys are names their order says nothing: it may come from a set of slots.
    """
    parts: list[bytes] = []
    for name in sorted(a) if {str}.issuperset(map(type, a)) else list(a):
        one, is_flat = a[name], type(a[name]) in FLAT
        parts += [walk.ref(name), flat(one) if is_flat else inline(one, b.get(name, one), walk)]
    return parts


def inline(a: Any, b: Any, walk: Walk) -> bytes:
    """Encode two reductions of the same object as one: see ``ReducedKind``."""
    kind = type(a)
    if kind in FLAT:
        return flat(a)
    if kind in (list, tuple) and kind is type(b) and len(a) == len(b):
        if a is b and kind is list:
            return walk.ref(a)
        return joined(b"i", [inline(x, y, walk) for x, y in zip(a, b, strict=True)])
    if a is b:
        return walk.ref(a)
    if kind is dict and type(b) is dict and len(a) == len(b):
        return joined(b"j", _inline_items(a, b, walk))
    return kind_of(kind).encode(a, walk)


def choose(kind: type) -> Kind:
    """Return the kind for instances of a class that no family claims."""
    if issubclass(kind, type):
        from nbcache.heap.kinds.classes import CLASS_KIND

        return CLASS_KIND
    if is_plain(kind):
        return PLAIN
    if is_plain(kind, is_own_class):
        from nbcache.heap.kinds.own_protocol import OWN_PROTOCOL

        return OWN_PROTOCOL
    return REDUCED


def is_made_plainly(kind: Any) -> bool:
    """Tell whether pickle's own way to make an instance runs no code of its class."""
    return kind.__new__ is object.__new__ and kind.__getattribute__ is object.__getattribute__


def is_plain(kind: type, may_speak: Callable[[type], bool] = lambda base: False) -> bool:
    """Tell whether instances are wholly their attributes.

    Only bases that ``may_speak`` can have a protocol of their own to be copied.
    """
    for base in kind.__mro__[:-1]:
        if not base.__flags__ & HEAP_TYPE:
            return False
        if not (_PROTOCOL.isdisjoint(base.__dict__) or may_speak(base)):
            return False
    taught = kind in copyreg.dispatch_table and not may_speak(kind)
    return not (taught or _has_c_state(kind))


_PROTOCOL = frozenset(
    {"__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__"}
    | {"__getnewargs_ex__"}
)
_POINTER = struct.calcsize("P")


def _has_c_state(kind: type) -> bool:
    """Tell whether instances hold memory that dict, weak references and slots don't explain."""
    explained = object.__basicsize__ + _POINTER * len(slots_of(kind))
    explained += _POINTER * ((kind.__dictoffset__ > 0) + (kind.__weakrefoffset__ > 0))
    return kind.__itemsize__ != 0 or kind.__basicsize__ > explained


PLAIN = PlainKind()
REDUCED = ReducedKind()
