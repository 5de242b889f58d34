"""Texts and numbers among what a cell can read that may name files, or be open ones."""

from __future__ import annotations

import ast
import os
import pathlib
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from types import MemberDescriptorType
from typing import Any

from nbcache.cell.parts import all_parts
from nbcache.heap.kinds.attributes import dict_of
from nbcache.heap.kinds.forgotten import is_own_class
from nbcache.heap.walk import Walk
from nbcache.lazy_frames import lazy_sources
from nbcache.witnesses import user_codes

_MOST = 2000
"""Values looked into, so that large data costs nothing."""

_MOST_ITEMS = 100
"""Items of one container."""

_MOST_OPEN = 1 << 16
"""No descriptor is greater, where it is not set so on purpose."""

_NAMES_OF_FILES = (str, pathlib.PurePath)
_PLAIN = (*_NAMES_OF_FILES, int, float)
_WORD = re.compile(r"[^\s'\"`;|&<>(){}=,$*]*/[^\s'\"`;|&<>(){}=,$*]*")
_MAY_BE_PATH = re.compile(r"[^\n]{0,400}[./][^\n]{0,400}")


def path_like(nodes: Iterable[ast.AST], walk: Walk) -> list[str]:
    """Return the texts in a cell, its functions and its inputs that may name files."""
    found = set(_texts_in(walk.values.values()))
    found.update(_constants(walk), (path for path, _ in lazy_sources(walk)))
    for part in all_parts(nodes):
        if isinstance(part, ast.Constant) and isinstance(part.value, (str, bytes)):
            found.add(os.fsdecode(part.value))
    found |= {word for text in found if len(text) <= 4000 for word in _WORD.findall(text)}
    return sorted(text for text in found if _MAY_BE_PATH.fullmatch(text))


def small_numbers(nodes: Iterable[ast.AST], walk: Walk) -> set[int]:
    """Return the numbers in a cell, its functions and its inputs that may be descriptors."""
    values = [*walk.values.values(), *_held_by_functions(walk)]
    values += [part.value for part in all_parts(nodes) if isinstance(part, ast.Constant)]
    return {value for value in _parts_of(values) if type(value) is int and 2 < value < _MOST_OPEN}


def _held_by_functions(walk: Walk) -> Iterator[Any]:
    """Yield what the user's functions hold: constants, defaults, and what closures keep."""
    for code in user_codes(walk):
        yield from code.co_consts
    for function in walk.functions.values():
        yield from function.__defaults__ or ()
        yield from (function.__kwdefaults__ or {}).values()
        for cell in function.__closure__ or ():
            with suppress(ValueError):  # empty
                yield cell.cell_contents


def _constants(walk: Walk) -> Iterator[str]:
    """Yield the texts in the code of the user's functions, and their defaults."""
    for code in user_codes(walk):
        for value in code.co_consts:
            yield from _texts_in([value])
    for function in walk.functions.values():
        yield from _texts_in(function.__defaults__ or ())


def _texts_in(values: Iterable[Any]) -> Iterator[str]:
    """Yield texts and paths among values, in containers and in objects of the user's classes."""
    for value in _parts_of(values):
        if issubclass(type(value), _NAMES_OF_FILES):
            yield str(value)


def _in_slots(value: Any) -> Iterator[Any]:
    """Yield what an instance keeps in the slots of its classes."""
    for kind in type(value).__mro__:
        for slot in vars(kind).values():
            if type(slot) is MemberDescriptorType:
                with suppress(AttributeError):  # empty
                    yield slot.__get__(value)


def _parts_of(values: Iterable[Any]) -> Iterator[Any]:
    """Yield values, and those in containers and in objects of the user's classes."""
    waiting = list(islice(values, _MOST))
    seen: set[int] = set()
    own: dict[type, bool] = {}
    for value in waiting:
        kind = type(value)
        yield value
        if issubclass(kind, _PLAIN):
            continue
        if len(waiting) >= _MOST or id(value) in seen:
            continue
        if kind in (list, tuple, set, frozenset):
            seen.add(id(value))
            waiting += islice(value, _MOST_ITEMS)
        elif issubclass(kind, dict):
            seen.add(id(value))
            waiting += islice(dict.values(value), _MOST_ITEMS)
        elif own[kind] if kind in own else own.setdefault(kind, is_own_class(kind)):
            seen.add(id(value))
            waiting += islice((dict_of(value) or {}).values(), _MOST_ITEMS)
            waiting += _in_slots(value)
        elif issubclass(kind, type) and is_own_class(value):
            seen.add(id(value))
            waiting += islice(type.__dict__["__dict__"].__get__(value).values(), _MOST_ITEMS)
