"""Pickles made while functions are patched: they name the functions, never a wrapper.

A pickle names a builtin function by its module, and refuses if another object stands there. So
the ones that are patched are pickled as a call that finds them: in another process, or later.
"""

from __future__ import annotations

import copyreg
import functools
import pkgutil
from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Any

_replaced: dict[int, tuple[Any, str, int]] = {}
"""Identity of a function → itself, where it is found, in how many places replaced."""

_resolve_name = pkgutil.resolve_name


@functools.wraps(_resolve_name)
def _find(name: str) -> Any:
    """Find a function by name; while it is replaced, still the function itself."""
    held = (function for function, place, _ in _replaced.values() if place == name)
    return next(held, None) or _resolve_name(name)


def found_by_name(module: str, name: str) -> tuple[Callable[..., Any], tuple[str]]:
    """Return the reduction of a function that is found at a place; only Python's own names."""
    return pkgutil.resolve_name, (f"{module}:{name}",)


def note_replaced(function: Any, place: str) -> None:
    """A place holds a wrapper in the place of ``function`` from now on."""
    _, first, times = _replaced.get(id(function), (function, place, 0))
    _replaced[id(function)] = function, first, times + 1
    pkgutil.resolve_name = _find
    copyreg.dispatch_table.setdefault(BuiltinFunctionType, _reduce)


def note_restored(function: Any) -> None:
    """A place holds ``function`` again."""
    if id(function) not in _replaced:
        return
    _, place, times = _replaced.pop(id(function))
    if times > 1:
        _replaced[id(function)] = function, place, times - 1
    if _replaced:
        return
    pkgutil.resolve_name = _resolve_name
    if copyreg.dispatch_table.get(BuiltinFunctionType) is _reduce:
        del copyreg.dispatch_table[BuiltinFunctionType]


def _reduce(function: Any) -> Any:
    known = _replaced.get(id(function))
    if known is None:
        return function.__reduce_ex__(4)
    return found_by_name(*known[1].split(":"))
