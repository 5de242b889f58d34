"""Linux inotify through ctypes: which files of some folders anybody opened or changed."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from os import fsencode as _fsencode
from os import read as _read
from typing import Any

from nbcache.deps.event_queues import MOST_BYTES, Idle, c_functions

MODIFIED = 0x2
OPENED = 0x20
MOVED_FROM = 0x40
MOVED_TO = 0x80
CREATED = 0x100
DELETED = 0x200
OVERFLOWED = 0x4000
IS_FOLDER = 0x40000000
_MASK = MODIFIED | OPENED | MOVED_FROM | MOVED_TO | CREATED | DELETED
_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_HEAD = struct.Struct("iIII")


@dataclass(frozen=True, slots=True)
class FileEvent:
    """Something happened to ``path``; ``mask`` is of the constants of this module."""

    path: str
    mask: int


@lru_cache(maxsize=1)
def _library() -> Any:
    number = ctypes.c_int
    return c_functions(
        {
            "inotify_add_watch": (number, ctypes.c_char_p, ctypes.c_uint32),
            "inotify_init1": (number,),
            "inotify_rm_watch": (number, number),
        }
    )


_idle = Idle()


class FolderWatch:
    """Collects events of folders, not of the folders below them, until it is drained."""

    def __init__(self, folders: Iterable[str]) -> None:
        library = _library()
        self._folders: dict[int, str] = {}
        self._descriptor = -1
        if library is None:
            return
        self._descriptor = _idle.take(lambda: int(library.inotify_init1(_FLAGS)))
        if self._descriptor < 0:
            return
        for folder in folders:
            self.add(folder)

    def add(self, folder: str) -> None:
        """Watch one more folder from now on; one that is watched stays so."""
        if self._descriptor >= 0:
            number = _library().inotify_add_watch(self._descriptor, _fsencode(folder), _MASK)
            if number >= 0:
                self._folders.setdefault(number, folder)

    @property
    def is_working(self) -> bool:
        """Tell whether the system watches anything."""
        return bool(self._folders)

    def drain(self) -> Iterator[FileEvent]:
        """Return the events so far in their order."""
        while self._descriptor >= 0:
            try:
                data = _read(self._descriptor, MOST_BYTES)
            except OSError as error:
                if error.errno == errno.EINTR:
                    continue
                return
            yield from self._parse(data)

    def _parse(self, data: bytes) -> Iterator[FileEvent]:
        start = 0
        while start < len(data):
            number, mask, _, length = _HEAD.unpack_from(data, start)
            start += _HEAD.size
            name = os.fsdecode(data[start : start + length].rstrip(b"\0"))
            start += length
            folder = self._folders.get(number)
            if folder is not None or mask & OVERFLOWED:
                yield FileEvent(os.path.join(folder or "", name) if name else folder or "", mask)

    def close(self) -> None:
        """Give the watches back; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        library = _library()
        for number in self._folders:
            library.inotify_rm_watch(descriptor, number)
        _idle.give_back(descriptor)
