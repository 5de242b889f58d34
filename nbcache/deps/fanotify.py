"""Linux fanotify through ctypes: which names in some folders this very process touched.

Inotify tells that a file was opened or changed, not by whom. Fanotify tells the process, without
privileges since Linux 5.13 (0 stands for any other one then), where the file system has handles
for its files. Where it can't be had, nobody is cleared: all that inotify tells counts.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from functools import lru_cache
from os import fsencode as _fsencode
from os import read as _read
from typing import Any

from nbcache.deps.event_queues import MOST_BYTES, Idle, c_functions

_INIT = 0x1 | 0x2 | 0x400 | 0x800
"""Closed on exec, never blocking, with the folder's handle and the name of what was touched."""
_INIT_MODE = getattr(os, "O_CLOEXEC", 0)
_ADD = 0x1 | 0x8
_FLUSH = 0x80
_TOUCHES = 0x2 | 0x20 | 0x40 | 0x80 | 0x100 | 0x200 | 0x08000000 | 0x40000000
"""Modified, opened, moved away, moved here, made, deleted; also of entries and of folders."""
_OVERFLOWED = 0x4000
_HERE = -100
_VERSION = 3
_HEAD = struct.Struct("=IBBHQii")
_RECORD = struct.Struct("=BBH8xIi")
_NAMED = 2
ITSELF = "."
"""How a folder that is watched is named where it was touched itself."""


@lru_cache(maxsize=1)
def _library() -> Any:
    number, word = ctypes.c_int, ctypes.c_uint
    marking = number, word, ctypes.c_uint64, number, ctypes.c_char_p
    return c_functions({"fanotify_init": (word, word), "fanotify_mark": marking})


_idle = Idle()


class OwnTouches:
    """Collects the names of what this process touches in folders, until it is closed."""

    def __init__(self, folders: Iterable[str]) -> None:
        self._names: set[str] = set()
        self._knows = False
        self._descriptor = -1
        library = _library()
        if library is None:
            return
        self._descriptor = _idle.take(lambda: int(library.fanotify_init(_INIT, _INIT_MODE)))
        self._knows = self._descriptor >= 0
        for folder in folders:
            self.add(folder)

    def add(self, folder: str) -> None:
        """Follow one more folder from now on; where that fails, nothing is known any more."""
        if self._knows:
            given = self._descriptor, _ADD, _TOUCHES, _HERE, _fsencode(folder)
            self._knows = _library().fanotify_mark(*given) == 0

    def names(self) -> set[str] | None:
        """Return the names touched so far, ``ITSELF`` for a folder; None: it can't be told."""
        while self._knows:
            try:
                data = _read(self._descriptor, MOST_BYTES)
            except InterruptedError:
                continue
            except BlockingIOError:
                return self._names
            except OSError:
                self._knows = False
            else:
                self._parse(data)
        return None

    def _parse(self, data: bytes) -> None:
        start, own = 0, os.getpid()
        while start < len(data):
            length, version, _, head, mask, _, process = _HEAD.unpack_from(data, start)
            if version != _VERSION or mask & _OVERFLOWED:
                self._knows = False
                return
            if process == own:
                name = _name_in(data[start + head : start + length])
                self._knows = self._knows and bool(name)
                self._names.add(name)
            start += length

    def close(self) -> None:
        """Give the marks back; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        self._knows = False
        if descriptor < 0:
            return
        _library().fanotify_mark(descriptor, _FLUSH, 0, _HERE, None)
        _idle.give_back(descriptor)


def _name_in(record: bytes) -> str:
    """Return the name that an event's record holds, empty if it is of another kind."""
    if len(record) < _RECORD.size:
        return ""
    kind, _, length, handle, _ = _RECORD.unpack_from(record)
    if kind != _NAMED:
        return ""
    return os.fsdecode(record[_RECORD.size + handle : length].split(b"\0", 1)[0])
