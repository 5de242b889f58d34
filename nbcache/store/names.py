"""The names in a shard as the index has them: two short reads instead of listing a folder.

They count only while the folder's time and inode are those at which the index listed it, so an
index that is late, damaged or gone costs a listing, and never hides or invents an entry.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from nbcache.store.shards import SHARD_DIGITS

if TYPE_CHECKING:
    from nbcache.store.page_file import PageFile

INDEX_NAME = "index-3.nbi"
_LOOK_AGAIN_S = 1.0


class NameReader:
    """Reads names from the index file at ``path``, which stays open while it serves."""

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._file: PageFile | None = None
        self._looked_at = float("-inf")

    def __del__(self) -> None:
        """Let go of the file."""
        file = getattr(self, "_file", None)
        if file is not None:
            file.close()

    def read(self, folder: str, changed_ns: int, inode: int) -> str | None:
        """Return the names in a shard's folder that has this time and inode, if they are known.

        Each has a line of its own, with the shard and a slash before it.
        """
        if self._file is None and not self._look():
            return None
        try:
            number = int(folder[-SHARD_DIGITS:], 16)
            found = self._names(number, changed_ns, inode)
        except (OSError, ValueError):
            found = None
        if found is None:
            self._look()
        return found

    def _names(self, number: int, changed_ns: int, inode: int) -> str | None:
        """Return a shard's names; where only the note of their place is damaged, it is mended."""
        if self._file is None:
            return None
        found = self._file.names(number, changed_ns, inode)
        if found is None and self._file.mend(number, changed_ns, inode):
            found = self._file.names(number, changed_ns, inode)
        return found

    def _look(self) -> bool:
        """Open the file if it is another by now; look once in a while."""
        now = self._clock()
        if now - self._looked_at < _LOOK_AGAIN_S:
            return False
        self._looked_at = now
        try:
            inode = os.lstat(self._path).st_ino
        except OSError:
            return self._file is not None
        if self._file is None or inode != self._file.inode:
            from nbcache.store.page_file import open_known_pages

            if self._file is not None:
                self._file.close()
            self._file = open_known_pages(self._path)
        return self._file is not None
