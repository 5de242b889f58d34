"""Classes are made again without running the hooks of their bases, whatever these extend."""

from __future__ import annotations

import abc
import collections.abc
import sys
import typing

import pytest

from nbcache.heap import quiet_bases
from nbcache.heap.rebuild import make_class

T = typing.TypeVar("T")
HOOKED: list[type] = []
QUIET = {name for name in vars(quiet_bases) if name.startswith("_Quiet")}


class Hook:
    """Runs code for each class that extends it."""

    def __init_subclass__(cls, **words: object) -> None:
        HOOKED.append(cls)


class Abstract(abc.ABC):
    """The same over a base that adds nothing."""

    __init_subclass__ = vars(Hook)["__init_subclass__"]

    @abc.abstractmethod
    def value(self) -> int:
        """Return a value."""


class Empty:
    """The same without room for attributes."""

    __slots__ = ()
    __init_subclass__ = vars(Hook)["__init_subclass__"]


class Full(Empty):
    """Adds a dict to one that has none."""


class Slotted(Empty):
    """Adds a slot."""

    __slots__ = ("slot",)


class Weak(Empty):
    """Adds only room for weak references."""

    __slots__ = ("__weakref__",)


class OnlyDict:
    """Has attributes, and is not referred to weakly."""

    __slots__ = ("__dict__",)
    __init_subclass__ = vars(Hook)["__init_subclass__"]


class WeakDict(Weak):
    """Adds a dict to one that has room for weak references."""


class Plain(Full, abc.ABC):
    """Extends both."""


class Typed(Abstract, typing.Generic[T]):
    """Is generic."""


class Table(collections.abc.Mapping):
    """Is a mapping, in Python."""

    __init_subclass__ = vars(Hook)["__init_subclass__"]


class Words(dict):
    """Is a dict."""

    __init_subclass__ = vars(Hook)["__init_subclass__"]


class Problem(Hook, Exception):
    """Is an exception."""


BASES = [
    *((one,) for one in (Hook, Abstract, Empty, Full, Slotted, Weak, OnlyDict, Plain, Typed)),
    *((one,) for one in (Table, Words, Problem)),
    (Hook, abc.ABC),
    (Typed, Abstract),
    (Hook, Words),
    (Slotted, Hook),
    (OnlyDict, Weak),
]
if sys.version_info >= (3, 11):
    BASES.append((WeakDict,))


@pytest.mark.parametrize("slots", [None, (), ("more",)])
@pytest.mark.parametrize("bases", BASES, ids=lambda bases: "+".join(b.__name__ for b in bases))
def test_a_class_is_made_without_its_bases_hooks(
    bases: tuple[type, ...], slots: tuple[str, ...] | None
) -> None:
    """It has its bases in their order, no hook ran, and no base knows of another subclass."""
    meta = max((type(base) for base in bases), key=lambda kind: len(kind.__mro__))
    namespace = {} if slots is None else {"__slots__": slots}
    plain = type.__new__(meta, "Made", bases, dict(namespace))
    HOOKED.clear()
    made = make_class(meta, "Made", bases, dict(namespace), True)
    assert not HOOKED
    assert made.__mro__[1:] == plain.__mro__[1:]
    assert (made.__dictoffset__, made.__basicsize__) == (plain.__dictoffset__, plain.__basicsize__)
    known = [kind for base in made.__mro__[1:-1] for kind in base.__subclasses__()]
    assert not [kind for kind in known if kind.__name__ in QUIET]
