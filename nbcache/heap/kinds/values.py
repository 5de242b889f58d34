"""Immutable values of the standard library: equal values are one value, whoever holds them."""

from __future__ import annotations

import datetime
import decimal
import fractions
import io
import pathlib
import re
import struct
import types
import uuid
from itertools import repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotFingerprintable, NotStorable
from nbcache.heap.columns import column
from nbcache.heap.kinds.forgotten import forgets_attributes
from nbcache.heap.kinds.instance import ReducedKind, reduce_object
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import frame, joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk


class LeafKind(ReducedKind):
    """Immutable values whose reduction is a function of the module and its arguments."""

    def __init__(self, *leaves: type) -> None:
        super().__init__(by_value=True)
        self.leaves = frozenset(leaves)

    def encode_leaves(self, values: list[Any], walk: Walk) -> bytes:
        """Encode the arguments of all reductions as one column."""
        kind: Any = type(values[0])
        parts = list(map(kind.__reduce_ex__, values, repeat(4)))
        if not {tuple}.issuperset(map(type, parts)) or {2} != set(map(len, parts)):
            return joined(b"e", map(walk.encode, values))
        makers = {id(part[0]): part[0] for part in parts}
        if len(makers) > 1:
            return joined(b"e", map(walk.encode, values))
        made = column(list(map(itemgetter(1), parts)), walk)
        return joined(b"k", [*map(walk.ref, makers.values()), made])


VALUE = ReducedKind(by_value=True)
LEAF = LeafKind(
    datetime.date,
    datetime.datetime,
    datetime.time,
    datetime.timedelta,
    decimal.Decimal,
    fractions.Fraction,
)


class PatternKind(Kind):
    """Compiled regular expressions."""

    by_value = True
    stable = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode pattern and flags."""
        return joined(b"p", [walk.ref(obj.pattern), walk.ref(obj.flags)])


class PathKind(Kind):
    """Paths: their text and class."""

    by_value = True
    stable = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode class and text."""
        if forgets_attributes(obj):
            raise NotFingerprintable("is a path with attributes of its own")
        return frame(b"f", text(type(obj).__name__), text(str(obj)))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Leave paths to pickle, which knows no attributes."""
        if forgets_attributes(obj):
            raise NotStorable("is a path with attributes of its own")
        return NotImplemented


class StreamKind(ReducedKind):
    """``io.StringIO`` and ``io.BytesIO``: contents, position and attributes."""

    def take_apart(self, obj: Any) -> Any:
        """Return the reduction; an empty dict of attributes is as good as none."""
        parts = reduce_object(obj)
        state = tuple(part or None if type(part) is dict else part for part in parts[2])
        return (*parts[:2], state, *parts[3:])


register(LEAF, *LEAF.leaves)
register(
    VALUE,
    datetime.timezone,
    uuid.UUID,
    type(NotImplemented),
    types.GenericAlias,
    type(int | str),
)


class StructKind(Kind):
    """``struct.Struct``: its format."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the format."""
        return frame(b"st", text(obj.format))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Compile the format again."""
        return struct.Struct, (obj.format,)


register(StructKind(), struct.Struct)
register(PatternKind(), re.Pattern)
register(PathKind(), bases=(pathlib.PurePath,))
register(StreamKind(), io.StringIO, io.BytesIO)
