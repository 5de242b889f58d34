"""What binds functions to classes and instances: properties, methods, C functions, modules."""

from __future__ import annotations

import functools
import gc
import importlib
import sys
import types
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from nbcache.cell import hidden
from nbcache.errors import NotStorable
from nbcache.heap import rebuild
from nbcache.heap.kinds.attributes import dict_of, encode_attributes
from nbcache.heap.kinds.functions import ANSWERS, need_module
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import flat, frame, joined, text
from nbcache.locality import is_local_file, is_local_module, is_made

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk


class WrapperKind(Kind):
    """``property``, ``classmethod`` and ``staticmethod``: values over their functions."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the functions inside."""
        if isinstance(obj, property):
            parts = [obj.fget, obj.fset, obj.fdel, obj.__doc__]
        else:
            parts = [obj.__func__]
        return joined(text(type(obj).__name__), [walk.ref(type(obj)), *map(walk.ref, parts)])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Build it from its functions."""
        if isinstance(obj, property):
            return type(obj), (obj.fget, obj.fset, obj.fdel, obj.__doc__)
        return type(obj), (obj.__func__,)


class MethodKind(Kind):
    """Bound methods: values over function and instance."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode function and instance."""
        return joined(b"h", [walk.ref(obj.__func__), walk.ref(obj.__self__)])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Bind the same function to the same instance, whatever its attributes say now."""
        return types.MethodType, (obj.__func__, obj.__self__)


class BuiltinKind(Kind):
    """Functions and descriptors of C code: their owner and name."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode owner and name."""
        name = text(getattr(obj, "__qualname__", obj.__name__))
        if id(obj) in hidden.FUNCTIONS:
            walk.hidden.add(f"reaches {hidden.FUNCTIONS[id(obj)]}()")
        owner = getattr(obj, "__self__", None)
        if owner is None or isinstance(owner, types.ModuleType):
            module = str(getattr(obj, "__module__", None) or "")
            walk.packages.add(module.partition(".")[0])
            holder = getattr(obj, "__objclass__", None)
            return frame(b"w", text(module), name, b"" if holder is None else walk.ref(holder))
        return joined(b"W", [text(obj.__name__), walk.ref(owner)])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Look a descriptor up in its class; the rest is pickle's business."""
        holder = getattr(obj, "__objclass__", None)
        if holder is not None and getattr(obj, "__self__", None) is None:
            return rebuild.get_descriptor, (holder, obj.__name__)
        return NotImplemented


class ModuleKind(Kind):
    """Modules: of libraries by name, local ones by everything that they define."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the name; ask for a local module's variables."""
        if obj.__dict__ is walk.namespace:
            walk.hidden.add("reads `__main__` as a module")
        elif is_local_module(obj.__name__):
            need_module(walk, obj)
        elif _is_unlisted(obj):
            return joined(b"MU", [text(obj.__name__), *_own_variables(obj, walk)])
        else:
            walk.packages.add(obj.__name__.partition(".")[0])
        return frame(b"M", text(obj.__name__))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Import it again."""
        name: str = obj.__name__
        if sys.modules.get(name) is not obj:
            raise NotStorable("is a module that can't be imported by its name")
        return importlib.import_module, (name,)


def _is_unlisted(module: types.ModuleType) -> bool:
    """Tell whether a module of the user's own is not in ``sys.modules``, or another is."""
    name = module.__name__
    if sys.modules.get(name) is module:
        return False
    return is_made(module) or is_local_file(getattr(module, "__file__", None))


def _own_variables(module: types.ModuleType, walk: Walk) -> list[bytes]:
    """Return the tokens of what a module defines, name by name."""
    names = sorted(n for n in vars(module) if n in ANSWERS or not (n[:2] == "__" == n[-2:]))
    return [part for name in names for part in (text(name), walk.ref(vars(module)[name]))]


class MappingProxyKind(Kind):
    """``types.MappingProxyType``: a view over a live mapping, or a class's namespace."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode which mapping it shows."""
        mapping = gc.get_referents(obj)[0]
        owner = class_over(mapping)
        return joined(b"P", [walk.ref(mapping if owner is None else owner)])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make another view of the same mapping."""
        mapping = gc.get_referents(obj)[0]
        owner = class_over(mapping)
        if owner is not None:
            return rebuild.make_class_view, (owner,)
        return types.MappingProxyType, (mapping,)


def class_over(mapping: Any) -> type | None:
    """Return the class whose own namespace this dict is."""
    if type(mapping) is not dict or "__module__" not in mapping or "__doc__" not in mapping:
        return None
    found = _holder_of(mapping, gc.get_referrers(mapping))
    if found is None and gc.get_freeze_count():  # those that are frozen are not among them
        found = _holder_of(mapping, _classes_below(object))
    return found


def _holder_of(mapping: Any, candidates: Iterable[Any]) -> type | None:
    for holder in candidates:
        if isinstance(holder, type) and gc.get_referents(holder.__dict__)[0] is mapping:
            return holder
    return None


def _classes_below(top: Any) -> Iterator[type]:
    waiting: list[type] = [top]
    seen = set(waiting)
    for one in waiting:
        yield one
        below: list[type] = type.__subclasses__(one)
        waiting += [each for each in below if each not in seen]
        seen.update(below)


class CachedPropertyKind(Kind):
    """``functools.cached_property``: its function and name, not its lock."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode function and name."""
        return joined(b"cp", [walk.ref(obj.func), flat(obj.attrname)])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make it anew around the function."""
        args = (type(obj), obj.func, obj.attrname)
        return rebuild.make_cached_property, args


class PartialKind(Kind):
    """``functools.partial``: function, arguments, and attributes."""

    has_parts = True

    def parts(self, obj: Any) -> list[Any]:
        """Return the tuple of arguments."""
        return [obj.args]

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode all parts."""
        parts = map(walk.ref, (type(obj), obj.func, obj.args, obj.keywords))
        own = b"-" if dict_of(obj) is None else encode_attributes(obj, walk)  # as an empty one
        return joined(b"pf", [*parts, own])

    def state(self, obj: Any) -> Any:
        """Return all parts, as the partial's own protocol has them, with a copy of attributes."""
        own = dict_of(obj)
        return obj.func, obj.args, obj.keywords, None if own is None else dict(own)

    def patch(self, live: Any, state: Any) -> None:
        """Set all parts, in the attributes' own dict."""
        *parts, attributes = state
        own = live.__dict__ if attributes is not None else None
        live.__setstate__((*parts, own))
        if attributes is not None:
            rebuild.fill_attributes(live, attributes)


register(WrapperKind(), property, classmethod, staticmethod)
register(MethodKind(), types.MethodType)
register(
    BuiltinKind(),
    types.BuiltinFunctionType,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.MethodWrapperType,
    types.ClassMethodDescriptorType,
    types.MemberDescriptorType,
    types.GetSetDescriptorType,
)
register(ModuleKind(), types.ModuleType, bases=(types.ModuleType,))
register(MappingProxyKind(), types.MappingProxyType)
register(CachedPropertyKind(), functools.cached_property)
register(PartialKind(), functools.partial)
