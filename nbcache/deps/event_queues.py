"""What the queues of file events that Linux keeps have in common: C calls, idle descriptors."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from os import read as _read
from typing import Any

MOST_BYTES = 1 << 16
"""How much is read of a queue at once."""


def c_functions(declared: Mapping[str, Sequence[Any]]) -> Any:
    """Return the C library with functions of these arguments; None where it has them not."""
    if sys.platform != "linux":
        return None
    try:
        library = ctypes.CDLL(None, use_errno=True)
        for name, arguments in declared.items():
            getattr(library, name).argtypes = list(arguments)
    except (OSError, AttributeError):
        return None
    return library


class Idle:
    """Descriptors of queues that watch nothing, kept for the next run: making one takes longer."""

    def __init__(self) -> None:
        self._kept: list[int] = []

    def take(self, make: Callable[[], int]) -> int:
        """Return a descriptor that is kept, or else a new one."""
        return self._kept.pop() if self._kept else make()

    def give_back(self, descriptor: int) -> None:
        """Keep a descriptor whose queue watches nothing any more, emptied."""
        try:
            while _read(descriptor, MOST_BYTES):
                pass
        except BlockingIOError:
            self._kept.append(descriptor)
        except OSError:
            os.close(descriptor)
