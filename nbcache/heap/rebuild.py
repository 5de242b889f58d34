"""What a stored stream calls to build objects again; names here are part of the format."""

from __future__ import annotations

import abc
import enum
import functools
import importlib
import marshal
import types
from collections.abc import Callable
from typing import Any


class Namespace:
    """Stands in a stream for the notebook's live namespace."""


def same(value: Any) -> Any:
    """Return the value: a reference on its own."""
    return value


def make_code(data: bytes) -> types.CodeType:
    """Return the code object that was stored as marshal data (of this minor version)."""
    code: types.CodeType = marshal.loads(data)
    return code


def make_cell() -> types.CellType:
    """Return an empty closure cell."""
    return types.CellType()


def fill_cell(cell: types.CellType, contents: list[Any]) -> None:
    """Set a cell's contents from a list of one, or leave it empty."""
    if contents:
        cell.cell_contents = contents[0]


def make_function(
    code: types.CodeType, scope: Any, name: str, closure: tuple[types.CellType, ...] | None
) -> types.FunctionType:
    """Return a function over a live namespace: a dict, or a module's by its name."""
    variables = importlib.import_module(scope).__dict__ if isinstance(scope, str) else scope
    return types.FunctionType(code, variables, name, None, closure)


def fill_function(function: types.FunctionType, state: dict[str, Any]) -> None:
    """Set a function's defaults, attributes and names."""
    function.__dict__.update(state.pop("__dict__", {}))
    for name, value in state.items():
        setattr(function, name, value)


def make_class(
    meta: type, name: str, bases: tuple[type, ...], namespace: dict[str, Any], quiet: bool
) -> type:
    """Return a class without its attributes; ``quiet`` keeps ``__init_subclass__`` from running."""
    creator = abc.ABCMeta if issubclass(meta, abc.ABCMeta) else type
    if not quiet:
        return creator.__new__(meta, name, bases, namespace)
    made: type = creator.__new__(meta, name, (_Blank,), namespace)
    made.__bases__ = bases
    return made


class _Blank:
    """A base whose place the real bases take."""


def fill_class(kind: type, state: dict[str, Any]) -> None:
    """Set a class's own attributes."""
    for name, value in state.items():
        type.__setattr__(kind, name, value)


def make_enum(
    meta: Any, name: str, bases: tuple[type, ...], items: list[tuple[str, Any]], extra: dict[str, Any]
) -> Any:
    """Return an enumeration built by its own metaclass from names and values."""
    namespace = meta.__prepare__(name, bases)
    for key, value in {**extra, **dict(items)}.items():
        namespace[key] = value
    return meta.__new__(meta, name, bases, namespace)


def fill_enum(kind: Any, state: dict[str, Any]) -> None:
    """Set an enumeration's methods and attributes, past the guard of its metaclass."""
    for name, value in state.items():
        type.__setattr__(kind, name, value)


def get_member(kind: type[enum.Enum], name: str) -> Any:
    """Return the one member of that name."""
    return kind.__members__[name]


def make_proxy(mapping: dict[Any, Any]) -> types.MappingProxyType[Any, Any]:
    """Return a read-only view of a mapping."""
    return types.MappingProxyType(mapping)


def make_cached_property(function: Any, name: str | None) -> Any:
    """Return a cached property that knows its name, with a lock of its own if it needs one."""
    made = functools.cached_property(function)
    made.attrname = name
    return made


def make_type_variable(kind: Any, name: str, constraints: tuple[Any, ...], extra: Any) -> Any:
    """Return a type variable."""
    return kind(name, *constraints, **extra)


def make_lru(wrapped: Any, maxsize: int | None, typed: bool) -> Any:
    """Return an empty least-recently-used cache around a function."""
    return functools.lru_cache(maxsize, typed)(wrapped)


def fill_attributes(obj: Any, state: dict[str, Any]) -> None:
    """Replace what an object keeps in its ``__dict__``."""
    if hasattr(obj, "__dict__"):
        obj.__dict__.clear()
        obj.__dict__.update(state)


def fill_slots(obj: Any, state: tuple[dict[str, Any] | None, dict[str, Any]]) -> None:
    """Set an instance's dict and slots directly, past any ``__setattr__``."""
    from nbcache.heap.kinds.attributes import replace_attributes

    replace_attributes(obj, state)


def make_view(name: str, mapping: dict[Any, Any]) -> Any:
    """Return a live view of a dict: its keys, values or items."""
    method: Callable[[], Any] = getattr(mapping, name)
    return method()


def get_constant(module: str, name: str) -> Any:
    """Return a library's own object that it keeps under a name."""
    return getattr(importlib.import_module(module), name)


COPIED_BYTES = 1 << 20
"""Arrays below this own their memory; larger ones rest on the store's private mapping."""


def make_array(
    buffer: Any, dtype: Any, shape: tuple[int, ...], order: str, writeable: bool
) -> Any:
    """Return an array over a restored buffer."""
    import numpy as np

    array = np.frombuffer(buffer, dtype=dtype) if len(memoryview(buffer)) else np.empty(0, dtype)
    if array.nbytes < COPIED_BYTES or (writeable and not array.flags.writeable):
        array = array.copy()
    array = np.ndarray(shape, dtype, buffer=array, order=order) if array.size else np.empty(
        shape, dtype, order
    )
    array.flags.writeable = writeable
    return array


def make_array_view(
    owner: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: Any, flag: bool
) -> Any:
    """Return a view that begins ``offset`` bytes after the first element of a live array."""
    import numpy as np

    base = owner
    while isinstance(base.base, np.ndarray):
        base = base.base
    offset += owner.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    if dtype.hasobject:
        flat = np.lib.stride_tricks.as_strided(base, (base.size,), (base.itemsize,))
        view = np.lib.stride_tricks.as_strided(flat[offset // base.itemsize :], shape, strides)
    else:
        memory = base if base.flags.c_contiguous else base.T
        view = np.ndarray(shape, dtype, buffer=memory, offset=offset, strides=strides)
    if not flag:
        view.flags.writeable = False
    return view


def make_subclass(array: Any, kind: type) -> Any:
    """Return a view of a plain array as a subclass, without its attributes."""
    return array.view(kind)


def make_raw(array: Any) -> Any:
    """Return an array that holds the recorded contents of an earlier one."""
    return array
