"""Private maps: memory that shows files until it is written to, and never writes to them."""

from __future__ import annotations

import functools
import mmap
import os
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from nbcache.own_memory import OwnMemory
from nbcache.store.pieces import PAGE_BYTES

_HAS_TRACKFD = sys.version_info >= (3, 13) and os.name == "posix"
_OPTIONS: dict[str, Any] = {"trackfd": False} if _HAS_TRACKFD else {}
"""Before Python 3.13 a map holds a file descriptor for as long as a buffer of it lives."""

_MAP_PRIVATE, _MAP_FIXED = 0x02, 0x10
"""The same on Linux (x86, ARM) and macOS."""

_MOST_MAPS = 16_384
"""A quarter of what Linux lets a process have; beyond that, memory cannot be had at all."""


class _Held:
    """How many maps lie side by side in this process as parts of larger ones."""

    def __init__(self) -> None:
        self.count = 0
        self._living: dict[int, tuple[object, int]] = {}

    def take(self, whole: OwnMemory, count: int) -> None:
        """Count them for as long as the whole lives.

        A finalizer would register with ``atexit``, which a recorded cell may not be seen to do.
        """
        reference = weakref.ref(whole, self._let_go)
        self._living[id(reference)] = reference, count
        self.count += count

    def _let_go(self, reference: object) -> None:
        self.count -= self._living.pop(id(reference))[1]


_held = _Held()


def map_file(descriptor: int, length: int = 0) -> memoryview | None:
    """Return a private writable map of a whole file, None where there are no maps.

    Some file systems cannot map, and descriptors can run out: a copy serves as well.
    """
    try:
        return memoryview(OwnMemory(descriptor, length, access=mmap.ACCESS_COPY, **_OPTIONS))
    except (OSError, ValueError):
        return None


def map_pieces(files: Sequence[tuple[int, int]], piece_bytes: int) -> memoryview | None:
    """Return one private writable map of files in a row, given as descriptors and lengths.

    Each file but the last is ``piece_bytes`` long. None where they cannot lie side by side, or
    where a process would come near to the number of maps that the system lets it have.
    """
    if len(files) == 1:
        return map_file(*files[0])
    lay_over = _find_mmap()
    if lay_over is None or piece_bytes % PAGE_BYTES or _held.count + len(files) > _MOST_MAPS:
        return None
    length = sum(size for _, size in files)
    try:
        # Reserved as a whole first: the maps laid over it go with it.
        whole = OwnMemory(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except (OSError, ValueError):
        return None
    _held.take(whole, len(files))
    view = memoryview(whole)
    start = _address_of(view)
    for number, (descriptor, size) in enumerate(files):
        if not lay_over(start + number * piece_bytes, size, descriptor):
            return None
    return view


def _address_of(view: memoryview) -> int:
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(view))


@functools.cache
def _find_mmap() -> Callable[[int, int, int], bool] | None:
    """Return what maps a file at an address; None where its numbers are not known."""
    if sys.platform not in ("linux", "darwin") or sys.maxsize < 1 << 32:
        return None
    import platform

    if platform.machine().lower() not in ("x86_64", "amd64", "aarch64", "arm64"):
        return None
    import ctypes

    try:
        call = ctypes.CDLL(None, use_errno=True).mmap
    except (OSError, AttributeError):
        return None
    number, address = ctypes.c_int, ctypes.c_void_p
    call.argtypes = [address, ctypes.c_size_t, number, number, number, ctypes.c_int64]
    call.restype = address

    def lay_over(place: int, size: int, descriptor: int) -> bool:
        access = mmap.PROT_READ | mmap.PROT_WRITE
        found = call(place, size, access, _MAP_PRIVATE | _MAP_FIXED, descriptor, 0)
        return bool(found == place)

    return lay_over
