"""Removing entries by their names, from one open folder on, and all that is in a store."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
from collections.abc import Iterator, Sequence

from nbcache.store import stamps
from nbcache.store.entry_file import FILE_NAME
from nbcache.store.folder import unavailable
from nbcache.store.items import scan_folder
from nbcache.store.pages import is_name
from nbcache.store.ranking import Held
from nbcache.store.shards import SHARD_DIGITS

_FLAGS = sum(getattr(os, name, 0) for name in ("O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"))
_OF_OTHERS = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST))
"""What tells that somebody else removes or stores at the same time."""

_CAN_START_THERE = {os.stat, os.unlink, os.rmdir} <= os.supports_dir_fd


class Removal:
    """Works on the entries in ``cells``, a folder of shards; ``folder`` is it, open."""

    def __init__(self, cells: str, folder: int | None) -> None:
        self._cells = cells
        self._folder = folder

    def is_still(self, held: Held) -> bool:
        """Whether an entry's file is what it was when the index read it."""
        if not is_name(held.name):
            return False
        try:
            status = os.lstat(f"{self._path(held.name)}/{FILE_NAME}", dir_fd=self._folder)
        except OSError:
            return False
        found = status.st_ino, status.st_ctime_ns, status.st_mtime
        return found == (held.inode, held.changed_ns, held.used_at)

    def remove(self, chosen: Sequence[Held]) -> list[Held]:
        """Remove entries' files and folders, one entry after the other, which is quickest.

        Return those that are others by now, or gone: they are looked at right before, since
        what somebody stored or used a moment ago is not to go. Raises ``StoreUnavailable`` when
        the file system does not let us.
        """
        spared = []
        try:
            for held in chosen:
                if self.is_still(held):
                    self._remove(self._path(held.name), bool(held.blobs))
                else:
                    spared.append(held)
        except OSError as error:
            raise unavailable(error, self._cells, "remove an entry from the store") from error
        return spared

    def _remove(self, path: str, has_blobs: bool) -> None:
        self._unlink(f"{path}/{FILE_NAME}")
        if has_blobs or not self._rmdir(path):
            self._unlink(f"{path}/{stamps.FILE_NAME}")
            self._rmdir(path)

    def _path(self, name: str) -> str:
        path = f"{name[:SHARD_DIGITS]}/{name}"
        return path if self._folder is not None else f"{self._cells}/{path}"

    def _unlink(self, path: str) -> None:
        try:
            os.unlink(path, dir_fd=self._folder)
        except (FileNotFoundError, NotADirectoryError):
            return

    def _rmdir(self, path: str) -> bool:
        try:
            os.rmdir(path, dir_fd=self._folder)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True


@contextlib.contextmanager
def removing(cells: str) -> Iterator[Removal]:
    """Give what removes entries from a folder of shards; one that is missing has none."""
    folder = None
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if _CAN_START_THERE:
            folder = os.open(cells, os.O_RDONLY | _FLAGS)
    try:
        yield Removal(cells, folder)
    finally:
        if folder is not None:
            os.close(folder)


def empty_folder(folder: str) -> None:
    """Remove the folders in a folder, and links to any; what others store meanwhile may stay.

    Raises ``StoreUnavailable`` when the file system keeps something, once the rest is gone.
    """
    problems: list[BaseException] = []
    for entry in scan_folder(folder):
        if entry.is_dir(follow_symlinks=False):
            _remove_tree(entry.path, problems)
        elif entry.is_symlink():  # what lies behind it is none of ours
            try:
                os.unlink(entry.path)
            except OSError as error:
                problems.append(error)
    for problem in problems:
        if isinstance(problem, OSError) and problem.errno not in _OF_OTHERS:
            raise unavailable(problem, folder, "remove everything from the store") from problem


def _remove_tree(folder: str, problems: list[BaseException]) -> None:
    """Remove a folder as far as it goes, and add what was in the way."""
    if sys.version_info >= (3, 12):
        shutil.rmtree(folder, onexc=lambda _act, _path, error: problems.append(error))
    else:
        shutil.rmtree(folder, onerror=lambda _act, _path, info: problems.append(info[1]))
