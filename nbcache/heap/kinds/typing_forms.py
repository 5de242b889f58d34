"""Type variables and new types: what ``typing`` makes at run time and pickles by name only."""

from __future__ import annotations

import sys
import typing
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotFingerprintable
from nbcache.heap import rebuild
from nbcache.heap.kinds.code import global_token, is_library
from nbcache.heap.kinds.instance import PlainKind
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import flat, joined, text
from nbcache.locality import is_importable

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk


class TypeVariableKind(Kind):
    """``TypeVar`` and ``ParamSpec``: name, bound, constraints and variance."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode all that was given."""
        parts = [walk.ref(type(obj)), text(obj.__name__), flat(_variance(obj))]
        parts += [walk.ref(obj.__bound__), flat(bool(getattr(obj, "__infer_variance__", False)))]
        if hasattr(obj, "has_default") and obj.has_default():
            parts.append(walk.ref(obj.__default__))
        return joined(b"tv", [*parts, walk.ref(getattr(obj, "__constraints__", ()))])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make it anew; a library's own is found by its name."""
        if is_importable(obj, obj.__module__, obj.__name__):
            return NotImplemented
        covariant, contravariant = _variance(obj)
        extra = {"bound": obj.__bound__, "covariant": covariant, "contravariant": contravariant}
        if getattr(obj, "__infer_variance__", False):
            extra["infer_variance"] = True
        if hasattr(obj, "has_default") and obj.has_default():
            extra["default"] = obj.__default__
        args = (type(obj), obj.__name__, getattr(obj, "__constraints__", ()), extra)
        return rebuild.make_type_variable, (*args, obj.__module__)


def _variance(obj: Any) -> list[bool]:
    return [bool(obj.__covariant__), bool(obj.__contravariant__)]


class NewTypeKind(PlainKind):
    """``typing.NewType``: of libraries by name, of the notebook by content."""

    mixed = True

    def is_value(self, obj: Any) -> bool:
        """A library's are names."""
        return is_library(obj)

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the name, or the attributes."""
        return global_token(obj, walk) if is_library(obj) else super().encode(obj, walk)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Build it from its attributes."""
        return NotImplemented if is_library(obj) else super().reduce(obj, dump)


class AliasKind(Kind):
    """What ``type X = …`` makes: of libraries by name, of the notebook by what it stands for."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the name, what it stands for, and its parameters."""
        if is_importable(obj, obj.__module__, obj.__name__):
            return global_token(obj, walk)
        try:
            value = obj.__value__
        except Exception as error:
            raise NotFingerprintable(f"names what can't be found: {error}") from None
        held = (obj.__name__, obj.__module__, value, obj.__type_params__)
        return joined(b"ta", map(walk.ref, held))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make it anew."""
        if is_importable(obj, obj.__module__, obj.__name__):
            return NotImplemented
        args = (obj.__module__, obj.__name__, obj.__value__, obj.__type_params__)
        return rebuild.make_type_alias, args


register(TypeVariableKind(), typing.TypeVar, typing.ParamSpec)
if isinstance(typing.NewType, type):
    register(NewTypeKind(), typing.NewType)
if sys.version_info >= (3, 12):
    register(AliasKind(), typing.TypeAliasType)
