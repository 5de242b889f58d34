"""Places in a library's heap: ``lib.manager.names``, ``lib.FORMATS["columns"]``, ``Lib.default``.

A place is a module and steps from there: names of variables and attributes, keys and positions
in containers, default arguments and closures of functions. Looking never runs code of a library.
"""

from __future__ import annotations

import functools
import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from typing import Any

from nbcache.heap.kinds.attributes import dict_of, slot_values, slots_of
from nbcache.heap.kinds.code import is_library

CONTAINERS = frozenset({dict, list, set, bytearray, deque, OrderedDict, defaultdict, Counter})
"""Containers that can be changed and that everybody keeps."""

NAME, KEY, INDEX, DEFAULT, WORD, CELL = "name", "key", "index", "default", "word", "cell"

Step = tuple[str, Any]
Place = tuple[str, tuple[Step, ...]]

MOST_ITEMS = 1000
DEPTH = 4
_ABSENT = object()
_VALUES = (types.ModuleType, types.BuiltinFunctionType, staticmethod, classmethod, property)
_PLAIN = frozenset(
    {str, int, float, complex, bool, bytes, type(None), type(...), type(NotImplemented), type}
    | {frozenset, range, slice, types.MappingProxyType, types.GenericAlias, types.UnionType}
    | {types.MemberDescriptorType, types.GetSetDescriptorType, types.WrapperDescriptorType}
    | {types.MethodDescriptorType, types.ClassMethodDescriptorType, types.MethodWrapperType}
    | {*_VALUES, functools._lru_cache_wrapper, functools.partialmethod, types.MethodType}
)
"""Types of what holds nothing of its own, or goes by a name."""


def places_in(name: str, module: Any) -> Iterator[tuple[int, Place]]:
    """Yield what a module's variables, classes and functions keep, level by level."""
    level: list[tuple[Any, Place]] = []
    for label, value in list(vars(module).items()):
        if label[:2] != "__":
            level.append((value, (name, ((NAME, label),))))
    package = name.partition(".")[0]
    met: set[int] = set()
    for depth in range(DEPTH):
        found = [item for item in level if id(item[0]) not in met]
        met.update(id(value) for value, _ in found)
        for value, place in found:
            if is_held(value):
                yield id(value), place
        if depth + 1 < DEPTH:
            level = [
                (child, (name, (*place[1], step)))
                for value, place in found
                if _belongs(value, name, package)
                for step, child in inner(value)
                if type(child) not in _PLAIN
            ]


def _belongs(value: Any, module: str, package: str) -> bool:
    """Tell whether to look into a value: it is the library's own, or a container."""
    kind = type(value)
    if issubclass(kind, type) or kind is types.FunctionType:
        return bool(_home_of(value) == module)
    if kind in CONTAINERS or kind is tuple:
        return len(value) <= MOST_ITEMS
    return str(kind.__module__).partition(".")[0] == package


def _home_of(named: Any) -> Any:
    """Return the module of a class or function, which for a class may be a property."""
    if issubclass(type(named), type):
        return type.__getattribute__(named, "__dict__").get("__module__")
    return named.__module__


def is_held(value: Any) -> bool:
    """Tell whether a library keeps something of its own here that a copy would not be."""
    kind = type(value)
    if kind in CONTAINERS or is_array(kind):
        return True
    if kind in _PLAIN or issubclass(kind, type):
        return False
    if kind is types.FunctionType:
        return "<" in value.__qualname__ and not is_library(value)
    return kind in (tuple, object) or dict_of(value) is not None or bool(slots_of(kind))


def is_array(kind: type) -> bool:
    """Tell whether a type is NumPy's array, which may not be loaded."""
    return kind.__name__ == "ndarray" and kind.__module__ == "numpy"


def inner(value: Any) -> Iterator[tuple[Step, Any]]:
    """Yield the steps from a value to what it holds."""
    kind = type(value)
    if kind is types.FunctionType:
        yield from _of_function(value)
    elif kind in (list, tuple, deque):
        yield from (((INDEX, place), item) for place, item in enumerate(list(value)))
    elif issubclass(kind, type):
        yield from _named(dict(type.__getattribute__(value, "__dict__")))
    elif kind in CONTAINERS:
        if issubclass(kind, dict):
            pairs = list(dict.items(value))
            yield from (((KEY, key), item) for key, item in pairs if is_key(key))
    else:
        yield from _named({**(dict_of(value) or {}), **slot_values(value)})


def is_key(key: Any) -> bool:
    """Tell whether a key stays itself when it is written as JSON, but for lists of it."""
    if type(key) is tuple:
        return all(map(is_key, key))
    return key is None or type(key) in (str, int, bool) or (type(key) is float and not isnan(key))


def _as_key(told: Any) -> Any:
    """Return a key that JSON made lists of."""
    return tuple(map(_as_key, told)) if type(told) in (list, tuple) else told


def _named(values: Mapping[str, Any]) -> Iterator[tuple[Step, Any]]:
    for name, item in values.items():
        if type(name) is str and (name[:2] != "__" or name[-2:] != "__"):
            yield (NAME, name), item


def _of_function(function: types.FunctionType) -> Iterator[tuple[Step, Any]]:
    for place, item in enumerate(function.__defaults__ or ()):
        yield (DEFAULT, place), item
    for word, item in (function.__kwdefaults__ or {}).items():
        yield (WORD, word), item
    for place, cell in enumerate(function.__closure__ or ()):
        item = _contents(cell)
        if item is not _ABSENT:
            yield (CELL, place), item
    if function.__dict__:
        yield from _named(function.__dict__)


def _contents(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _ABSENT


def live(module: str, steps: Sequence[Sequence[Any]]) -> Any:
    """Return what is at a place now, None if there is nothing; runs no code of the library."""
    return follow(sys.modules.get(module), steps)


def follow(value: Any, steps: Sequence[Sequence[Any]]) -> Any:
    """Return what steps lead to from a value, None if to nothing."""
    for sort, name in steps:
        value = _follow(value, sort, name)
    return value


def _follow(value: Any, sort: str, name: Any) -> Any:
    if sort == NAME:
        return _attribute(value, name)
    if sort == KEY:
        return dict.get(value, _as_key(name)) if issubclass(type(value), dict) else None
    if sort == INDEX:
        return _item(value if type(value) in (list, tuple, deque) else (), name)
    return _of_code(value, sort, name) if type(value) is types.FunctionType else None


def _of_code(function: types.FunctionType, sort: str, name: Any) -> Any:
    if sort == WORD:
        return (function.__kwdefaults__ or {}).get(name)
    if sort == DEFAULT:
        return _item(function.__defaults__ or (), name)
    cell = _item(function.__closure__ or (), name)
    return None if cell is None else _contents(cell)


def _item(items: Sequence[Any], place: int) -> Any:
    return items[place] if place < len(items) else None


def _attribute(owner: Any, name: str) -> Any:
    if issubclass(type(owner), types.ModuleType):
        return vars(owner).get(name)
    if not issubclass(type(owner), type):
        own = dict_of(owner)
        if own is not None and name in own:
            return own[name]
        slots = slot_values(owner) if slots_of(type(owner)) else {}
        if name in slots:
            return slots[name]
    kind = owner if issubclass(type(owner), type) else type(owner)
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)


def told(module: str, steps: Sequence[Sequence[Any]]) -> str:
    """Return a place as code says it."""
    text = module
    for sort, name in steps:
        text += f".{name}" if sort == NAME else f"[{name!r}]"
    return text
