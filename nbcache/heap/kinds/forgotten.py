"""Attributes that a class's way to be copied leaves out, and putting them back in.

``datetime.date`` or ``random.Random`` reduce themselves without the ``__dict__`` of a subclass
that a notebook makes of them; a hit must bring those attributes back all the same.
"""

from __future__ import annotations

import sys
import types
from typing import Any

from nbcache.errors import NotFingerprintable, NotReplayable
from nbcache.heap.kinds.attributes import dict_of
from nbcache.heap.tokens import FLAT, flat
from nbcache.locality import is_local_module

COMPLETED = "nbcache: with attributes"
"""Marks a state to which attributes were added: (mark, state, attributes)."""

_MAKERS = ("__reduce_ex__", "__reduce__", "__getstate__")


def is_own_class(kind: type) -> bool:
    """Tell whether a class is the notebook's, or a local module's."""
    return kind.__module__ == "__main__" or is_local_module(kind.__module__)


def forgets_attributes(obj: Any) -> bool:
    """Tell whether an instance of a notebook's class may be copied without its attributes."""
    kind = type(obj)
    return is_own_class(kind) and _is_copied_by_library(kind) and bool(dict_of(obj))


def _is_copied_by_library(kind: type) -> bool:
    """Tell whether C code or the standard library, and not ``object``, takes instances apart."""
    for base in kind.__mro__[:-1]:
        found = [base.__dict__[name] for name in _MAKERS if name in base.__dict__]
        if found:
            written = isinstance(found[0], types.FunctionType)
            package = str(base.__module__).partition(".")[0]
            return not written or package in sys.stdlib_module_names - {"__main__"}
    return False


def complete(obj: Any, parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a reduction with the attributes that it leaves out.

    Raises:
        NotFingerprintable: the class itself would be lost.
    """
    kind = type(obj)
    if not is_own_class(kind) or not _is_copied_by_library(kind):
        return parts
    make, args, state = parts[:3]
    named = (make, getattr(make, "__self__", None), *args)
    if not any(item is kind for item in named):
        raise NotFingerprintable("is of a class that is lost when its instances are copied")
    own = dict_of(obj)
    if not own:
        return parts
    return make, args, (COMPLETED, state, dict(own)), *parts[3:]


def set_state(live: Any, value: Any) -> None:
    """Set a reduced object's state as ``pickle`` does."""
    is_marked = type(value) is tuple and len(value) == 3 and type(value[0]) is str
    if is_marked and value[0] == COMPLETED:
        _, value, own = value
        live.__dict__.update(own)
        if value is None:
            return
    setter = getattr(live, "__setstate__", None)
    if setter is not None:
        setter(value)
        return
    slots = None
    if isinstance(value, tuple) and len(value) == 2:
        value, slots = value
    if value:
        live.__dict__.update(value)
    for name, item in (slots or {}).items():
        setattr(live, name, item)


def replace_state(live: Any, state: Any) -> None:
    """Set another state of an object that has one.

    Raises:
        NotReplayable: its class does not let go of what it keeps elsewhere.
    """
    wanted = set(state) if type(state) is dict else set()  # which the class may take apart
    set_state(live, state)
    made = live.__reduce_ex__(4) if type(state) is dict and hasattr(live, "__setstate__") else ""
    now = made[2] if type(made) is tuple and len(made) > 2 else None
    left = sorted(map(str, now.keys() - wanted)) if type(now) is dict else []
    if left:
        raise NotReplayable(f"its class does not let go of `{left[0]}`")


def set_directly(live: Any, now: Any, state: Any, direct: list[str]) -> bool:
    """Set the attributes that differ, if a state differs in such alone that it holds as they are.

    The way of a class to take a state may be for instances without one: it may refuse others.
    """
    own = dict_of(live)
    if own is None or type(now) is not dict or type(state) is not dict:
        return False
    moved = {name for name in state if not _is_same(now.get(name, now), state[name])}
    if now.keys() - state.keys() or not moved.issubset(direct):
        return False
    own.update((name, state[name]) for name in state if name in moved)
    return True


def _is_same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    return type(one) is type(other) and type(one) in FLAT and flat(one) == flat(other)
