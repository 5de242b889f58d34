"""Many small NumPy arrays at once: their facts in columns, their memory end to end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from operator import and_, attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from nbcache.heap.columns import SHORT
from nbcache.heap.kinds.array_facts import describe_dtype, has_gaps, is_raw, owner_of
from nbcache.heap.kinds.numpy_tensors import lies_beside_tensors
from nbcache.heap.memory import UNKNOWN
from nbcache.heap.tokens import digest, flat, joined

if TYPE_CHECKING:
    from nbcache.heap.groups import Group, Move
    from nbcache.heap.walk import Walk

SMALL_BYTES = 1 << 16
"""Arrays above this are encoded one by one, without a copy of their memory."""

ANY_ORDER = 0x0001 | 0x0002
SHOWN_FLAGS = ANY_ORDER | 0x0100 | 0x0400
"""C and Fortran order, aligned, writeable: what a restored array has again."""

Facts = tuple[list[Any], list[Any], list[Any], list[bytes]]

_base, _dtype, _shape = attrgetter("base"), attrgetter("dtype"), attrgetter("shape")
_flags, _size = attrgetter("flags.num"), attrgetter("nbytes")


class Arrays:
    """A group of arrays, with what each one was."""

    __slots__ = ("facts", "ordinals")

    def __init__(self, ordinals: Sequence[int], facts: Facts) -> None:
        self.ordinals = ordinals
        self.facts = facts

    def token(self, walk: Walk) -> bytes:
        """Return the token of the group."""
        shapes, flags, dtypes, contents = self.facts
        kinds = list(dict.fromkeys(dtypes))
        which = [] if len(kinds) == 1 else list(map(kinds.index, dtypes))
        parts = [walk.ref(np.ndarray), flat(shapes), flat(flags), flat(which), *kinds]
        return joined(b"NN", [*parts, digest(b"".join(contents))])

    def own(self, walk: Walk) -> None:
        """Note that each array holds its own memory, for others that view it."""
        owners = zip(self.ordinals, repeat(UNKNOWN))
        walk.owners.update(zip(map(id, walk.members(self.ordinals)), owners, strict=True))

    def moved(self, walk: Walk) -> Iterator[Move]:
        """Read all arrays again and yield those that are not what they were."""
        self.own(walk)
        now = read_facts(walk.members(self.ordinals))
        if now == self.facts:
            return
        rows = zip(*self.facts, strict=True), zip(*now, strict=True)
        for ordinal, before, after in zip(self.ordinals, *rows, strict=True):
            if before != after:
                yield ordinal, repr(before).encode(), repr(after).encode()


def encode_group(
    arrays: list[Any], ordinals: Sequence[int], walk: Walk
) -> tuple[bytes, Group] | None:
    """Encode plain, small arrays with memory of their own; None for any others."""
    if len(arrays) <= SHORT or type(arrays[0]) is not np.ndarray:
        return None
    facts = _facts_of_owners(arrays, walk)
    if facts is None:
        return None
    group = Arrays(ordinals, facts)
    group.own(walk)
    return group.token(walk), group


def _facts_of_owners(arrays: list[Any], walk: Walk) -> Facts | None:
    dtypes = set(map(_dtype, arrays))
    if max(map(_size, arrays)) > SMALL_BYTES or not all(map(is_raw, dtypes)):
        return None
    if any(map(has_gaps, dtypes)):
        return None
    views = [one for one, base in zip(arrays, map(_base, arrays), strict=True) if base is not None]
    if any(owner_of(one) is not one for one in views):
        return None
    if not walk.owners.keys().isdisjoint(map(id, arrays)) or lies_beside_tensors(arrays, walk):
        return None
    facts = read_facts(arrays)
    return facts if all(flags & ANY_ORDER for flags in set(facts[1])) else None


def read_facts(arrays: list[Any]) -> Facts:
    """Return shapes, flags, dtypes and digests of the contents of arrays."""
    dtypes = list(map(_dtype, arrays))
    known = {id(dtype): dtype for dtype in dtypes}
    tokens = {key: describe_dtype(dtype) for key, dtype in known.items()}
    contents = list(map(digest, map(np.ndarray.tobytes, arrays, repeat("A"))))
    flags = list(map(and_, map(_flags, arrays), repeat(SHOWN_FLAGS)))
    return list(map(_shape, arrays)), flags, [tokens[id(dtype)] for dtype in dtypes], contents
