"""Instances of notebook classes that say themselves how to be copied (``__getstate__`` …).

A copy may leave out what a run leaves behind: a cache, a counter. So the attributes are taken
as they are, unless the author's protocol leaves out what can't be stored, such as a lock.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from nbcache.heap.kinds.attributes import dict_of, lost_attribute, slot_values
from nbcache.heap.kinds.instance import PLAIN, REDUCED, reduce_object
from nbcache.heap.registry import Kind

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

_DEPTH = 4


class OwnProtocolKind(Kind):
    """Goes by the attributes, or by the author's protocol where that alone can work."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode attributes or reduction, and which of them."""
        kind = way_of(obj)
        return (b"P" if kind is PLAIN else b"R") + kind.encode(obj, walk)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Build the instance from its attributes or by its protocol."""
        return way_of(obj).reduce(obj, dump)

    def state(self, obj: Any) -> Any:
        """Return the state, and whether it is the attributes."""
        kind = way_of(obj)
        return kind is PLAIN, kind.state(obj)

    def is_patchable(self, before: bytes, after: bytes) -> bool:
        """Ask the way of both, which must be one."""
        kind: Kind = PLAIN if after[:1] == b"P" else REDUCED
        return before[:1] == after[:1] and kind.is_patchable(before[1:], after[1:])

    def patch(self, live: Any, state: Any) -> None:
        """Give the live instance the attributes, or the state by its protocol."""
        by_attributes, inner = state
        (PLAIN if by_attributes else REDUCED).patch(live, inner)


def way_of(obj: Any) -> Kind:
    """Return the kind that treats this instance: the protocol's if it leaves out the unstorable."""
    held = [*(dict_of(obj) or {}).values(), *slot_values(obj).values()]
    kept: set[int] = set()
    parts = reduce_object(obj)
    if isinstance(parts, tuple) and lost_attribute(obj, parts[2]) is not None:
        return REDUCED  # which refuses it
    _note(parts, kept, _DEPTH)
    left_out = [value for value in held if id(value) not in kept]
    return REDUCED if any(map(_is_bound_to_process, left_out)) else PLAIN


def _note(part: Any, kept: set[int], depth: int) -> None:
    """Collect the identities of what a reduction holds, some levels deep."""
    kept.add(id(part))
    if depth and isinstance(part, (tuple, list, dict)):
        for item in part.values() if isinstance(part, dict) else part:
            _note(item, kept, depth - 1)


def _is_bound_to_process(value: Any) -> bool:
    try:
        pickle.dumps(value)
    except TypeError:  # "cannot pickle '_thread.lock' object"
        return True
    except Exception:
        return False
    return False


OWN_PROTOCOL = OwnProtocolKind()
