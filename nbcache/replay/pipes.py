"""Text that C code and subprocesses write to file descriptors 1 and 2: waited for, then heard.

ipykernel leads the descriptors into pipes, and a thread of each stream reads them. Text may
still be on its way when a cell ends, and would be missing from the recording.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

PATIENCE = 1.0
"""Seconds after which a thread that reads a pipe is no longer waited for."""

_open = open
_PAUSE = 0.001
_LOOKS = 3
"""Looks at an empty pipe that must agree where the system does not show who waits for it."""


def drain(streams: Sequence[Any]) -> None:
    """Wait until everything written to the streams' descriptors so far has been heard."""
    for stream in streams:
        pipe, thread = getattr(stream, "_fid", None), getattr(stream, "watch_fd_thread", None)
        if type(pipe) is int and thread is not None and thread.is_alive():
            _drain_pipe(pipe, thread.native_id)


def _drain_pipe(pipe: int, thread: int) -> None:
    deadline = time.monotonic() + PATIENCE
    looks = 0
    while time.monotonic() < deadline:
        waits = is_waiting(pipe, thread) if is_empty(pipe) else False
        looks = looks + 1 if waits is not False else 0
        if waits or looks == _LOOKS:
            return
        time.sleep(_PAUSE)


def is_empty(pipe: int) -> bool:
    """Tell whether a pipe holds nothing to read."""
    try:
        import fcntl
        import termios
    except ImportError:  # Windows: nothing is led into pipes there
        return True
    try:
        count = fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0")
    except OSError:
        return True
    return int.from_bytes(count, sys.byteorder) == 0


def is_waiting(pipe: int, thread: int) -> bool | None:
    """Tell whether a thread is blocked in reading a descriptor; None where that can't be seen."""
    try:
        with _open(f"/proc/self/task/{thread}/syscall", "rb", buffering=0) as file:
            words = file.read().split()
    except OSError:
        return None
    if words[:1] == [b"running"]:
        return False
    return len(words) > 1 and int(words[1], 16) == pipe
