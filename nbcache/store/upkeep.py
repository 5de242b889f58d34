"""One round of a store's janitor, in steps of a few milliseconds that can be left at any time.

The index is brought up to date, the bounds are kept, blobs that nobody needs are removed, and
once a day what killed processes left unfinished.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from nbcache.errors import StoreError
from nbcache.store.collecting import collecting
from nbcache.store.entry_file import FILE_NAME
from nbcache.store.folder import TEMPORARY_PREFIX
from nbcache.store.index import Index
from nbcache.store.items import scan_folder
from nbcache.store.limits import Bounds, Pruning
from nbcache.store.stamps import FILE_NAME as STAMPS_NAME

STRAY_AFTER = 3600.0
"""Seconds after its last write from which an unfinished file has no living writer."""

SWEEP_EVERY = 86400.0
LOOK_AGAIN_AFTER = 7 * 86400.0
"""Seconds after which a shard is looked through although nothing says that it changed."""

_SWEPT_NAME = "swept"


class Upkeep:
    """Keeps the store in ``location``, whose items lie below ``root``.

    ``is_loose``: entries were removed, and what they alone needed may be left.
    """

    def __init__(self, location: str, root: str, index: Index, is_loose: bool = False) -> None:
        self._location, self._root = location, root
        self._index = index
        self._is_loose = is_loose

    def round(self, bounds: Bounds, now: float) -> Iterator[None]:
        """Do what is due, a step at a time; where there can be no index, nothing."""
        self._index.check()
        pruning = Pruning(self._index, bounds, now)
        yield from pruning.steps(now - LOOK_AGAIN_AFTER)
        unknown = self._is_loose or self._index.has_loose
        is_due = self._claim_sweep(now)
        if is_due:
            yield from self.sweeping(now)
        if pruning.loose or unknown or is_due:
            only = None if unknown or is_due else pruning.loose
            with contextlib.suppress(OSError, StoreError):
                grace = 0.0 if pruning.loose or unknown else STRAY_AFTER
                yield from collecting(self._root, grace, patience=0.0, only=only)
                self._index.has_loose = False

    def sweeping(self, now: float) -> Iterator[None]:
        """Remove unfinished files that have no living writer, and empty folders."""
        self._index.forget_former()
        for shard in scan_folder(self._index.cells):
            for entry in scan_folder(shard.path):
                _sweep(entry, now - STRAY_AFTER)
            yield

    def _claim_sweep(self, now: float) -> bool:
        """Whether it is time to sweep, and no other process does it."""
        path = os.path.join(self._location, _SWEPT_NAME)
        with contextlib.suppress(OSError):
            if abs(now - os.lstat(path).st_mtime) < SWEEP_EVERY:  # a clock may have been ahead
                return False
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            os.close(descriptor)
            os.utime(path, (now, now))
            return True
        return False


def _sweep(folder: os.DirEntry[str], before: float) -> None:
    with contextlib.suppress(OSError):
        if not folder.is_dir(follow_symlinks=False):
            return
        files = scan_folder(folder.path)
        is_bare = FILE_NAME not in [file.name for file in files]
        is_old = folder.stat(follow_symlinks=False).st_mtime < before
        for file in files:
            is_part = file.name.startswith(TEMPORARY_PREFIX)
            is_loose = is_part or (is_bare and is_old and file.name == STAMPS_NAME)
            if is_loose and file.stat(follow_symlinks=False).st_mtime < before:
                os.unlink(file.path)
        if is_bare and is_old:
            os.rmdir(folder.path)
