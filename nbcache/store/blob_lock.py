"""Who may remove blobs, and when: never while an entry that needs them is being stored.

Storing holds the folder's lock together with others; collecting holds it alone, for moments. A
store that finds a blob notes its name, so that a collector at work since before spares it.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

try:
    fcntl: Any = importlib.import_module("fcntl")
except ImportError:  # Windows: blobs are collected by their age alone
    fcntl = None

LOCK_NAME = ".blobs.lock"
COLLECTOR_NAME = ".blobs.collector"
_REUSED_NAME = ".blobs.reused"
_PAUSE = 0.01


@contextlib.contextmanager
def holding_blobs(folder: str) -> Iterator[Callable[[], bool]]:
    """Let nobody collect blobs; others may store at the same time.

    Gives what tells whether no other does; after that the lock may be lost.
    """
    descriptor = _open(folder, LOCK_NAME)
    try:
        with contextlib.suppress(OSError):  # some file systems have no locks
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield lambda: fcntl is not None and _try(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def holding_alone(
    folder: str,
    name: str = LOCK_NAME,
    patience: float = 0.0,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[bool]:
    """Tell whether nobody else holds the lock now; wait for at most ``patience`` seconds."""
    descriptor = _open(folder, name)
    try:
        until = time.monotonic() + patience
        while not (taken := _try(descriptor)) and time.monotonic() < until:
            pause(_PAUSE)
        yield taken
    finally:
        os.close(descriptor)


def note_reuse(folder: str, name: str, *, is_there: bool) -> None:
    """Note that a blob which lies there is needed by the entry that is being stored."""
    if not is_there:
        return
    if fcntl is None:
        with contextlib.suppress(OSError):
            os.utime(os.path.join(folder, name[:2], name))
        return
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(_beside(folder, _REUSED_NAME), flags, 0o600)
    try:
        os.write(descriptor, f"{name}\n".encode("ascii"))
    finally:
        os.close(descriptor)


def forget_reuse(folder: str) -> None:
    """Begin a new list of blobs that were needed again; the lock is held alone."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_beside(folder, _REUSED_NAME))


def read_reuse(folder: str) -> set[str]:
    """Return the blobs that were needed again since the list began."""
    try:
        with open(_beside(folder, _REUSED_NAME), encoding="ascii", errors="replace") as file:
            return set(file.read().split())
    except FileNotFoundError:
        return set()


def has_locks(folder: str) -> bool:
    """Whether the system and the file system know locks."""
    if fcntl is None:
        return False
    descriptor = _open(folder, LOCK_NAME)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _beside(folder: str, name: str) -> str:
    """Return a path in the store's root, whose files stay when the store is cleared."""
    return os.path.join(folder, *(os.pardir,) * 2, name)


def _try(descriptor: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks here: whoever asks waits for long instead
        return True
    return True


def _open(folder: str, name: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    return os.open(_beside(folder, name), flags, 0o600)
