"""pandas without copy-on-write: which frame a series or part was taken of.

Assigning to such a part warns that it may not reach the frame, and ``df["a"]`` is the same object
each time. Both rest on weak references between the two, which no pickle keeps.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from nbcache.heap import rebuild_frames

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump


def links_of(obj: Any, dump: Dump) -> dict[str, Any]:
    """Return the frames that pandas knows a frame or series to be taken of, as far as they live."""
    found: dict[str, Any] = {}
    copied = obj.__dict__.get("_is_copy")
    if isinstance(copied, weakref.ref) and copied() is not None:
        found["_is_copy"] = copied()
    name, reference = obj.__dict__.get("_cacher") or (None, None)
    frame = reference() if isinstance(reference, weakref.ref) else None
    if frame is not None:
        is_shown = frame._item_cache.get(name) is obj
        found["_cacher"] = name, frame, is_shown and dump.walk.ordinal(frame) not in dump.changed
    return found


def reduce_linked(parts: Any, extras: dict[str, Any], links: dict[str, Any]) -> Any:
    """Return the reduction with its attributes and links; pandas' own where there are none."""
    if not extras and not links:
        return NotImplemented
    return *parts[:2], (parts[2], extras, links), None, None, rebuild_frames.fill_linked
