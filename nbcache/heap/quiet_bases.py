"""Making a class without running the ``__init_subclass__`` of its bases.

A first base for the time of the making has a hook that does nothing; it stands before all others.
Python lets a class change its bases only for ones that lay out instances alike, added by the same
class, so the first base extends what the real one extends, and adds what that adds.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_POINTER = tuple.__itemsize__


class _Quiet:
    """A base whose hook does nothing, and that adds nothing to instances."""

    __slots__ = ()

    def __init_subclass__(cls, **words: Any) -> None:
        """Do nothing."""


class _QuietPlain:
    """The same for plain classes: these directly extend ``object``."""

    __init_subclass__ = vars(_Quiet)["__init_subclass__"]


class _QuietOwn:
    """The same for instances that have a ``__dict__``, and are not referred to weakly."""

    __slots__ = ("__dict__",)
    __init_subclass__ = vars(_Quiet)["__init_subclass__"]


class _QuietWeak:
    """The same for instances without a ``__dict__`` that are referred to weakly."""

    __slots__ = ("__weakref__",)
    __init_subclass__ = vars(_Quiet)["__init_subclass__"]


_PLAIN: dict[tuple[str, ...], type] = {
    (): _Quiet,
    ("__dict__", "__weakref__"): _QuietPlain,
    ("__dict__",): _QuietOwn,
    ("__weakref__",): _QuietWeak,
}


@contextmanager
def quiet_base(base: type) -> Iterator[type]:
    """Lend a first base with a quiet hook to a class whose next base is ``base``.

    No class that the user sees has it among its subclasses afterwards.
    """
    if _has_layout(base):  # then this decides about the new class's, wherever it stands
        yield _QuietPlain if base.__dictoffset__ else _Quiet
        return
    while base.__base__ is not None and not _added(base):
        base = base.__base__
    parent = base.__base__
    if parent in (None, object):
        yield _PLAIN[_added(base)]
        return
    with quiet_base(parent) as first:
        quiet = _extend(first, parent, _added(base))
        try:
            yield quiet
        finally:
            quiet.__bases__ = (first,)


def _extend(first: type, parent: type, slots: tuple[str, ...]) -> type:
    """Return a quiet class that extends ``parent``, made beside the quiet ``first``."""
    creator: Any = abc.ABCMeta if isinstance(parent, abc.ABCMeta) else type
    own = {"__slots__": slots, "__init_subclass__": vars(_Quiet)["__init_subclass__"]}
    quiet: type = creator.__new__(type(parent), "_Quiet", (first, parent), own)
    quiet.__bases__ = (parent,)
    return quiet


def _has_layout(kind: type) -> bool:
    """Tell whether instances hold more than attributes in a dict and weak references to them."""
    pointers = (kind.__dictoffset__ > 0) + (kind.__weakrefoffset__ > 0)
    return kind.__basicsize__ - pointers * _POINTER != object.__basicsize__ or kind.__itemsize__ > 0


def _added(kind: type) -> tuple[str, ...]:
    """Return what a class adds to its base: a ``__dict__``, room for weak references."""
    parent: Any = kind.__base__ or kind
    offsets = {"__dict__": "__dictoffset__", "__weakref__": "__weakrefoffset__"}
    return tuple(
        slot
        for slot, offset in offsets.items()
        if getattr(kind, offset) and not getattr(parent, offset)
    )
