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
        """Note that an entry is to be sent."""
        with contextlib.suppress(OSError):
            make_private_folder(self._folder)
            os.close(os.open(os.path.join(self._folder, name), os.O_CREAT | os.O_WRONLY, 0o600))

    def discard(self, name: str) -> None:
        """Note that an entry was sent, or is no more."""
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self._folder, name))

    def names(self) -> list[str]:
        """Return what is to be sent, in the order of names."""
        with contextlib.suppress(OSError):
            return sorted(os.listdir(self._folder))
        return []
