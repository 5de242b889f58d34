"""Which memory nobody has written to for a while: Linux says so, where it is new enough.

From version 6.7 on the kernel takes the right to write away from a range of memory, gives it back
page by page as soon as somebody writes, and tells which pages are still without it (userfaultfd(2)
with ``UFFD_FEATURE_WP_ASYNC``, ``PAGEMAP_SCAN``). Nobody waits for it and nobody can see it. Only
memory of this process alone is taken, and private maps of files that never change: what another
process or a device may write to is not. Where anything of this is missing nothing is protected.
"""

from __future__ import annotations

import os
import struct
import sys
from array import array
from contextlib import suppress
from typing import Any

_CALLS = {"x86_64": 323, "aarch64": 282, "riscv64": 282, "ppc64le": 364, "s390x": 355}
"""``userfaultfd`` by machine."""

_USER_MODE_ONLY = 1
_API, _REGISTER, _UNREGISTER, _PROTECT = 0xC018AA3F, 0xC020AA00, 0x8010AA01, 0xC018AA06
_WANTED = 1 << 13 | 1 << 15  # pages that are not there yet count as well; faults resolve themselves
_WHEN_WRITTEN, _ON = 2, 1
_SCAN = 0xC0606610
_ALL_OF_OURS = 1 << 1  # fail where a page is not watched over
_WRITTEN, _FILE, _PRESENT, _SWAPPED = 1 << 1, 1 << 2, 1 << 3, 1 << 4
_NUMBERS, _REGIONS = 12, 64
_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/infiniband", "/dev/vfio", "/dev/accel")
_DRIVERS = frozenset({"cupy", "dpctl", "pycuda", "pyopencl"})
"""What may write to memory behind the processor's back, and the packages that let it."""

_PAGE = 4096


class Protection:
    """Takes ranges of memory under watch and tells of each whether it is as it was."""

    def __init__(self) -> None:
        self._watch, self._pages = -1, -1
        self._of_files: set[tuple[int, int]] = set()
        self._regions = array("Q", bytes(8 * 3 * _REGIONS))
        self._page = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else _PAGE
        try:
            self._open()
        except (OSError, ImportError, AttributeError):
            self.close()

    def _open(self) -> None:
        """Open what the kernel offers.

        Raises:
            OSError: it offers less.
        """
        import fcntl

        self._ioctl: Any = fcntl.ioctl
        if sys.platform != "linux" or any(map(os.path.exists, _DEVICES)):
            return
        self._pages = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        watch = _userfaultfd()
        if watch < 0:
            raise OSError
        self._watch = watch
        self._ask(watch, _API, 0xAA, _WANTED, 0)

    def _ask(self, descriptor: int, request: int, *numbers: int) -> int:
        found: int = self._ioctl(
            descriptor, request, bytearray(struct.pack(f"{len(numbers)}Q", *numbers))
        )
        return found

    @property
    def is_there(self) -> bool:
        """Whether anything can be protected here."""
        return self._watch >= 0

    def close(self) -> None:
        """Protect nothing any more."""
        for one in (self._watch, self._pages):
            if one >= 0:
                os.close(one)
        self._watch, self._pages = -1, -1

    def pages(self, address: int, size: int) -> tuple[int, int]:
        """Return where the pages begin and end that hold this memory and no other."""
        return -(-address // self._page) * self._page, (address + size) // self._page * self._page

    def protect(self, start: int, end: int) -> bool:
        """Watch pages from now on; tell whether that is possible."""
        is_ours = self.is_there and start < end and _DRIVERS.isdisjoint(sys.modules)
        home = _home_of(start, end) if is_ours else None
        if home is None:
            return False
        if home:
            self._of_files.add((start, end))
        size = end - start
        try:
            self._ask(self._watch, _REGISTER, start, size, _WHEN_WRITTEN, 0)
            self._ask(self._watch, _PROTECT, start, size, _ON)
        except OSError:
            self.release(start, end)
            return False
        return True

    def release(self, start: int, end: int) -> None:
        """Watch pages no longer."""
        self._of_files.discard((start, end))
        with suppress(OSError):  # they are gone already
            self._ask(self._watch, _UNREGISTER, start, end - start)

    def is_untouched(self, start: int, end: int) -> bool:
        """Tell whether every one of the pages is there and was not written to since."""
        head = (
            8 * _NUMBERS,
            _ALL_OF_OURS,
            start,
            end,
            0,
            self._regions.buffer_info()[0],
            _REGIONS,
            0,
        )
        without = _WRITTEN if (start, end) in self._of_files else _WRITTEN | _FILE
        try:
            count = self._ask(
                self._pages, _SCAN, *head, without, without, _PRESENT | _SWAPPED, _WRITTEN
            )
        except OSError:
            return False
        found = self._regions
        return sum(found[3 * n + 1] - found[3 * n] for n in range(count)) == end - start


def _userfaultfd() -> int:
    import ctypes

    number = _CALLS.get(os.uname().machine)
    if number is None:
        return -1
    call = ctypes.CDLL(None, use_errno=True).syscall
    found: int = call(number, os.O_CLOEXEC | os.O_NONBLOCK | _USER_MODE_ONLY)
    return found


def _home_of(start: int, end: int) -> bytes | None:
    """Return where private memory comes from: nowhere (nothing), files, or None where others write.

    Only files in trusted folders count, which nobody changes once they are there.
    """
    home = b""
    with open("/proc/self/maps", "rb") as lines:
        for line in lines:
            span, rights, _, _, node, *path = line.rstrip(b"\n").split(None, 5)
            first, last = (int(one, 16) for one in span.split(b"-"))
            if last <= start:
                continue
            if first > start or rights[3:] != b"p":
                return None
            if node != b"0":
                home = path[0] if path else b""
                if not is_trusted(home):
                    return None
            if last >= end:
                return home
            start = last
    return None


_trusted: set[bytes] = set()


def is_trusted(path: bytes) -> bool:
    """Tell whether a file is never changed."""
    return path.startswith(tuple(_trusted))


def trust_folder(path: str) -> None:
    """Take the files below a folder for files that are never changed, only made and removed."""
    _trusted.add(os.fsencode(os.path.join(os.path.realpath(path), "")))
