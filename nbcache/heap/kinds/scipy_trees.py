"""scipy's k-d trees: they rest on the array that they were made of, and their state copies it."""

from __future__ import annotations

import sys
from typing import Any

from nbcache.heap.kinds.attributes import dict_of
from nbcache.heap.kinds.instance import ReducedKind, reduce_object
from nbcache.heap.registry import Dump, register

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


def refresh() -> None:
    """Register the class once its module is loaded."""
    module = sys.modules.get("scipy.spatial._ckdtree")
    kind = getattr(module, "cKDTree", None)
    if isinstance(kind, type):
        register(TreeKind(), bases=(kind,))
