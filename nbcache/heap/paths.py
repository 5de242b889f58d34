"""The path from a name to a value inside it, for messages: ``model.client._sock``."""

from __future__ import annotations

import functools
import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from nbcache.heap.kinds.attributes import dict_of, slot_values
from nbcache.heap.tokens import FLAT

LIMIT = 200_000
"""Objects looked at before the search gives up and names the root alone."""


def type_name(obj: Any) -> str:
    """Return the type's name as a person writes it: ``sqlite3.Connection``, ``list``."""
    kind = type(obj)
    module = kind.__module__
    if module in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{module}.{kind.__qualname__}"


def find_path(label: str, root: Any, target: Any) -> str:
    """Return the shortest path from ``root`` to ``target``, or the label when there is none."""
    if root is target:
        return label
    queue: deque[tuple[str, Any]] = deque([(label, root)])
    seen = {id(root)}
    while queue and len(seen) < LIMIT:
        path, obj = queue.popleft()
        for step, child in children(obj):
            if child is target:
                return path + step
            if id(child) not in seen and type(child) not in FLAT:
                seen.add(id(child))
                queue.append((path + step, child))
    return label


def children(obj: Any) -> Iterator[tuple[str, Any]]:
    """Yield (step, child) for the parts of a value that a person could write a path to.

    Nothing of the user's runs: neither ``__repr__`` of a key nor an overridden ``__iter__``.
    """
    kind = type(obj)
    if issubclass(kind, types.ModuleType):
        return
    if issubclass(kind, dict):
        for key, value in list(dict.items(obj)):
            yield f"[{_shown(key)}]", value
            yield f".keys()[{_shown(key)}]", key
    for base in _SEQUENCES:
        if issubclass(kind, base):
            yield from ((f"[{place}]", one) for place, one in enumerate(base.__iter__(obj)))
    if kind is types.FunctionType:
        yield from _function_children(obj)
    for name in _MEMBERS.get(kind, ()):
        yield f".{name}", getattr(obj, name)
    items = _TABLES.get(f"{kind.__module__}.{kind.__qualname__}")
    if items is not None:
        yield from items(obj)
    yield from _attributes(obj)


_SEQUENCES: tuple[Any, ...] = (list, tuple, set, frozenset, deque)
_MEMBERS: dict[type, tuple[str, ...]] = {
    functools.partial: ("func", "args", "keywords"),
    types.MethodType: ("__self__", "__func__"),
    types.BuiltinMethodType: ("__self__",),
    property: ("fget", "fset", "fdel"),
    classmethod: ("__func__",),
    staticmethod: ("__func__",),
}


def _array_items(array: Any) -> Iterator[tuple[str, Any]]:
    if array.dtype.hasobject and not array.dtype.names:
        for place, value in enumerate(array.ravel().tolist()):
            yield f"[{place}]" if array.ndim == 1 else f".flat[{place}]", value


def _frame_columns(frame: Any) -> Iterator[tuple[str, Any]]:
    for place, name in enumerate(frame.columns):
        yield f"[{_shown(name)}]", frame.iloc[:, place]


def _series_items(series: Any) -> Iterator[tuple[str, Any]]:
    if getattr(series.dtype, "hasobject", False):
        yield from ((f".iloc[{place}]", value) for place, value in enumerate(series.tolist()))


_TABLES: dict[str, Callable[[Any], Iterator[tuple[str, Any]]]] = {
    "numpy.ndarray": _array_items,
    "pandas.DataFrame": _frame_columns,
    "pandas.core.frame.DataFrame": _frame_columns,
    "pandas.Series": _series_items,
    "pandas.core.series.Series": _series_items,
}
"""Arrays and frames whose elements may be objects, by the name of their type."""


def _shown(key: Any) -> str:
    """Return a key as people write it; only plain ones are asked for their text."""
    return f"{key!r:.40}" if type(key) in FLAT else f"<{type_name(key)}>"


def _function_children(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f".<closure {name}>", cell.cell_contents
        except ValueError:
            continue
    for position, value in enumerate(function.__defaults__ or ()):
        yield f".__defaults__[{position}]", value
    if function.__kwdefaults__:
        yield ".__kwdefaults__", function.__kwdefaults__


def _attributes(obj: Any) -> Iterator[tuple[str, Any]]:
    if issubclass(type(obj), type):
        for name, value in list(type.__dict__["__dict__"].__get__(obj).items()):
            if name not in ("__dict__", "__weakref__"):
                yield f".{name}", value
        return
    for name, value in list((dict_of(obj) or {}).items()):
        yield f".{name}", value
    for name, value in slot_values(obj).items():
        yield f".{name}", value
