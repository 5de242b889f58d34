"""Pillow's images: those that look at the memory of an array see what is written there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotStorable
from nbcache.heap.kinds.instance import ReducedKind
from nbcache.heap.kinds.lent_memory import may_be_lent
from nbcache.heap.registry import register

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump


class ImageKind(ReducedKind):
    """``PIL.Image.Image``, read from a file, drawn, or over an array's memory."""

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Refuse an image over memory that the session can reach in another way as well."""
        if getattr(obj, "readonly", 0) and not getattr(obj, "map", None):
            content = obj.tobytes()
            if may_be_lent(content, dump) or any(content in one for one in _bytearrays(dump)):
                raise NotStorable("is an image over the memory of an array; keep its `.copy()`")
        return super().reduce(obj, dump)


def _bytearrays(dump: Dump) -> list[bytearray]:
    bound = dump.root.get("bind", {}) if isinstance(dump.root, dict) else {}
    return [one for one in (*dump.walk.objects, *bound.values()) if type(one) is bytearray]


def refresh() -> None:
    """Register the kind of what the package has loaded so far."""
    module = sys.modules.get("PIL.Image")
    if module is not None and hasattr(module, "Image"):
        register(ImageKind(), bases=(module.Image,))
