"""scipy's k-d trees and distributions.

A tree rests on the array that it was made of, and its state copies that. A distribution draws from
numpy's global stream, whose state is no part of it: whether a run draws is seen elsewhere.
"""

from __future__ import annotations

import sys
from typing import Any

from nbcache.heap.kinds.attributes import dict_of
from nbcache.heap.kinds.instance import ReducedKind, reduce_object
from nbcache.heap.registry import Dump, Kind, register

_ARRAYS = {1: "data", 5: "maxes", 6: "mins", 7: "indices"}
"""Where a tree's state holds a copy of which of its arrays."""


class TreeKind(ReducedKind):
    """A tree by its state, with the arrays themselves instead of copies."""

    def take_apart(self, obj: Any) -> Any:
        """Return the reduction with the tree's own arrays."""
        make, args, state, *rest = reduce_object(obj)
        if type(state) is tuple and len(state) > max(_ARRAYS):
            own = {place: getattr(obj, name) for place, name in _ARRAYS.items()}
            state = tuple(own.get(place, item) for place, item in enumerate(state))
        return make, args, state, *rest

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Set the state as unpickling does: the new tree rests on the arrays that it is given."""
        if dict_of(obj):  # attributes of a subclass, which the state leaves out
            return super().reduce(obj, dump)
        return self.take_apart(obj)[:3]


class DistributionKind(ReducedKind):
    """A distribution by its state; the global stream in it counts by its name."""

    def take_apart(self, obj: Any) -> Any:
        """Return the reduction with the global stream's name in its place."""
        reduction = reduce_object(obj)
        state = reduction[2] if type(reduction) is tuple else None
        stream = getattr(sys.modules.get("numpy.random.mtrand"), "_rand", None)
        if type(state) is not dict or stream is None or state.get(_STREAM) is not stream:
            return reduction
        make, args, _, *rest = reduction
        return make, args, state | {_STREAM: "numpy's global stream"}, *rest


_STREAM = "_random_state"
_KINDS: dict[str, tuple[str, Kind]] = {
    "scipy.spatial._ckdtree": ("cKDTree", TreeKind()),
    "scipy.stats._distn_infrastructure": ("rv_generic", DistributionKind()),
}
"""Module → a class in it, and the kind that knows its instances and subclasses'."""


def refresh() -> None:
    """Register the classes whose modules are loaded."""
    for module, (name, kind) in _KINDS.items():
        found = getattr(sys.modules.get(module), name, None)
        if isinstance(found, type):
            register(kind, bases=(found,))
