"""Texts among what a cell can read that may name files: their folders are watched."""

from __future__ import annotations

import ast
import os
import pathlib
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from nbcache.cell.parts import all_parts
from nbcache.heap.kinds.attributes import dict_of
from nbcache.heap.kinds.forgotten import is_own_class
from nbcache.heap.walk import Walk
from nbcache.witnesses import user_codes

_MOST = 2000
"""Values looked into, so that large data costs nothing."""

_MOST_ITEMS = 100
"""Items of one container."""

_NAMES_OF_FILES = (str, pathlib.PurePath)
_BRACKETED = re.compile(r"\[([^\[\]\n]+)\]")
_WORD = re.compile(r"[^\s'\"`;|&<>(){}=,$*]*/[^\s'\"`;|&<>(){}=,$*]*")
_MAY_BE_PATH = re.compile(r"[^\n]{0,400}[./][^\n]{0,400}")


def path_like(nodes: Iterable[ast.AST], walk: Walk) -> list[str]:
    """Return the texts in a cell, its functions and its inputs that may name files."""
    found = set(_texts_in(walk.values.values()))
    found.update(plans(walk), _constants(walk))
    for part in all_parts(nodes):
        if isinstance(part, ast.Constant) and isinstance(part.value, (str, bytes)):
            found.add(os.fsdecode(part.value))
    found |= {word for text in found if len(text) <= 4000 for word in _WORD.findall(text)}
    return sorted(text for text in found if _MAY_BE_PATH.fullmatch(text))


def plans(walk: Walk) -> Iterator[str]:
    """Yield what lazy frames among the inputs will read, as text."""
    lazy = {kind for kind in walk.types if kind.__name__ == "LazyFrame"}
    for obj in walk.objects if lazy else ():
        if type(obj) in lazy and hasattr(obj, "explain"):
            with suppress(Exception):
                yield from _BRACKETED.findall(obj.explain(optimized=False))


def _constants(walk: Walk) -> Iterator[str]:
    """Yield the texts in the code of the user's functions, and their defaults."""
    for code in user_codes(walk):
        for value in code.co_consts:
            yield from _texts_in([value])
    for function in walk.functions.values():
        yield from _texts_in(function.__defaults__ or ())


def _texts_in(values: Iterable[Any]) -> Iterator[str]:
    """Yield texts and paths among values, in containers and in objects of the user's classes."""
    waiting = list(islice(values, _MOST))
    seen: set[int] = set()
    own: dict[type, bool] = {}
    for value in waiting:
        kind = type(value)
        if issubclass(kind, _NAMES_OF_FILES):
            yield str(value)
        elif len(waiting) >= _MOST or id(value) in seen:
            continue
        elif kind in (list, tuple, set, frozenset):
            seen.add(id(value))
            waiting += islice(value, _MOST_ITEMS)
        elif issubclass(kind, dict):
            seen.add(id(value))
            waiting += islice(dict.values(value), _MOST_ITEMS)
        elif own[kind] if kind in own else own.setdefault(kind, is_own_class(kind)):
            seen.add(id(value))
            waiting += islice((dict_of(value) or {}).values(), _MOST_ITEMS)
