"""pandas: what columns and indexes hold, by value; arrays of pandas' own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbcache.errors import NotStorable
from nbcache.heap.kinds.array_facts import dtype_token, owner_of
from nbcache.heap.kinds.buffers import content, masked_content
from nbcache.heap.kinds.instance import inline, reduce_object
from nbcache.heap.kinds.lent_memory import arrow_column
from nbcache.heap.kinds.numpy_arrays import elements
from nbcache.heap.registry import Kind
from nbcache.heap.tokens import flat, joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

COPY_ON_WRITE = int(pd.__version__.partition(".")[0]) >= 3
"""Whether frames never share memory that one of them could write to."""


def values_token(values: Any, walk: Walk, *, of_index: bool = False) -> bytes:
    """Return the token of a column's values: an array of numpy or an extension array.

    Nobody writes into those of an index.
    """
    if isinstance(values, np.ndarray):
        if not COPY_ON_WRITE and not isinstance(values.base, (bytes, memoryview)):
            return walk.ref(values)
        return joined(
            b"a", [dtype_token(values.dtype, walk), text(str(values.shape)), elements(values, walk)]
        )
    walk.holds_values = True
    if not of_index:
        note_memory(values, walk)
    name = text(type(values).__name__)
    return joined(
        b"x", [name, text(repr(values.dtype)), flat(len(values)), _extension(values, walk)]
    )


def note_memory(values: Any, walk: Walk) -> None:
    """Note whose memory an extension array rests on."""
    for one in inner_arrays(values):
        owner = owner_of(one)
        walk.within.add(id(owner))
        walk.keep(owner)


def inner_arrays(values: Any) -> Iterator[np.ndarray]:
    """Yield the arrays of numpy that an extension array rests on."""
    for name in ("_ndarray", "_data", "_mask", "_left", "_right"):
        found = getattr(values, name, None)
        if isinstance(found, np.ndarray):
            yield found
        elif isinstance(found, pd.api.extensions.ExtensionArray):
            yield from inner_arrays(found)


def _extension(values: Any, walk: Walk) -> bytes:
    if isinstance(values, pd.Categorical):
        return joined(b"c", [elements(values.codes, walk), index_token(values.categories, walk)])
    arrow = getattr(values, "_pa_array", None)
    if arrow is not None:
        from nbcache.heap.kinds.arrow_arrays import arrow_content

        return arrow_content(arrow)
    mask = getattr(values, "_mask", None)
    if mask is not None:
        return masked_content(values._data, mask) + content(mask)
    if isinstance(values, pd.arrays.IntervalArray):
        return (
            index_token(values._left, walk)
            if isinstance(values._left, pd.Index)
            else joined(b"v", [values_token(values._left, walk), values_token(values._right, walk)])
        )
    ndarray = getattr(values, "_ndarray", None)
    if ndarray is not None:
        freq = getattr(values, "freq", None)
        return joined(b"n", [elements(ndarray, walk), text(repr(freq))])
    return inline(reduce_object(values), reduce_object(values), walk)


def index_token(index: Any, walk: Walk) -> bytes:
    """Return the token of an index without its names."""
    head = [walk.ref(type(index))]
    if isinstance(index, pd.RangeIndex):
        return joined(b"ri", [*head, flat([index.start, index.stop, index.step])])
    if isinstance(index, pd.MultiIndex):
        walk.holds_values = True
        levels = [index_token(level, walk) for level in index.levels]
        codes = [elements(np.asarray(code), walk) for code in index.codes]
        return joined(b"mi", [*head, *levels, *codes])
    freq = text(repr(getattr(index, "freq", None)))
    walk.holds_values = walk.holds_values or hasattr(index, "freq")
    values = index._values if hasattr(index, "_values") else index.array
    if isinstance(values, np.ndarray):
        body = [dtype_token(values.dtype, walk), flat(len(values)), elements(values, walk)]
        return joined(b"in", [*head, freq, *body])
    return joined(b"in", [*head, freq, values_token(values, walk, of_index=True)])


class StandaloneArrayKind(Kind):
    """Extension arrays held on their own."""

    is_noted = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode type and values."""
        return values_token(obj, walk)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Keep the memory that arrow shares with an array, of which pandas would make a copy.

        Raises:
            NotStorable: one may write through it into an earlier table.
        """
        plain = obj._ndarray if type(obj) is pd.arrays.NumpyExtensionArray else None
        if plain is not None and id(owner_of(plain)) in dump.walk.columns:
            raise NotStorable("writes into the memory of an earlier table; copy it")
        parts = arrow_column(obj, dump)
        return NotImplemented if parts is None else parts

    def state(self, obj: Any) -> Any:
        """Return a copy."""
        return obj.copy()

    def patch(self, live: Any, state: Any) -> None:
        """Assign all values."""
        live[:] = state
