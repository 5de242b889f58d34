"""Memory that a restored value has for itself: writing to it reaches no file and nobody else.

It is told by its type from the maps that users make, whose bytes others may change.
"""

from __future__ import annotations

import mmap
import os
from typing import Any

LARGE_BYTES = 1 << 20
"""Smaller copies are as quick in a ``bytearray``."""

_PRIVATE: dict[str, Any] = (
    {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if os.name == "posix" else {}
)


class OwnMemory(mmap.mmap):
    """A private map, of a file or of nothing."""

    __slots__ = ()


def is_own(memory: Any) -> bool:
    """Whether a memoryview shows memory that one value has for itself."""
    return type(memory.obj) is OwnMemory


def new_memory(length: int) -> bytearray | memoryview:
    """Return so many zero bytes, writable; a large array can rest on them."""
    if length < LARGE_BYTES:
        return bytearray(length)
    try:
        return memoryview(OwnMemory(-1, length, **_PRIVATE))
    except (OSError, ValueError):  # as many maps as the system lets us have
        return bytearray(length)


def copy_of(buffer: Any) -> bytearray | memoryview:
    """Return the bytes of a buffer, writable and the caller's own."""
    view = memoryview(buffer).cast("B")
    if view.nbytes < LARGE_BYTES:
        return bytearray(view)
    copy = new_memory(view.nbytes)
    copy[:] = view
    return copy
