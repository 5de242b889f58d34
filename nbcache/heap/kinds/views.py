"""Views of dicts, which show the live ones, and slices and ranges."""

from __future__ import annotations

import collections
import gc
from typing import TYPE_CHECKING, Any

from nbcache.heap import rebuild
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk


class DictViewKind(Kind):
    """Keys, values and items of a dict: views over the live dict."""

    by_value = True
    stable = True

    def __init__(self, name: str) -> None:
        self.name = name

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode which view of which dict."""
        return joined(b"vi", [text(self.name), walk.ref(gc.get_referents(obj)[0])])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Take the same view of the same dict."""
        return rebuild.make_view, (self.name, gc.get_referents(obj)[0])


class SliceKind(Kind):
    """``slice`` and ``range``: values."""

    by_value = True
    stable = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode start, stop and step."""
        parts = [obj.start, obj.stop, obj.step]
        return joined(text(type(obj).__name__), map(walk.ref, parts))


for _name in ("keys", "values", "items"):
    _owners: tuple[Any, ...] = ({}, collections.OrderedDict())
    register(DictViewKind(_name), *(type(getattr(owner, _name)()) for owner in _owners))
register(SliceKind(), slice, range)
