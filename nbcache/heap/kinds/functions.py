"""Python functions: their code, defaults, closure and attributes, over the live namespace."""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import resolve_name
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nbcache.cell import hidden
from nbcache.cell.magics_text import identifiers
from nbcache.cell.members import Members
from nbcache.cell.names import code_reads
from nbcache.errors import NotStorable
from nbcache.heap import rebuild
from nbcache.heap.kinds.annotations import OWN_ANNOTATIONS, annotations_token, has_annotations
from nbcache.heap.kinds.code import code_token, global_token, is_library
from nbcache.heap.registry import Kind, register
from nbcache.heap.scope import mentioned
from nbcache.heap.tokens import flat, joined
from nbcache.locality import is_importable, is_local_module

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.scope import Scope
    from nbcache.heap.walk import Walk

ANY_MODULE = "*"
"""Among the packages of a walk: code is reached that may use any loaded module."""


class FunctionKind(Kind):
    """Python functions."""

    mixed = True
    stable = True
    has_parts = True

    def parts(self, obj: Any) -> list[Any]:
        """Return the default arguments."""
        if is_library(obj):
            return []
        return list(obj.__defaults__ or ())

    def is_value(self, obj: Any) -> bool:
        """Library functions are names."""
        return is_library(obj)

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode code, defaults, closure and attributes, and ask for the globals it reads."""
        if is_library(obj):
            reason = hidden.member_reason(obj.__module__, obj.__name__)
            if reason:
                walk.hidden.add(reason)
            return global_token(obj, walk)
        walk.functions[id(obj)] = obj
        names = (obj.__name__, obj.__qualname__, obj.__module__)
        parts = [*map(walk.ref, names), code_token(obj.__code__), walk.ref(obj.__doc__)]
        parts.append(walk.ref(obj.__kwdefaults__))
        parts.append(joined(b"a", map(walk.ref, obj.__defaults__ or ())))
        parts.append(joined(b"c", map(walk.ref, obj.__closure__ or ())))
        parts.append(inline_dict(obj.__dict__, walk))
        parts.append(annotations_token(obj, walk))
        if getattr(obj, "__annotate__", None) is None:
            need_texts(walk, obj.__globals__, obj.__annotations__)
        parts.append(self._globals(obj, walk))
        return joined(b"F", parts)

    def _globals(self, obj: Any, walk: Walk) -> bytes:
        scope = walk.scope_of(obj.__globals__)
        if scope is None:
            return self._foreign_globals(obj, walk)
        found = code_reads(obj.__code__)
        walk.draws.update(found.draws)
        imports = set(_absolute(found.imports, obj.__globals__))
        walk.packages.update(imports)
        if "__import__" in found.reads or found.hidden:
            walk.packages.add(ANY_MODULE)
        walk.imports.update(imports)
        if scope.label and found.hidden:
            need_module(walk, sys.modules[scope.label])
        elif scope.label:
            walk.read_module(scope.label)
        walk.hidden.update(f"`{obj.__name__}` {reason}" for reason in found.hidden)
        need_globals(walk, scope, {*found.reads, *found.stores}, found.members)
        need_globals(walk, scope, mentioned(walk, scope, found.strings))
        return flat(scope.label)

    def _foreign_globals(self, obj: Any, walk: Walk) -> bytes:
        module = module_over(obj.__globals__)
        if module is not None:
            walk.packages.add(module.partition(".")[0])
            return flat(module)
        found = code_reads(obj.__code__)
        if found.hidden or found.stores:
            return joined(b"x", [walk.ref(obj.__globals__)])
        names = sorted((found.reads | found.strings) & obj.__globals__.keys())
        return joined(b"X", [inline_dict({name: obj.__globals__[name] for name in names}, walk)])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Build the function over the live namespace, then set defaults and attributes."""
        if is_importable(obj, obj.__module__, obj.__qualname__):
            if obj.__dict__.get("hooked") and str(obj.__module__).startswith("torch."):
                return reduce_hooked(obj)
            return NotImplemented
        scope = _copied_scope(obj, dump) or stored_scope(obj.__globals__, dump)
        args = (obj.__code__, scope, obj.__name__, obj.__closure__)
        state = self.state(obj)
        del state["__code__"], state["__name__"]
        state |= {} if OWN_ANNOTATIONS else {"__annotate__": obj.__annotate__}
        if getattr(obj, "__type_params__", None):
            state["__type_params__"] = obj.__type_params__
        return rebuild.make_function, args, state, None, None, rebuild.fill_function

    def state(self, obj: Any) -> Any:
        """Return what may be assigned on a function."""
        state = {
            "__code__": obj.__code__,
            "__defaults__": obj.__defaults__,
            "__kwdefaults__": obj.__kwdefaults__,
            "__dict__": dict(obj.__dict__),
            "__doc__": obj.__doc__,
            "__module__": obj.__module__,
            "__name__": obj.__name__,
            "__qualname__": obj.__qualname__,
        }
        if has_annotations(obj):
            state["__annotations__"] = obj.__annotations__
        return state

    def patch(self, live: Any, state: Any) -> None:
        """Assign code, defaults, attributes and names."""
        for name, value in state.items():
            if name == "__dict__":
                live.__dict__.clear()
                live.__dict__.update(value)
            elif name != "__code__" or code_token(value) != code_token(live.__code__):
                setattr(live, name, value)  # equal code stays: it knows where its source stands
        if OWN_ANNOTATIONS and "__annotations__" not in state:
            live.__annotations__.clear()


def reduce_hooked(step: Any) -> Any:
    """Return how to find an optimizer's ``step``, which PyTorch wraps when it makes the first."""
    from nbcache.heap import rebuild_tensors

    return rebuild_tensors.get_step, (step.__module__, step.__qualname__.rpartition(".")[0])


def module_over(variables: dict[str, Any]) -> str | None:
    """Return the name of the loaded module whose variables these are."""
    module = variables.get("__name__")
    if isinstance(module, str) and getattr(sys.modules.get(module), "__dict__", None) is variables:
        return module
    return None


def stored_scope(variables: dict[str, Any], dump: Dump) -> Any:
    """Return how a stream names a function's globals: themselves, or their module's name.

    Raises:
        NotStorable: they were those of a module that is gone.
    """
    if variables is dump.namespace or dump.is_earlier(variables):
        return variables
    module = module_over(variables)
    if module is not None:
        return module
    if "__spec__" in variables:
        raise NotStorable("is a function of a module that is no longer loaded")
    return variables


def _copied_scope(function: Any, dump: Dump) -> tuple[Any, ...] | None:
    """Return the namespace and what is added to a copy of it for a method that attrs wrote."""
    if not function.__code__.co_filename.startswith("<attrs generated"):
        return None
    own, found = function.__globals__, code_reads(function.__code__)
    if module_over(own) or own.get("__name__") != "__main__":
        return None
    return dump.namespace, {name: own[name] for name in sorted(found.reads) if name in own}


def need_module(walk: Walk, module: types.ModuleType) -> None:
    """Ask for all that a local module holds."""
    walk.read_module(module.__name__, whole=True)
    scope = walk.scope_of(module.__dict__)
    if scope is not None:
        need_globals(walk, scope, {n for n in vars(module) if not is_special(n) or n in ANSWERS})


ANSWERS = frozenset({"__getattr__", "__dir__"})
"""What answers for a module."""


def is_special(name: str) -> bool:
    """Tell whether a name is one of Python's own."""
    return name[:2] == "__" == name[-2:]


def need_members(walk: Walk, scope: Scope, name: str, members: frozenset[str] | None) -> None:
    """Ask for a variable; of a local module for no more than is taken from it, if that is known."""
    value = scope.variables.get(name)
    inner = vars(value) if type(value) is types.ModuleType else {}
    home = walk.scope_of(inner) if is_local_module(inner.get("__name__")) else None
    known = members is not None and members <= inner.keys() - _OF_MODULES
    if members is None or home is None or not known or sys.modules.get(home.label) is not value:
        walk.need(name, scope)
        return
    walk.need(name, scope, by_name=True)
    walk.read_module(home.label)
    for member in sorted(members):
        walk.need(member, home)


_OF_MODULES = frozenset({"__dict__", "__spec__", "__loader__", "__builtins__", "__getattr__"})


def need_globals(
    walk: Walk, scope: Scope, names: set[str], members: Members = MappingProxyType({})
) -> None:
    """Ask for the globals that code reads, as roots of the walk."""
    for name in sorted(names):
        value = scope.variables.get(name)
        if type(value) is types.ModuleType and value.__name__ in hidden.MODULES - {name}:
            walk.hidden.add(f"uses the module {value.__name__} as `{name}`")
        if name in scope.variables or not hasattr(builtins, name):
            need_members(walk, scope, name, members.get(name))


def _absolute(imports: tuple[str, ...], variables: dict[str, Any]) -> Iterator[str]:
    """Yield the names of imported modules without leading dots."""
    for name in imports:
        if name[:1] != ".":
            yield name
            continue
        package = variables.get("__package__") or str(variables.get("__name__"))
        with suppress(ImportError):
            yield resolve_name(name, package)


def need_texts(walk: Walk, variables: dict[str, Any], annotations: dict[str, Any]) -> None:
    """Ask for the globals that annotations name as text, which type hints evaluate."""
    words = {word for one in annotations.values() if type(one) is str for word in identifiers(one)}
    scope = walk.scope_of(variables) if words else None
    if scope is not None:
        need_globals(walk, scope, {word for word in words if word in scope.variables})


def inline_dict(values: dict[str, Any], walk: Walk) -> bytes:
    """Return the token of a dict that is part of its owner."""
    if not values:
        return b""
    return joined(b"m", [part for item in values.items() for part in map(walk.ref, item)])


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


register(FunctionKind(), types.FunctionType)
register(CellKind(), types.CellType)
