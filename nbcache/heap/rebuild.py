"""What a stored stream calls to build objects again; names here are part of the format."""

from __future__ import annotations

import abc
import collections
import contextlib
import contextvars
import enum
import importlib
import inspect
import itertools
import marshal
import types
from collections.abc import Callable
from typing import Any

from nbcache.errors import CacheError
from nbcache.heap.quiet_bases import quiet_base


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
    """Return a function over a live namespace: a dict, a module's by its name, or a copy."""
    if isinstance(scope, tuple):
        return types.FunctionType(code, {**scope[0], **scope[1]}, name, None, closure)
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
    creator: Any = abc.ABCMeta if issubclass(meta, abc.ABCMeta) else type
    if not quiet:
        made: type = creator.__new__(meta, name, bases, namespace)
        return made
    with quiet_base(bases[0]) as first:
        made = creator.__new__(meta, name, (first, *bases), namespace)
        made.__bases__ = bases
    return made


def fill_class(kind: type, state: dict[str, Any]) -> None:
    """Set a class's names and own attributes, past any guard of its metaclass."""
    for name, value in zip(("__name__", "__qualname__"), state["names"], strict=True):
        if getattr(kind, name) != value:
            type.__setattr__(kind, name, value)
    for name, value in state["items"].items():
        type.__setattr__(kind, name, value)
    for held in state["virtual"]:
        abc.ABCMeta.register(kind, held)  # type: ignore[arg-type]


def get_member(kind: type[enum.Enum], name: str) -> Any:
    """Return the one member of that name."""
    return kind.__members__[name]


def get_descriptor(kind: type, name: str) -> Any:
    """Return what a class keeps under a name, unbound."""
    return kind.__dict__[name]


def make_class_view(kind: type) -> Any:
    """Return the read-only view of a class's namespace."""
    return kind.__dict__


def make_bare(kind: type, plain: Any) -> Any:
    """Return an instance with no attributes; no code of its class runs.

    ``plain`` is the value of the builtin that it extends (``5`` for an ``int`` subclass), or
    ``()`` for one that extends none.
    """
    return base_of(kind).__new__(kind, *plain)


def base_of(kind: type) -> Any:
    """Return the nearest base that is made by C code: ``object``, ``int``, ``dict``…"""
    for base in kind.__mro__:
        if type(base.__dict__.get("__new__")) is types.BuiltinFunctionType:
            return base
    return object


def adopt_dict(obj: Any, own: dict[str, Any]) -> None:
    """Give an instance this very dict as its ``__dict__``: something else holds it too."""
    object.__setattr__(obj, "__dict__", own)


def make_exception(kind: Any, base: Any, args: tuple[Any, ...]) -> Any:
    """Return an exception built by C code alone."""
    made = base.__new__(kind, *args)
    if base.__init__ is not BaseException.__init__:
        with contextlib.suppress(TypeError):
            base.__init__(made, *args)
    return made


def fill_exception(error: Any, state: tuple[Any, Any, Any, dict[str, Any]]) -> None:
    """Set an exception's arguments, members, attributes and links."""
    args, members, attributes, links = state
    error.args = args
    for name, value in members.items():
        with contextlib.suppress(AttributeError, TypeError):
            setattr(error, name, value)
    fill_slots(error, attributes)
    for name, value in links.items():
        setattr(error, name, value)


def fill_derived(obj: Any, state: tuple[Any, Any, Any]) -> None:
    """Set the items, attributes and default factory of a container's subclass."""
    from nbcache.heap.kinds.derived import patch_derived

    patch_derived(obj, state)


def make_deque(kind: Any, maxlen: int | None) -> Any:
    """Return an empty bounded deque of a subclass."""
    made = collections.deque.__new__(kind)
    collections.deque.__init__(made, (), maxlen)
    return made


def refill_deque(live: Any, items: list[Any], maxlen: int | None) -> None:
    """Replace a deque's items, and its bound when that changed, past any override."""
    if live.maxlen != maxlen:
        collections.deque.__init__(live, (), maxlen)
    collections.deque.clear(live)
    collections.deque.extend(live, items)


def fill_reduced(obj: Any, state: tuple[Any, dict[str, Any]]) -> None:
    """Set an object's own state, then attributes that its protocol leaves out."""
    own, extra = state
    obj.__setstate__(own)
    obj.__dict__.update(extra)


def make_cached_property(kind: type, function: Any, name: str | None) -> Any:
    """Return a cached property that knows its name, with a lock of its own if it needs one."""
    made = kind(function)
    made.attrname = name
    return made


def make_type_variable(
    kind: Any, name: str, constraints: tuple[Any, ...], extra: Any, module: str
) -> Any:
    """Return a type variable that knows its module."""
    made = kind(name, *constraints, **extra)
    made.__module__ = module
    return made


def make_type_alias(module: str, name: str, value: Any, parameters: tuple[Any, ...]) -> Any:
    """Return what ``type name = value`` makes in a module, which it asks its caller for."""
    make = eval("lambda kind, *args, **words: kind(*args, **words)", {"__name__": module})
    kind = importlib.import_module("typing").TypeAliasType
    return make(kind, name, value, type_params=parameters)


def fill_attributes(obj: Any, state: dict[str, Any]) -> None:
    """Replace what an object keeps in its ``__dict__``."""
    if hasattr(obj, "__dict__"):
        obj.__dict__.clear()
        obj.__dict__.update(state)


def fill_slots(obj: Any, state: tuple[dict[str, Any] | None, dict[str, Any]]) -> None:
    """Set an instance's dict and slots directly, past any ``__setattr__``."""
    from nbcache.heap.kinds.attributes import replace_attributes

    replace_attributes(obj, state)


def set_noted(obj: Any, state: tuple[Any, Any, dict[str, Any]]) -> None:
    """Set an object's state in its own way, then the attributes that a user gave it."""
    from nbcache.heap.kinds.forgotten import set_state

    own, setter, notes = state
    if setter is not None:
        setter(obj, own)
    elif own is not None:
        set_state(obj, own)
    vars(obj).update(notes)


def make_view(name: str, mapping: dict[Any, Any]) -> Any:
    """Return a live view of a dict: its keys, values or items."""
    method: Callable[[], Any] = getattr(mapping, name)
    return method()


def make_dict_iterator(owner: Any, name: str, is_reversed: bool, left: int) -> Any:
    """Return an iterator over a dict, with so many items left; without a dict it is used up."""
    view = make_view(name, {} if owner is None else owner)
    made = reversed(view) if is_reversed else iter(view)
    steps = 1 if owner is None else len(owner) - left
    collections.deque(itertools.islice(made, steps), maxlen=0)
    return made


def make_match(pattern: Any, text: Any, span: tuple[int, int], way: str, place: int) -> Any:
    """Return a match by finding it again: the only one, or that of a place in a row."""
    if way == "finditer":
        return next(itertools.islice(pattern.finditer(text, *span), place, None))
    return getattr(pattern, way)(text, *span)


def get_constant(module: str, name: str) -> Any:
    """Return a library's own object that it keeps under a name."""
    return getattr(importlib.import_module(module), name)


def get_zone(name: str) -> Any:
    """Return dateutil's time zone of a name.

    Raises:
        CacheError: this machine knows no such zone.
    """
    zone = importlib.import_module("dateutil.tz").gettz(name)
    if zone is None:
        raise CacheError(f"this machine has no time zone {name!r}")
    return zone


def make_generator(function: Any, arguments: dict[str, Any]) -> Any:
    """Return a generator that has not begun, made by its function."""
    code = function.__code__
    count = code.co_argcount + code.co_kwonlyargcount
    names = code.co_varnames
    given = [arguments[name] for name in names[: code.co_argcount]]
    named = {name: arguments[name] for name in names[code.co_argcount : count]}
    if code.co_flags & inspect.CO_VARARGS:
        given += arguments[names[count]]
        count += 1
    if code.co_flags & inspect.CO_VARKEYWORDS:
        named |= arguments[names[count]]
    return function(*given, **named)


def make_context_variable(name: str, default: list[Any]) -> Any:
    """Return a context variable, with its default if it has one."""
    if default:
        return contextvars.ContextVar(name, default=default[0])
    return contextvars.ContextVar(name)


def set_context_variable(variable: contextvars.ContextVar[Any], value: list[Any]) -> None:
    """Set a context variable for the notebook, if there is a value."""
    if value:
        variable.set(value[0])
