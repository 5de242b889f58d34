"""Memory that arrays rest on and that is neither an array's nor a plain buffer's."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

from nbcache.errors import NotStorable
from nbcache.heap.paths import type_name
from nbcache.own_memory import OwnMemory


def refuse_foreign_memory(owner: Any) -> None:
    """Refuse an array over memory that others write to in ways that we can't follow.

    Raises:
        NotStorable: naming what holds the memory.
    """
    base = owner.base
    held = base.obj if type(base) is memoryview else base
    if type(held) is OwnMemory:
        return
    if isinstance(held, mmap.mmap) and not isinstance(owner, np.memmap):  # which says of which file
        raise NotStorable("rests on a memory map; copy it")
    if type(held).__name__ == "PyCapsule" and "dltensor" in repr(held):
        raise NotStorable("rests on memory that it was handed by `from_dlpack`; copy it")
    if any(kind.__module__ == "_ctypes" for kind in type(held).__mro__):
        raise NotStorable(f"rests on the memory of a {type_name(held)}; copy it")
