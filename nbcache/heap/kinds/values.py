"""Immutable values of the standard library: equal values are one value, whoever holds them."""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import marshal
import pathlib
import re
import types
import uuid
from typing import TYPE_CHECKING, Any

from nbcache.heap import rebuild
from nbcache.heap.kinds.instance import ReducedKind
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import frame, joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

VALUE = ReducedKind(by_value=True)


class CodeObjectKind(Kind):
    """Code objects: what they do, at any file and line."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the code's own fingerprint."""
        from nbcache.heap.kinds.code import code_token

        return b"K" + code_token(obj)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Store the code as marshal data."""
        return rebuild.make_code, (marshal.dumps(obj),)


class PatternKind(Kind):
    """Compiled regular expressions."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode pattern and flags."""
        return joined(b"p", [walk.ref(obj.pattern), walk.ref(obj.flags)])


class PathKind(Kind):
    """Paths: their text and class."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode class and text."""
        return frame(b"f", text(type(obj).__name__), text(str(obj)))


class MemberKind(Kind):
    """Members of enumerations: class and name, so that they stay the one object they are."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode class, name and value."""
        return joined(b"q", [walk.ref(type(obj)), walk.ref(obj._name_), walk.ref(obj._value_)])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Look the member up in its class."""
        if type(obj).__members__.get(obj._name_) is not obj:
            return NotImplemented
        return rebuild.get_member, (type(obj), obj._name_)


register(
    VALUE,
    datetime.date,
    datetime.datetime,
    datetime.time,
    datetime.timedelta,
    datetime.timezone,
    decimal.Decimal,
    fractions.Fraction,
    uuid.UUID,
    type(NotImplemented),
    types.GenericAlias,
    type(int | str),
)
register(CodeObjectKind(), types.CodeType)
register(PatternKind(), re.Pattern)
register(PathKind(), bases=(pathlib.PurePath,))
register(MemberKind(), first=(enum.Enum,))
