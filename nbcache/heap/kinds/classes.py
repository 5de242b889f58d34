"""Classes: of libraries by name, of the notebook and of local modules by content."""

from __future__ import annotations

import abc
import types
from importlib import import_module
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotReplayable, NotStorable
from nbcache.heap import rebuild, rebuild_models
from nbcache.heap.finishing import finishing
from nbcache.heap.kinds.attributes import HEAP_TYPE
from nbcache.heap.kinds.code import global_token, is_library
from nbcache.heap.kinds.functions import need_texts
from nbcache.heap.kinds.pydantic_models import (
    DERIVED,
    LEFT_OUT,
    is_model,
    model_hooks,
    parametrized,
    refuse_unfinished,
)
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import joined, text
from nbcache.locality import is_importable

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

HIDDEN = frozenset({"__dict__", "__weakref__", "_abc_impl", "__slotnames__"})
"""Entries of a class's dict that Python makes anew, or adds on its own."""

UNCOUNTED = HIDDEN | {
    "__firstlineno__",
    "__static_attributes__",
    "__annotations_cache__",
    "__module__",
    "__qualname__",
}
"""Entries that don't count in a fingerprint, or are encoded apart."""

EARLY = ("__module__", "__qualname__", "__slots__", "__orig_bases__", "__doc__")
"""Entries that the class must be born with."""

LATE = frozenset(
    {"mro", "__getattribute__", "__getattr__", "__setattr__", "__delattr__", "__set_name__"}
    | {"__init_subclass__", "__instancecheck__", "__subclasscheck__", "__mro_entries__"}
)
"""Entries that a metaclass can't hold even as placeholders before it is filled.

All others are there from the start, since the order of a class's attributes can be seen.
"""

_DESCRIPTORS = (types.MemberDescriptorType, types.GetSetDescriptorType)


class ClassKind(Kind):
    """Classes."""

    mixed = True
    stable = True
    has_parts = True

    def parts(self, obj: Any) -> list[Any]:
        """Return the class's own attributes."""
        return [] if is_library(obj) else list(class_items(obj, UNCOUNTED).values())

    def is_value(self, obj: Any) -> bool:
        """Library classes are names."""
        return is_library(obj)

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode names, metaclass, bases and the class's own attributes."""
        if is_library(obj):
            return global_token(obj, walk)
        names = (obj.__name__, obj.__qualname__, str(obj.__module__))
        parts = [*map(text, names), walk.ref(type(obj))]
        parts.append(joined(b"b", map(walk.ref, obj.__bases__)))
        uncounted = UNCOUNTED | DERIVED if is_model(obj) else UNCOUNTED
        for name, value in class_items(obj, uncounted).items():
            parts.append(text(name))
            parts.append(walk.ref(value))
        if uncounted is not UNCOUNTED:
            parts.extend(map(walk.ref, model_hooks(obj)))
        parts.extend(sorted(map(walk.ref, virtual_subclasses(obj))))
        if obj.__module__ == "__main__":
            need_texts(walk, walk.namespace, vars(obj).get("__annotations__") or {})
        return joined(b"C", parts)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Build the class empty, so that its methods can refer to it, then fill it."""
        if is_importable(obj, obj.__module__, obj.__qualname__):
            return NotImplemented
        if obj.__module__ == "builtins" and not obj.__flags__ & HEAP_TYPE:
            return reduce_internal(obj)
        meta = type(obj)
        if not is_meta_known(meta):
            name = f"{meta.__module__}.{meta.__qualname__}"
            raise NotStorable(
                f"is a class made by the metaclass {name}, which would have to run again;"
                " define it in a cell of its own, which always runs"
            )
        if is_model(obj):
            given = parametrized(obj)
            if given is not None:
                return rebuild_models.make_parametrized, given
            refuse_unfinished(obj)
        state = self.state(obj)
        late = LATE if issubclass(obj, type) else ()
        first = {name: None for name in state["items"] if name not in late}
        first |= {name: state["items"][name] for name in EARLY if name in first}
        args = (meta, obj.__name__, obj.__bases__, first, has_own_init_subclass(obj))
        fill = rebuild_models.fill_model if is_model(obj) else rebuild.fill_class
        return rebuild.make_class, args, state, None, None, fill

    def state(self, obj: Any) -> Any:
        """Return names, bases, the class's own attributes and its virtual subclasses."""
        return {
            "names": (obj.__name__, obj.__qualname__),
            "bases": obj.__bases__,
            "items": class_items(obj, hidden_in(obj)),
            "virtual": virtual_subclasses(obj),
        }

    def patch(self, live: Any, state: Any) -> None:
        """Set what differs and delete what is gone."""
        now, then = class_items(live, hidden_in(live)), state["items"]
        if virtual_subclasses(live)[len(state["virtual"]) :]:
            raise NotReplayable("lost a virtual subclass")
        for name in now.keys() - then.keys():
            type.__delattr__(live, name)
        if live.__bases__ != state["bases"]:
            live.__bases__ = state["bases"]
        fill = rebuild_models.fill_model if is_model(live) else rebuild.fill_class
        with finishing():
            fill(live, {**state, "items": changed_items(now, then)})
            put_in_order(live, then)


def changed_items(now: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes that are new or another object than they were.

    Setting ``__module__`` anew would have Python forget the line of the class.
    """

    def is_same(old: Any, new: Any) -> bool:
        return old is new or (type(old) is type(new) is str and bool(old == new))

    return {name: value for name, value in then.items() if not is_same(now.get(name, now), value)}


_FIRST = frozenset({"__module__", "__firstlineno__", "__static_attributes__", "__doc__"})
"""What Python writes into a class before, or after, its body runs."""


def put_in_order(live: type, items: dict[str, Any]) -> None:
    """Set those attributes anew that stand behind others in a class which they stand before."""
    held = class_items(live, hidden_in(live))
    ordered, names = iter(held), [name for name in items if name in held and name not in _FIRST]
    for place, name in enumerate(names):
        if name not in ordered:
            for moved in names[place:]:
                type.__delattr__(live, moved)
                type.__setattr__(live, moved, items[moved])
            return


def reduce_internal(kind: type) -> Any:
    """Return how to find a type that Python itself keeps outside of ``builtins``."""
    for name, value in vars(types).items():
        if value is kind:
            return rebuild.get_constant, ("types", name)
    return NotImplemented


def is_meta_known(meta: type) -> bool:
    """Tell whether classes of this metaclass can be made without running its own code."""
    known = ("builtins", "abc", "typing", "enum", "__main__", "pydantic")
    return all(
        base.__module__ in known or str(base.__module__).startswith("pydantic.")
        for base in meta.__mro__
    )


def has_own_init_subclass(kind: type) -> bool:
    """Tell whether making a subclass would run code that must not run again."""
    return any(
        "__init_subclass__" in base.__dict__ and base.__module__ == "__main__"
        for base in kind.__mro__[1:]
    )


def hidden_in(kind: type) -> frozenset[str]:
    """Return the entries of a class's dict that Python or pydantic makes anew."""
    return HIDDEN | LEFT_OUT if is_model(kind) else HIDDEN


def class_items(kind: type, hidden: frozenset[str]) -> dict[str, Any]:
    """Return a class's own attributes without those that Python writes for itself."""
    items = {}
    for name, value in kind.__dict__.items():
        if name not in hidden and not _is_slot(kind, name, value):
            items[name] = value
    return items


def _is_slot(kind: type, name: str, value: Any) -> bool:
    """Tell whether the class was born with this descriptor; ``B.other = B.slot`` is no such."""
    if not issubclass(type(value), _DESCRIPTORS):
        return False
    return bool(value.__objclass__ is kind and value.__name__ == name)


def virtual_subclasses(kind: type) -> list[type]:
    """Return the classes that were registered with an abstract one, by name."""
    if not issubclass(type(kind), abc.ABCMeta) or "_abc_impl" not in kind.__dict__:
        return []
    registry = import_module("_abc")._get_dump(kind)[0]
    found = [held for held in (reference() for reference in registry) if held is not None]
    return sorted(found, key=lambda held: (held.__module__, held.__qualname__))


CLASS_KIND = ClassKind()
register(CLASS_KIND, type, bases=(type,))
