"""One kernel computes a key while the others wait: locks that no crashed holder outlives."""

from __future__ import annotations

import contextlib
import importlib
import os
import time
from collections.abc import Callable
from typing import Any

from nbcache.store.folder import make_private_folder
from nbcache.store.protocol import Waiting

try:
    fcntl: Any = importlib.import_module("fcntl")
except ImportError:  # Windows: every kernel computes for itself
    fcntl = None

FOLDER = "locks"
_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.5


class KeyLock:
    """A held lock; the operating system releases it when the process ends, however it ends."""

    def __init__(self, path: str, descriptor: int, waited: float) -> None:
        self._path = path
        self._descriptor = descriptor
        self.waited = waited
        """Seconds that it took to get the lock; 0.0 when nobody held it."""

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            _unlink(self._path)
            os.close(descriptor)


def take_lock(
    location: str,
    key: str,
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
    waiting: Waiting | None = None,
    wait: float | None = None,
) -> KeyLock | None:
    """Wait for the lock of a key in a store's folder and return it.

    Returns None where there are no locks, the folder can't be written, the wait was
    interrupted, or ``wait`` seconds are over: the caller computes for itself then.
    """
    if fcntl is None:
        return None
    path = os.path.join(location, FOLDER, key)
    began, length, has_waited = clock(), _FIRST_PAUSE, False
    try:
        while True:
            descriptor = _try(path)
            if descriptor >= 0:
                _sign(descriptor)
                return KeyLock(path, descriptor, clock() - began if has_waited else 0.0)
            if waiting is not None and not has_waited:
                waiting(*_holder(path))
            has_waited = True
            if wait is not None and clock() - began >= wait:
                return None
            pause(length if wait is None else min(length, wait))
            length = min(2 * length, _LONGEST_PAUSE)
    except (OSError, KeyboardInterrupt):
        return None


def _sign(descriptor: int) -> None:
    """Leave word for those who wait; on a full disk they go without."""
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()} {time.time()}".encode())


def _holder(path: str) -> tuple[str, float]:
    """Return who holds a lock and since when, as far as it can be read."""
    try:
        with open(path, encoding="ascii") as file:
            process, since = file.read(100).split()
        return f"process {int(process)}", float(since)
    except (OSError, ValueError):
        return "another kernel", time.time()


def _try(path: str) -> int:
    """Return the descriptor of the locked file, -1 when another process holds it."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_same_file(path, descriptor):
            return descriptor
    except BlockingIOError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return -1


def _open(path: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        make_private_folder(os.path.dirname(path))
        return os.open(path, flags, 0o600)


def _is_same_file(path: str, descriptor: int) -> bool:
    """Tell whether the locked file is still the one at the path: a holder removes its own."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return
