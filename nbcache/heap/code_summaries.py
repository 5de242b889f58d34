"""What a person is told of a function or class: its code, and what it holds besides.

``held`` maps the words for a default, a closure's variable, an attribute or a method to the text
of its value; what has no short text stands for itself by a digest, after ``UNTOLD``.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator
from typing import Any

from nbcache.heap.kinds.code import code_token
from nbcache.heap.tokens import digest
from nbcache.locality import is_local_module

UNTOLD = "#"
_MOST_HELD = 24

TextOf = Callable[[str, Any], "str | None"]
CellOf = Callable[[str], int]


def summarise_code(value: Any, text_of: TextOf, cell_of: CellOf | None) -> dict[str, Any]:
    """Return the digest of a function's or class's code, what it holds, and its cell."""
    is_function = type(value) is types.FunctionType
    codes = [("", value.__code__)] if is_function else list(_codes_of(value))
    form = "function" if is_function else "class"
    found: dict[str, Any] = {"code": _digest_of(codes) if codes else "", "form": form}
    members = _held_by_function(value) if is_function else _held_by_class(value)
    held = dict(_told(members, text_of))
    if held and len(held) <= _MOST_HELD:
        found["held"] = held
    place = codes[0][1].co_filename if codes else f"class {_name_of(value)}"
    cell = cell_of(place) if cell_of is not None else 0
    return found | ({"cell": cell} if cell else {})


def _told(members: Iterator[tuple[str, str, Any]], text_of: TextOf) -> Iterator[tuple[str, str]]:
    for words, name, value in members:
        codes = [("", code) for code in _codes_in(value)]
        text = UNTOLD + _digest_of(codes) if codes else text_of(name, value)
        if text is not None:
            yield words, text


def _digest_of(codes: list[tuple[str, types.CodeType]]) -> str:
    return digest(b"".join(name.encode() + code_token(code) for name, code in codes)).hex()


def _held_by_function(function: types.FunctionType) -> Iterator[tuple[str, str, Any]]:
    """Yield defaults, variables of the closure, and attributes, in the words for each."""
    title, code = function.__name__, function.__code__
    defaults = function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount][code.co_argcount - len(defaults) :]
    given = {**dict(zip(names, defaults, strict=False)), **(function.__kwdefaults__ or {})}
    for name, value in given.items():
        yield f"the default of `{name}` in `{title}`", name, value
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
        try:
            yield f"`{name}` in the closure of `{title}`", name, cell.cell_contents
        except ValueError:
            continue  # it holds nothing yet
    for name, value in function.__dict__.items():
        if not name.startswith("__"):
            yield f"`{title}.{name}`", name, value


def _held_by_class(kind: type) -> Iterator[tuple[str, str, Any]]:
    """Yield attributes and methods of a class and of those of its bases that are the user's."""
    for one in type.__getattribute__(kind, "__mro__"):
        module = type.__getattribute__(one, "__module__")
        if module != "__main__" and not (isinstance(module, str) and is_local_module(module)):
            continue
        for name, value in type.__getattribute__(one, "__dict__").items():
            if name.startswith("__") and not _codes_in(value):
                continue
            form = "method" if _codes_in(value) else "attribute"
            yield f"{form} `{_name_of(one)}.{name}`", name, value


def _name_of(kind: type) -> str:
    return str(type.__getattribute__(kind, "__name__"))


def _codes_of(kind: type) -> Iterator[tuple[str, types.CodeType]]:
    for name, one in type.__getattribute__(kind, "__dict__").items():
        for code in _codes_in(one):
            yield name, code


def _codes_in(member: Any) -> list[types.CodeType]:
    inner = [member]
    if type(member) in (classmethod, staticmethod):
        inner = [member.__func__]
    elif type(member) is property:
        inner = [member.fget, member.fset, member.fdel]
    elif type(member) is functools.cached_property:
        inner = [member.func]
    return [one.__code__ for one in inner if type(one) is types.FunctionType]
