"""Memory that shows blobs, as they are: its contents follow from the names of the files.

What is restored from the store is a private map of files that are named by their contents and never
change. As long as nobody wrote to such memory its digest is that of the same parts of the same
files, wherever they are mapped: of a table with one new column only that column is read. Linux 6.11
and later tells which file lies under an address, and which pages are still the file's.
"""

from __future__ import annotations

import os
import re
import struct
import sys
from array import array
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from nbcache.heap.protection import is_trusted

Parts = tuple[tuple[bytes, int, int], ...]
"""Names of blobs, with where in each the memory begins and how much of it there is."""

MOST = 4096

_QUERY, _QUERY_FORM = 0xC0686611, struct.Struct("9Q4I2Q")
_SCAN, _SCAN_FORM = 0xC0606610, struct.Struct("12Q")
_SHARED = 8
_FILE, _PRESENT, _SWAPPED = 1 << 2, 1 << 3, 1 << 4
_BLOB = re.compile(rb"([0-9a-f]{32}-[0-9]+)( \(deleted\))?")
_LONGEST = 4096


class BlobMaps:
    """Knows digests of parts of blobs; in a forked process make another one.

    Hold the lock for ``parts``: its answers are put together in one place.
    """

    def __init__(self, lock: AbstractContextManager[Any]) -> None:
        self._lock = lock
        self._known: dict[Parts, bytes] = {}
        self._name = array("B", bytes(_LONGEST))
        self._found = array("Q", bytes(24))
        self._maps = self._pages = -1
        self._page = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else _LONGEST
        try:
            import fcntl
        except ImportError:
            return
        self._ioctl: Any = fcntl.ioctl
        if sys.platform == "linux":
            self._open()

    def _open(self) -> None:
        try:
            self._maps = os.open("/proc/self/maps", os.O_RDONLY | os.O_CLOEXEC)
            self._pages = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
            self._part_at(id(self))
        except OSError:
            self.close()

    @property
    def is_there(self) -> bool:
        """Whether the kernel tells what lies where."""
        return self._maps >= 0

    def close(self) -> None:
        """Know nothing any more."""
        for one in (self._maps, self._pages):
            if one >= 0:
                os.close(one)
        self._maps = self._pages = -1

    def digest(self, parts: Parts, address: int, compute: Callable[[], bytes]) -> bytes:
        """Return the digest of memory that shows these parts, computed if they are new."""
        found = self._known.get(parts)
        if found is None:
            found = compute()
            with self._lock:
                # Nobody wrote while it was read if it still shows the files.
                if self.parts(address, sum(part[2] for part in parts)) == parts:
                    if len(self._known) >= MOST:
                        self._known.clear()
                    self._known[parts] = found
        return found

    def parts(self, address: int, size: int) -> Parts | None:
        """Return which parts of blobs this memory shows; None if it is anything else."""
        found, at, end = [], address, address + size
        try:
            while self._maps >= 0 and at < end:
                name, begin, there, offset = self._part_at(at)
                if not name:
                    return None
                stop = min(end, there)
                found.append((name, offset + at - begin, stop - at))
                at = stop
            is_clean = bool(found) and not self._is_written(address, end)
        except OSError:
            return None
        return tuple(found) if is_clean else None

    def _part_at(self, address: int) -> tuple[bytes, int, int, int]:
        """Return the blob's name, where its map begins and ends, and at which place in the file.

        The name is empty where something else lies.

        Raises:
            OSError: nothing lies there, or the kernel can't tell.
        """
        asked = bytearray(
            _QUERY_FORM.pack(
                _QUERY_FORM.size, 0, address, 0, 0, 0, 0, 0, 0, 0, 0, _LONGEST, 0,
                self._name.buffer_info()[0], 0,
            )
        )  # fmt: skip
        self._ioctl(self._maps, _QUERY, asked)
        _, _, _, begin, end, flags, _, offset, inode, _, _, length, *_ = _QUERY_FORM.unpack(asked)
        if not inode or flags & _SHARED or not length:
            return b"", begin, end, offset
        path = self._name[: length - 1].tobytes()
        blob = _BLOB.fullmatch(os.path.basename(path))
        name = blob[1] if blob and is_trusted(path) else b""
        return name, begin, end, offset

    def _is_written(self, start: int, end: int) -> bool:
        """Tell whether some page is no longer the file's."""
        first, last = start // self._page * self._page, -(-end // self._page) * self._page
        return self._has(first, last, _PRESENT | _FILE, _FILE) or self._has(
            first, last, _SWAPPED, 0
        )

    def _has(self, start: int, end: int, mask: int, inverted: int) -> bool:
        place = self._found.buffer_info()[0]
        asked = _SCAN_FORM.pack(
            _SCAN_FORM.size, 0, start, end, 0, place, 1, 1, inverted, mask, 0, _PRESENT
        )
        return bool(self._ioctl(self._pages, _SCAN, bytearray(asked)))
