"""The names of entries that are still to be sent: empty files, which outlive the process.

Each shared store has a folder of its own, named by a digest of its URL: an entry goes to the
store that it was meant for, and to no other.
"""

from __future__ import annotations

import contextlib
import hashlib
import os

from nbcache.store.folder import make_private_folder


class Outbox:
    """A folder of markers; a file system that refuses them costs the sending alone."""

    def __init__(self, folder: str, url: str) -> None:
        self._folder = os.path.join(folder, hashlib.sha256(url.encode()).hexdigest()[:16])

    def add(self, name: str) -> None:
        """Note that an entry is to be sent, or sent again."""
        path = os.path.join(self._folder, name)
        with contextlib.suppress(OSError):
            make_private_folder(self._folder)
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            os.utime(path)

    def mark(self, name: str) -> object:
        """Return what changes when an entry is added again."""
        with contextlib.suppress(OSError):
            status = os.lstat(os.path.join(self._folder, name))
            return status.st_ino, status.st_mtime_ns
        return None

    def discard(self, name: str, mark: object = None) -> None:
        """Note that an entry was sent or is gone; with a ``mark``, unless it was added since."""
        with contextlib.suppress(OSError):
            if mark is None or self.mark(name) == mark:
                os.unlink(os.path.join(self._folder, name))

    def names(self) -> list[str]:
        """Return what is to be sent, in the order of names."""
        with contextlib.suppress(OSError):
            return sorted(os.listdir(self._folder))
        return []
