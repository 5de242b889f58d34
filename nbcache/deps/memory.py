"""Whether an object of C moved: its own memory tells, far quicker than its state is read.

CPython's identity of an object is its address, and a type knows how long its structure is. That
holds for types whose state lies in their structure, and which are asked for by their exact type.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any

_IS_CPYTHON = sys.implementation.name == "cpython"
_HEAD_BYTES = object.__basicsize__
_NEW: Any = object()


class Remembered:
    """The state of something, read again only when a cheap mark of it has changed."""

    def __init__(self, read: Callable[[], Any]) -> None:
        self._read = read
        self._mark: Any = _NEW
        self._state: Any = None

    def state(self, mark: Any) -> Any:
        """Return the state that goes with ``mark``; None as a mark says that there is none."""
        if mark is None or mark != self._mark:
            self._state = self._read()
            self._mark = _NEW if mark is None else mark
        return self._state


class Memory:
    """The memory of one object at a time, whose structure is that of the type ``kind``."""

    def __init__(self, exact: type, kind: type | None = None) -> None:
        self._exact = exact
        self._bytes = (kind or exact).__basicsize__ - _HEAD_BYTES
        self._held: Any = None
        self._view: Any = None

    def of(self, obj: Any) -> bytes | None:
        """Return what the object's structure holds, None if it is of another type."""
        if obj is not self._held or self._view is None:
            if not _IS_CPYTHON or type(obj) is not self._exact:
                return None
            self._held = obj
            self._view = (ctypes.c_char * self._bytes).from_address(id(obj) + _HEAD_BYTES)
        return bytes(self._view.raw)
