"""Immutable values of the standard library: equal values are one value, whoever holds them."""

from __future__ import annotations

import datetime
import decimal
import fractions
import io
import pathlib
import re
import types
import uuid
from typing import TYPE_CHECKING, Any

from nbcache.heap.kinds.instance import ReducedKind, reduce_object
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import frame, joined, text

if TYPE_CHECKING:
    from nbcache.heap.walk import Walk

VALUE = ReducedKind(by_value=True)


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


class StreamKind(ReducedKind):
    """``io.StringIO`` and ``io.BytesIO``: contents, position and attributes."""

    def take_apart(self, obj: Any) -> Any:
        """Return the reduction; an empty dict of attributes is as good as none."""
        parts = reduce_object(obj)
        state = tuple(part or None if type(part) is dict else part for part in parts[2])
        return (*parts[:2], state, *parts[3:])


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
register(PatternKind(), re.Pattern)
register(PathKind(), bases=(pathlib.PurePath,))
register(StreamKind(), io.StringIO, io.BytesIO)
