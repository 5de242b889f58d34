"""Functions, classes, modules and what binds them: code by content, libraries by name."""

from __future__ import annotations

import builtins
import enum
import functools
import importlib
import sys
import types
import typing
import weakref
from typing import TYPE_CHECKING, Any

from nbcache.cell.names import code_reads
from nbcache.errors import NotFingerprintable, NotReplayable, NotStorable
from nbcache.heap import rebuild
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import digest, flat, frame, joined, text
from nbcache.locality import is_importable, is_local_module

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Scope, Walk

CODE_FIELDS = (
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_flags",
    "co_code",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
    "co_name",
    "co_qualname",
    "co_exceptiontable",
)
"""What a code object does; its file and line numbers don't count."""

_code_tokens: dict[int, tuple[types.CodeType, bytes]] = {}
_global_tokens: dict[int, tuple[Any, bytes, str]] = {}


def code_token(code: types.CodeType) -> bytes:
    """Return the 16-byte fingerprint of a code object, the same at any file and line."""
    known = _code_tokens.get(id(code))
    if known is not None and known[0] is code:
        return known[1]
    parts = [flat(getattr(code, field, None)) for field in CODE_FIELDS]
    parts.extend(_constant(value) for value in code.co_consts)
    token = digest(frame(b"k", *parts))
    _code_tokens[id(code)] = (code, token)
    return token


def _constant(value: Any) -> bytes:
    if isinstance(value, types.CodeType):
        return b"k" + code_token(value)
    if isinstance(value, tuple):
        return joined(b"t", map(_constant, value))
    if isinstance(value, frozenset):
        return joined(b"z", sorted(map(_constant, value)))
    if isinstance(value, slice):
        return joined(b"s", map(_constant, (value.start, value.stop, value.step)))
    return flat(value)


def global_token(obj: Any, walk: Walk) -> bytes:
    """Return the token of something that a library keeps under a qualified name."""
    known = _global_tokens.get(id(obj))
    if known is None or known[0] is not obj:
        module = str(obj.__module__)
        token = frame(b"g", text(module), text(obj.__qualname__))
        known = _global_tokens[id(obj)] = (obj, token, module.partition(".")[0])
    walk.packages.add(known[2])
    return known[1]


def is_library(obj: Any) -> bool:
    """Tell whether a function or class is found under its name in an installed module."""
    known = _global_tokens.get(id(obj))
    if known is not None and known[0] is obj:
        return True
    module = getattr(obj, "__module__", None)
    if not isinstance(module, str) or is_local_module(module):
        return False
    return is_importable(obj, module, getattr(obj, "__qualname__", None))


class FunctionKind(Kind):
    """Python functions."""

    mixed = True

    def is_value(self, obj: Any) -> bool:
        """Library functions are names."""
        return is_library(obj)

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode code, defaults, closure and attributes, and ask for the globals it reads."""
        if is_library(obj):
            return global_token(obj, walk)
        parts = [text(obj.__qualname__), code_token(obj.__code__), flat(obj.__doc__)]
        parts.append(inline_dict(obj.__kwdefaults__ or {}, walk))
        parts.append(joined(b"a", map(walk.ref, obj.__defaults__ or ())))
        parts.append(joined(b"c", map(walk.ref, obj.__closure__ or ())))
        parts.append(inline_dict(obj.__dict__, walk))
        parts.append(_annotations(obj, walk))
        parts.append(self._globals(obj, walk))
        return joined(b"F", parts)

    def _globals(self, obj: Any, walk: Walk) -> bytes:
        scope = walk.scope_of(obj.__globals__)
        if scope is None:
            return self._foreign_globals(obj, walk)
        found = code_reads(obj.__code__)
        walk.draws.update(found.draws)
        if scope.label:
            walk.read_module(sys.modules[scope.label])
        walk.hidden.update(f"`{obj.__name__}` {reason}" for reason in found.hidden)
        need_globals(walk, scope, {*found.reads, *found.stores})
        need_globals(walk, scope, {name for name in found.strings if name in scope.variables})
        return flat(scope.label)

    def _foreign_globals(self, obj: Any, walk: Walk) -> bytes:
        module = obj.__globals__.get("__name__")
        if isinstance(module, str) and getattr(sys.modules.get(module), "__dict__", None) is (
            obj.__globals__
        ):
            walk.packages.add(module.partition(".")[0])
            return flat(module)
        reads = sorted(code_reads(obj.__code__).reads & obj.__globals__.keys())
        return joined(b"x", [walk.ref(obj.__globals__[name]) for name in reads])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Build the function over the live namespace, then set defaults and attributes."""
        if is_importable(obj, obj.__module__, obj.__qualname__):
            return NotImplemented
        args = (obj.__code__, self._stored_scope(obj, dump), obj.__name__, obj.__closure__)
        state = {"__qualname__": obj.__qualname__, "__module__": obj.__module__}
        state |= {"__defaults__": obj.__defaults__, "__kwdefaults__": obj.__kwdefaults__}
        state |= {"__doc__": obj.__doc__, "__dict__": obj.__dict__}
        if sys.version_info >= (3, 14):
            state["__annotate__"] = obj.__annotate__
        else:
            state["__annotations__"] = obj.__annotations__
        if getattr(obj, "__type_params__", None):
            state["__type_params__"] = obj.__type_params__
        return rebuild.make_function, args, state, None, None, rebuild.fill_function

    def _stored_scope(self, obj: Any, dump: Dump) -> Any:
        variables = obj.__globals__
        if variables is dump.namespace or dump.is_earlier(variables):
            return variables
        module = variables.get("__name__")
        if isinstance(module, str) and module in sys.modules:
            if sys.modules[module].__dict__ is variables:
                return module
        held = variables.get("__builtins__")
        if held is builtins or held is builtins.__dict__:
            raise NotStorable("is a function whose globals belong to no module")
        return variables

    def state(self, obj: Any) -> Any:
        """Return what may be assigned on a function."""
        return {
            "__code__": obj.__code__,
            "__defaults__": obj.__defaults__,
            "__kwdefaults__": obj.__kwdefaults__ and dict(obj.__kwdefaults__),
            "__dict__": dict(obj.__dict__),
            "__doc__": obj.__doc__,
            "__qualname__": obj.__qualname__,
        }

    def patch(self, live: Any, state: Any) -> None:
        """Assign code, defaults, attributes and names."""
        for name, value in state.items():
            if name == "__dict__":
                live.__dict__.clear()
                live.__dict__.update(value)
            elif getattr(live, name) is not value:
                setattr(live, name, value)


def need_globals(walk: Walk, scope: Scope, names: set[str]) -> None:
    """Ask for the globals that code reads, as roots of the walk."""
    for name in sorted(names):
        if name in scope.variables or not hasattr(builtins, name):
            walk.need(name, scope)


def inline_dict(values: dict[str, Any], walk: Walk) -> bytes:
    """Return the token of a dict that is part of its owner."""
    if not values:
        return b""
    return joined(b"m", [part for item in values.items() for part in map(walk.ref, item)])


def _annotations(obj: Any, walk: Walk) -> bytes:
    annotate = getattr(obj, "__annotate__", None)
    if annotate is not None:  # 3.14: evaluated on demand
        return code_token(annotate.__code__) if hasattr(annotate, "__code__") else b""
    if sys.version_info >= (3, 14):
        return b""
    return inline_dict(obj.__annotations__, walk)


SKIPPED = frozenset(
    {"__dict__", "__weakref__", "__slotnames__", "_abc_impl", "__firstlineno__"}
    | {"__static_attributes__", "__annotations_cache__", "__module__", "__qualname__"}
)
"""Entries of a class's dict that Python writes for itself."""


class ClassKind(Kind):
    """Classes: of libraries by name, of the notebook and of local modules by content."""

    mixed = True

    def is_value(self, obj: Any) -> bool:
        """Library classes are names."""
        return is_library(obj)

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode names, metaclass, bases and the class's own attributes."""
        if is_library(obj):
            return global_token(obj, walk)
        parts = [text(obj.__qualname__), text(str(obj.__module__)), walk.ref(type(obj))]
        parts.append(joined(b"b", map(walk.ref, obj.__bases__)))
        for name, value in class_items(obj).items():
            parts.append(text(name))
            parts.append(walk.ref(value))
        return joined(b"C", parts)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Build the class empty, so that its methods can refer to it, then fill it."""
        if is_importable(obj, obj.__module__, obj.__qualname__):
            return NotImplemented
        if obj.__module__ == "builtins" and not obj.__flags__ & HEAP_TYPE:
            return reduce_internal(obj)
        meta = type(obj)
        if issubclass(meta, enum.EnumMeta):
            return reduce_enum(obj)
        if not is_library_meta_known(meta):
            raise NotStorable(f"is a class made by the metaclass {meta.__qualname__}")
        items = class_items(obj)
        first = {"__module__": obj.__module__, "__qualname__": obj.__qualname__}
        for name in ("__slots__", "__orig_bases__"):
            if name in items:
                first[name] = items[name]
        args = (meta, obj.__name__, obj.__bases__, first, has_own_init_subclass(obj))
        return rebuild.make_class, args, items, None, None, rebuild.fill_class

    def state(self, obj: Any) -> Any:
        """Return the class's own attributes."""
        return class_items(obj)

    def patch(self, live: Any, state: Any) -> None:
        """Set what differs and delete what is gone."""
        now = class_items(live)
        for name in now.keys() - state.keys():
            type.__delattr__(live, name)
        for name, value in state.items():
            if name not in now or now[name] is not value:
                type.__setattr__(live, name, value)


def reduce_internal(kind: type) -> Any:
    """Return how to find a type that Python itself keeps outside of ``builtins``."""
    for name, value in vars(types).items():
        if value is kind:
            return rebuild.get_constant, ("types", name)
    return NotImplemented


HEAP_TYPE = 1 << 9
"""``Py_TPFLAGS_HEAPTYPE``: the class was made at run time."""


def is_library_meta_known(meta: type) -> bool:
    """Tell whether classes of this metaclass can be made without running its own code."""
    known = ("builtins", "abc", "typing", "__main__")
    return all(base.__module__ in known for base in meta.__mro__)


def has_own_init_subclass(kind: type) -> bool:
    """Tell whether making a subclass would run the notebook's ``__init_subclass__``."""
    return any(
        "__init_subclass__" in base.__dict__ and base.__module__ == "__main__"
        for base in kind.__mro__[1:]
    )


ENUM_OWN = frozenset(
    {"_member_names_", "_member_map_", "_value2member_map_", "_unhashable_values_", "_member_type_"}
    | {"_unhashable_values_map_", "_hashable_values_", "_use_args_", "_value_repr_", "__new__"}
    | {"_new_member_", "__new_member__", "_flag_mask_", "_boundary_", "_all_bits_", "_singles_mask_"}
    | {"_inverted_", "_generate_next_value_", "__reduce_ex__", "__doc__", "_order_", "_add_alias_"}
    | {"_add_value_alias_", "__members__", "_missing_"}
)
"""What the metaclass of an enumeration writes for itself."""


def reduce_enum(kind: Any) -> Any:
    """Return how to build an enumeration through its own metaclass."""
    for name in ("__new__", "__init__", "_generate_next_value_", "_missing_"):
        if name in kind.__dict__ and name in vars(kind) and _is_written(kind, name):
            raise NotStorable(f"is an enumeration with its own {name}")
    names = [(name, member._value_) for name, member in kind.__members__.items()]
    first = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    rest = {}
    for name, value in class_items(kind).items():
        if name not in ENUM_OWN and name not in kind.__members__:
            rest[name] = value
    if kind.__dict__.get("__doc__"):
        rest["__doc__"] = kind.__doc__
    rest = {name: value for name, value in rest.items() if not _is_generated(name, value)}
    args = (type(kind), kind.__name__, kind.__bases__, names, first)
    return rebuild.make_enum, args, rest, None, None, rebuild.fill_enum


def _is_written(kind: Any, name: str) -> bool:
    value = kind.__dict__[name]
    function = getattr(value, "__func__", value)
    return isinstance(function, types.FunctionType) and function.__module__ == kind.__module__


def _is_generated(name: str, value: Any) -> bool:
    return name in ("__format__", "__repr__", "__str__") and not isinstance(
        value, types.FunctionType
    )


def class_items(kind: type) -> dict[str, Any]:
    """Return a class's own attributes without those that Python writes for itself."""
    items = {}
    for name, value in kind.__dict__.items():
        if name not in SKIPPED and not isinstance(value, _DESCRIPTORS):
            items[name] = value
    return items


_DESCRIPTORS = (types.MemberDescriptorType, types.GetSetDescriptorType)


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


class BuiltinKind(Kind):
    """Functions and descriptors of C code: their owner and name."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode owner and name."""
        name = text(getattr(obj, "__qualname__", obj.__name__))
        owner = getattr(obj, "__self__", None)
        if owner is None or isinstance(owner, types.ModuleType):
            module = str(getattr(obj, "__module__", None) or "")
            walk.packages.add(module.partition(".")[0])
            holder = getattr(obj, "__objclass__", None)
            return frame(b"w", text(module), name, b"" if holder is None else walk.ref(holder))
        return joined(b"W", [text(obj.__name__), walk.ref(owner)])


class CellKind(Kind):
    """A closure's cell: functions that share it see each other's changes."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the contents."""
        try:
            return joined(b"e", [walk.ref(obj.cell_contents)])
        except ValueError:
            return b"e-"

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Build an empty cell, then fill it."""
        return rebuild.make_cell, (), self.state(obj), None, None, rebuild.fill_cell

    def state(self, obj: Any) -> Any:
        """Return the contents as a list of one, or an empty one."""
        try:
            return [obj.cell_contents]
        except ValueError:
            return []

    def patch(self, live: Any, state: Any) -> None:
        """Set the contents."""
        if state:
            live.cell_contents = state[0]
        else:
            del live.cell_contents


class ModuleKind(Kind):
    """Modules: of libraries by name, local ones by everything that they define."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the name; ask for a local module's variables."""
        if obj.__dict__ is walk.namespace:
            walk.hidden.add("reads `__main__` as a module")
        elif is_local_module(obj.__name__):
            self._need_all(obj, walk)
        else:
            walk.packages.add(obj.__name__.partition(".")[0])
        return frame(b"M", text(obj.__name__))

    def _need_all(self, obj: types.ModuleType, walk: Walk) -> None:
        walk.read_module(obj)
        scope = walk.scope_of(obj.__dict__)
        names = {name for name in obj.__dict__ if not (name[:2] == "__" == name[-2:])}
        if scope is not None:
            need_globals(walk, scope, names)


    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Import it again."""
        if sys.modules.get(obj.__name__) is not obj:
            raise NotStorable("is a module that can't be imported by its name")
        return importlib.import_module, (obj.__name__,)


class LruKind(Kind):
    """``functools.lru_cache`` wrappers: the function and its limits, not what they hold."""

    mixed = True

    def is_value(self, obj: Any) -> bool:
        """Library functions are names."""
        return is_library(obj)

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode function, limits and attributes."""
        if is_library(obj):
            return global_token(obj, walk)
        limits = tuple(obj.cache_parameters().values())
        return joined(b"u", [walk.ref(obj.__wrapped__), walk.ref(limits)])


    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Build an empty cache of the same limits around the function."""
        if is_importable(obj, obj.__module__, obj.__qualname__):
            return NotImplemented
        limits = obj.cache_parameters()
        args = (obj.__wrapped__, limits["maxsize"], limits["typed"])
        return rebuild.make_lru, args, obj.__dict__, None, None, rebuild.fill_attributes


class ProxyKind(Kind):
    """``types.MappingProxyType``: a view; its mapping by value."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the items in order."""
        return joined(b"P", [part for item in obj.items() for part in map(walk.ref, item)])


    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Build a proxy of a copy."""
        return rebuild.make_proxy, (dict(obj),)


class CachedPropertyKind(Kind):
    """``functools.cached_property``: its function and name, not its lock."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode function and name."""
        return joined(b"cp", [walk.ref(obj.func), flat(obj.attrname)])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make it anew around the function."""
        return rebuild.make_cached_property, (obj.func, obj.attrname)


class TypeVariableKind(Kind):
    """``TypeVar`` and ``ParamSpec``: name, bound, constraints and variance."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode all that was given."""
        parts = [walk.ref(type(obj)), text(obj.__name__), flat(_variance(obj))]
        parts.append(walk.ref(obj.__bound__))
        return joined(b"tv", [*parts, walk.ref(getattr(obj, "__constraints__", ()))])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make it anew; a library's own is found by its name."""
        if is_importable(obj, obj.__module__, obj.__name__):
            return NotImplemented
        covariant, contravariant = _variance(obj)
        extra = {"bound": obj.__bound__, "covariant": covariant, "contravariant": contravariant}
        args = (type(obj), obj.__name__, getattr(obj, "__constraints__", ()), extra)
        return rebuild.make_type_variable, args


def _variance(obj: Any) -> list[bool]:
    return [bool(obj.__covariant__), bool(obj.__contravariant__)]


class WeakKind(Kind):
    """Weak references: what they refer to now."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the target."""
        return joined(b"v", [walk.ref(obj())])


    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Refer to the same target."""
        if obj() is None or obj.__callback__ is not None:
            raise NotStorable("is a weak reference that is dead or calls back")
        return weakref.ref, (obj(),)


class LockKind(Kind):
    """Locks: they hold no data, and they can't be stored."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the type alone."""
        return frame(b"!", text(type(obj).__name__))

    def state(self, obj: Any) -> Any:
        """Locks are never changed in a way that a hit could repeat."""
        raise NotReplayable("is a lock")


class RefusedKind(Kind):
    """Objects that are running code or open connections: no fingerprint can hold."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Refuse."""
        raise NotFingerprintable("is in the middle of running and can't be an input")


CLASS_KIND = ClassKind()
register(FunctionKind(), types.FunctionType)
register(CLASS_KIND, type, bases=(type,))
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
register(CellKind(), types.CellType)
register(ModuleKind(), types.ModuleType, bases=(types.ModuleType,))
register(LruKind(), type(functools.lru_cache(lambda: None)))
register(ProxyKind(), types.MappingProxyType)
register(CachedPropertyKind(), functools.cached_property)
register(TypeVariableKind(), typing.TypeVar, typing.ParamSpec)
register(WeakKind(), weakref.ref)
register(LockKind(), type(__import__("_thread").allocate_lock()), type(__import__("threading").RLock()))
register(RefusedKind(), types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType, types.FrameType, types.TracebackType)
