"""The path from a name to a value inside it, for messages: ``model.client._sock``."""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Iterator
from typing import Any

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
            if id(child) not in seen and not isinstance(child, (str, bytes, int, float)):
                seen.add(id(child))
                queue.append((path + step, child))
    return label


def children(obj: Any) -> Iterator[tuple[str, Any]]:
    """Yield (step, child) for the parts of a value that a person could write a path to."""
    if isinstance(obj, types.ModuleType):
        return
    if isinstance(obj, dict):
        for key, value in list(obj.items()):
            yield f"[{key!r:.40}]", value
            yield f".keys()[{key!r:.40}]", key
    elif isinstance(obj, (list, tuple, set, frozenset)):
        for position, value in enumerate(list(obj)):
            yield f"[{position}]", value
    elif isinstance(obj, types.FunctionType):
        yield from _function_children(obj)
    yield from _attributes(obj)


def _function_children(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f".<closure {name}>", cell.cell_contents
        except ValueError:
            continue
    for position, value in enumerate(function.__defaults__ or ()):
        yield f".__defaults__[{position}]", value


def _attributes(obj: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(obj, types.BuiltinFunctionType | types.GetSetDescriptorType):
        return
    try:
        attributes = dict(vars(obj))
    except TypeError:
        attributes = {}
    for name, value in attributes.items():
        if isinstance(obj, type) and name in ("__dict__", "__weakref__"):
            continue
        yield f".{name}", value
    if isinstance(obj, type):
        return
    for base in type(obj).__mro__:
        slots = base.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            try:
                yield f".{slot}", object.__getattribute__(obj, slot)
            except AttributeError:
                continue
