"""Jupyter widgets: inputs by their state; never stored, as their other half is in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipywidgets import Widget

from nbcache.errors import NotReplayable, NotStorable
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

REASON = "is a widget, which lives in the kernel and the browser: leave it out with `drop=`"


class WidgetKind(Kind):
    """Any ``ipywidgets.Widget``."""

    opaque = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode class and state as the front end knows it; identifiers do not count."""
        walk.packages.add("ipywidgets")
        values = obj._trait_values
        parts = [walk.ref(type(obj))]
        for name in sorted(values.keys() & set(obj.keys) - {"_view_count"}):
            parts += [text(name), walk.ref(values[name])]
        return joined(b"wi", parts)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Refuse."""
        raise NotStorable(REASON)

    def state(self, obj: Any) -> Any:
        """Refuse."""
        raise NotReplayable("is a widget of an earlier cell, and the cell changes it")


register(WidgetKind(), bases=(Widget,))
