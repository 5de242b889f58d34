"""Instances of notebook classes that say themselves how to be copied (``__getstate__`` …).

A copy may leave out what a run leaves behind: a cache, a counter. So the attributes are taken
as they are, unless the author's protocol leaves out what can't be stored, such as a lock.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from nbcache.heap.kinds.attributes import dict_of, own_state, slot_values
from nbcache.heap.kinds.builtin import CONTAINERS
from nbcache.heap.kinds.derived import DerivedKind, items_of
from nbcache.heap.kinds.forgotten import is_own_class
from nbcache.heap.kinds.instance import PLAIN, REDUCED, PlainKind, ReducedKind, reduce_object
from nbcache.heap.kinds.opaque import LockKind, RefusedKind
from nbcache.heap.registry import Kind, kind_of
from nbcache.heap.tokens import FLAT

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
    """Return the kind that treats this instance: the protocol's if it leaves out the unstorable.

    The author's hooks may have effects of their own, so they run only where they are needed.
    """
    held = [*(dict_of(obj) or {}).values(), *slot_values(obj).values()]
    bound = [value for value in held if is_bound_to_process(value)]
    if not bound:
        return PLAIN
    kept: set[int] = set()
    _note(reduce_object(obj), kept, _DEPTH)
    return PLAIN if all(id(value) in kept for value in bound) else REDUCED


def _note(part: Any, kept: set[int], depth: int) -> None:
    """Collect the identities of what a reduction holds, some levels deep."""
    kept.add(id(part))
    if depth and isinstance(part, (tuple, list, dict)):
        for item in part.values() if isinstance(part, dict) else part:
            _note(item, kept, depth - 1)


class _Prober(pickle.Pickler):
    """Writes a value to nowhere; instances of the notebook's classes by their attributes."""

    def persistent_id(self, obj: Any) -> Any:
        """Leave out what a family knows to store, and what has no state."""
        kind = type(obj)
        family = kind_of(kind)
        if isinstance(family, (LockKind, RefusedKind)):
            raise TypeError("is bound to this process")
        known = isinstance(family, (PlainKind, ReducedKind, OwnProtocolKind, DerivedKind))
        return None if known or kind in CONTAINERS else "known"

    def reducer_override(self, obj: Any) -> Any:
        """Take apart what the notebook's classes made, past their own hooks."""
        if not is_own_class(type(obj)):
            return NotImplemented
        items = items_of(dict, obj) if isinstance(obj, dict) else ()
        items = list(obj) if isinstance(obj, (list, tuple, set)) else items
        return list, (items,), own_state(obj)


def is_bound_to_process(value: Any) -> bool:
    """Tell whether a value holds something that no other process could have: a lock, a file."""
    if type(value) in FLAT or (type(value) in (list, tuple, set, dict) and _is_flat(value)):
        return False
    try:
        _Prober(_Nowhere()).dump(value)
    except TypeError:  # "cannot pickle '_thread.lock' object"
        return True
    except Exception:
        return False
    return False


def _is_flat(value: Any) -> bool:
    items = value.values() if type(value) is dict else value
    return FLAT.issuperset(map(type, items))


class _Nowhere:
    """A file that forgets what is written."""

    def write(self, data: Any) -> int:
        """Forget the data."""
        return len(data)


OWN_PROTOCOL = OwnProtocolKind()
