"""Looking at entries' files and removing them by their names, from one open folder on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping

from nbcache.store import stamps
from nbcache.store.entry_file import FILE_NAME
from nbcache.store.folder import unavailable
from nbcache.store.pages import is_name
from nbcache.store.shards import SHARD_DIGITS

_FLAGS = sum(getattr(os, name, 0) for name in ("O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"))
_CAN_START_THERE = {os.stat, os.unlink, os.rmdir} <= os.supports_dir_fd


class Removal:
    """Works on the entries in ``cells``, a folder of shards; ``folder`` is it, open."""

    def __init__(self, cells: str, folder: int | None) -> None:
        self._cells = cells
        self._folder = folder

    def status(self, name: str) -> os.stat_result | None:
        """Return what an entry's file is, None if it is gone."""
        if not is_name(name):
            return None
        try:
            return os.lstat(f"{self._path(name)}/{FILE_NAME}", dir_fd=self._folder)
        except OSError:
            return None

    def remove(self, names: Mapping[str, bool]) -> None:
        """Remove entries' files and folders, one entry after the other, which is quickest.

        ``names`` tells of each whether it has blobs; a missing one is no error. Raises
        ``StoreUnavailable`` when the file system does not let us.
        """
        paths = [(self._path(name), has_blobs) for name, has_blobs in names.items()]
        try:
            for path, has_blobs in paths:
                self._unlink(f"{path}/{FILE_NAME}")
                if has_blobs or not self._rmdir(path):
                    self._unlink(f"{path}/{stamps.FILE_NAME}")
                    self._rmdir(path)
        except OSError as error:
            raise unavailable(error, self._cells, "remove an entry from the store") from error

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
