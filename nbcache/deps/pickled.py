"""Pickles made while functions are patched: they name the functions, never a wrapper.

A pickle names a builtin function by its module, and refuses if another object stands there. So
the ones that are patched are pickled as a call that finds them: in another process, or later.
"""

from __future__ import annotations

import copyreg
import functools
import pkgutil
from types import BuiltinFunctionType
from typing import Any

from nbcache.deps.wrapped import Wrapped, found_by_name, original_of

standing: dict[int, Wrapped] = {}
"""Identity of a function → what stands in for it somewhere, now or the next time."""

_resolve_name = pkgutil.resolve_name


@functools.wraps(_resolve_name)
def _find(name: str) -> Any:
    """Find a function by name; while it is replaced, still the function itself."""
    return original_of(_resolve_name(name))


def begin() -> None:
    """The first place holds a wrapper from now on."""
    pkgutil.resolve_name = _find
    copyreg.dispatch_table.setdefault(BuiltinFunctionType, _reduce)


def end() -> None:
    """No place holds a wrapper any more."""
    pkgutil.resolve_name = _resolve_name
    if copyreg.dispatch_table.get(BuiltinFunctionType) is _reduce:
        del copyreg.dispatch_table[BuiltinFunctionType]


def _reduce(function: Any) -> Any:
    wrapper = standing.get(id(function))
    if wrapper is None or wrapper.original is not function or not wrapper.hooks:
        return function.__reduce_ex__(4)
    return found_by_name(*wrapper.place)
