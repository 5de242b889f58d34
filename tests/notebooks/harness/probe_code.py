"""Describes code: functions, classes, methods, modules and what they close over."""

from __future__ import annotations

import enum
import functools
import inspect
import types
import weakref
from typing import Any

SKIPPED = frozenset(
    {"__dict__", "__weakref__", "_abc_impl", "__abstractmethods__", "__annotations_cache__"}
)
DESCRIPTORS = (
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
)


def describe(walker: Any, value: Any, path: str, depth: int) -> Any:
    """Describe ``value`` if it is code of some kind, else return None."""
    if isinstance(value, types.ModuleType):
        return {"module": value.__name__}
    if isinstance(value, type):
        return a_class(walker, value, path, depth)
    if isinstance(value, types.FunctionType):
        return a_function(walker, value, path, depth)
    if isinstance(value, types.CodeType):
        return code(value)
    if isinstance(value, enum.Enum):
        return {"member": value.name, "of": walker.value(type(value), f"{path}.__class__", depth)}
    return bound(walker, value, path, depth)


def bound(walker: Any, value: Any, path: str, depth: int) -> Any:
    """Describe what wraps or binds a function."""
    parts: dict[str, Any]
    if isinstance(value, types.MethodType):
        parts = {"method": value.__func__, "of": value.__self__}
    elif isinstance(value, types.BuiltinFunctionType):
        owner = value.__self__ if not isinstance(value.__self__, types.ModuleType) else None
        parts = {"builtin": f"{value.__module__}.{value.__qualname__}", "of": owner}
    elif isinstance(value, (staticmethod, classmethod)):
        parts = {type(value).__name__: value.__func__}
    elif isinstance(value, property):
        parts = {"get": value.fget, "set": value.fset, "delete": value.fdel}
    elif isinstance(value, types.CellType):
        return a_cell(walker, value, path, depth)
    elif isinstance(value, DESCRIPTORS):
        return {"descriptor": getattr(value, "__qualname__", value.__name__)}
    elif isinstance(value, weakref.ref):
        parts = {"weak": value()}
    elif isinstance(value, functools._lru_cache_wrapper):
        parts = {"memo of": value.__wrapped__, "info": list(value.cache_info())}
    else:
        return None
    return {key: walker.value(one, f"{path}.{key}", depth) for key, one in parts.items()}


def a_cell(walker: Any, cell: Any, path: str, depth: int) -> Any:
    """Describe a closure's cell, which several functions may share."""
    try:
        return {"cell": walker.value(cell.cell_contents, f"{path}.contents", depth)}
    except ValueError:
        return {"cell": "empty"}


def is_importable(value: Any) -> bool:
    """Say whether a function or class is found again by its module and name."""
    module = getattr(value, "__module__", None)
    return bool(module) and module != "__main__" and "<locals>" not in value.__qualname__


def a_function(walker: Any, function: Any, path: str, depth: int) -> Any:
    """Describe a library's function by name, and one of the notebook by everything it has."""
    name = f"{function.__module__}.{function.__qualname__}"
    if is_importable(function) and not hasattr(function, "__wrapped__"):
        return {"function": name}
    described = {
        "function": name,
        "code": code(function.__code__),
        "source": source_of(function),
        "globals": "live" if function.__globals__ is walker.namespace else "another",
        "doc": repr(function.__doc__)[:200],
    }
    parts = {
        "defaults": function.__defaults__,
        "keyword defaults": function.__kwdefaults__,
        "closure": function.__closure__,
        "annotations": getattr(function, "__annotations__", None),
        "attributes": vars(function),
    }
    for key, one in parts.items():
        described[key] = walker.value(one, f"{path}.{key}", depth)
    return described


def source_of(function: Any) -> str:
    """Return the function's source as ``inspect`` finds it."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return "not found"


def code(value: types.CodeType) -> dict[str, Any]:
    """Describe a code object; its file name depends on the process and is left out."""
    return {
        "name": value.co_name,
        "bytes": value.co_code.hex(),
        "line": value.co_firstlineno,
        "flags": value.co_flags,
        "names": [*value.co_names, *value.co_varnames, *value.co_freevars, *value.co_cellvars],
        "constants": [constant(one) for one in value.co_consts],
    }


def constant(value: Any) -> Any:
    """Describe a constant of a code object; a frozenset's order depends on the process."""
    if isinstance(value, types.CodeType):
        return code(value)
    if isinstance(value, frozenset):
        return sorted(map(repr, value))
    return repr(value)


def a_class(walker: Any, kind: type, path: str, depth: int) -> Any:
    """Describe a library's class by name, and one of the notebook by its body."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    if kind.__module__ != "__main__":
        return {"class": name}
    body = {key: one for key, one in vars(kind).items() if key not in SKIPPED}
    return {
        "class": name,
        "kind": walker.value(type(kind), f"{path}.__class__", depth),
        "bases": walker.items(kind.__bases__, f"{path}.bases", depth),
        "body": walker.attributes(body, path, depth),
    }
