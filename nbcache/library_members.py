"""What the notebook's functions, classes and objects hold that may lead to a library."""

from __future__ import annotations

import contextlib
import threading
import types
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from nbcache.heap.tokens import FLAT
from nbcache.library_effects import package_of
from nbcache.locality import is_local_module

_MOST_ITEMS = 50


def is_changeable(value: Any) -> bool:
    """Tell whether code may change an object: a container, or one with attributes for all.

    What keeps nothing but attributes of its own, as sympy's numbers do, notes things for itself.
    """
    kind = type(value)
    if kind in FLAT or issubclass(kind, _FIXED):
        return False
    if issubclass(kind, (dict, list, set, threading.local)) or "__setitem__" in dir(kind):
        return True
    names = {name for name in _dict_of(value) if not name.startswith("_")}
    setters = (name for base in type.mro(kind) for name, one in vars(base).items() if _sets(one))
    return bool(names) or not all(name.startswith("_") for name in setters)


def _sets(member: Any) -> bool:
    if type(member) is property:
        return member.fset is not None
    return type(member) in (types.MemberDescriptorType, types.GetSetDescriptorType)


_FIXED = (
    types.ModuleType, type, types.FunctionType, types.BuiltinFunctionType, types.MethodType,
    tuple, frozenset,
)  # fmt: skip


def attributes_of(value: Any) -> dict[str, Any]:
    """Return what a function, class or object of the notebook's holds besides its methods."""
    if type(value) is types.FunctionType:
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=False)
        return {name: cell.cell_contents for name, cell in cells if _is_filled(cell)}
    found: dict[str, Any] = {}
    kind = value if issubclass(type(value), type) else type(value)
    if not package_of(kind):
        for base in type.mro(kind) if not issubclass(kind, type) else ():
            members = vars(base) if not package_of(base) else {}
            found |= {name: inner_function(one) for name, one in members.items()}
        found |= _dict_of(value) if kind is not value else {}
    with suppress(AttributeError):
        found["__wrapped__"] = object.__getattribute__(value, "__wrapped__")
    return found


def _is_filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _dict_of(value: Any) -> dict[str, Any]:
    try:
        held = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return held if type(held) is dict else {}


CONTAINERS = frozenset({list, tuple, dict})
_LEADING = frozenset({
    types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType, partial,
})  # fmt: skip


CODE = frozenset({types.FunctionType, types.BuiltinFunctionType})


def leads_on(value: Any) -> bool:
    """Tell whether a part may lead to a library: a module, a function, or a few things."""
    kind = type(value)
    return kind in _LEADING or (kind in CONTAINERS and 0 < len(value) <= _MOST_ITEMS)


def inner_function(member: Any) -> Any:
    """Return the function of a static or class method, else what was given."""
    return member.__func__ if type(member) in (staticmethod, classmethod) else member


def member_of(kind: type, name: str) -> Any:
    """Return what a class or its bases have under a name, as it stands there."""
    held: Iterator[Any] = (vars(base).get(name) for base in type.mro(kind) if name in vars(base))
    return next(held, None)


MAKING_CONTEXTS = (
    contextlib._GeneratorContextManager,
    contextlib._AsyncGeneratorContextManager,
)


def makes_context(value: Any) -> bool:
    """Tell whether a class or function may be one that ``with`` is used with."""
    if issubclass(type(value), type):
        return hasattr(value, "__enter__") or hasattr(value, "__aenter__")
    return type(value) is types.FunctionType and "__wrapped__" in vars(value)


def maker_of(context: Any) -> Any:
    """Return the function that made a context of a generator, also of one that was entered."""
    made, frame = context.gen, getattr(context.gen, "gi_frame", None)
    named = frame.f_globals.get(made.__name__) if frame is not None else None
    return getattr(context, "func", named)


def home_package(value: Any) -> str:
    """Return the package of a library's code, that of functions by where they were defined."""
    found = package_of(value)
    if not found and type(value) is types.FunctionType:
        home = str(value.__globals__.get("__name__", "__main__"))
        found = "" if home == "__main__" or is_local_module(home) else home.partition(".")[0]
    return found
