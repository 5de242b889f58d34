"""What lies in the folders of a store, each listed again only after it changed.

A folder's modification time moves whenever something is added to it, removed or renamed, by any
process. A listing counts only if that time was some way past when the listing was made: file
systems have clocks of a few milliseconds, and two changes within one tick look like one.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Sequence

SETTLED_NS = 2_000_000_000
"""Nanoseconds after which a folder's modification time stands for what is in the folder."""

_MOST_LISTINGS = 8192


class Listings:
    """The folders within folders, as they were last listed; ``clock`` gives Unix nanoseconds."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._known: dict[str, tuple[int, int, Sequence[str]]] = {}

    def folders_in(self, folder: str) -> Sequence[str]:
        """Return the names of the folders in ``folder``; links and files are left out.

        Raises ``OSError`` when it cannot be read; a missing folder has none.
        """
        try:
            status = os.lstat(folder)
        except (FileNotFoundError, NotADirectoryError):
            self._known.pop(folder, None)
            return ()
        known = self._known.get(folder)
        if known is not None and known[0] == status.st_mtime_ns and known[1] == status.st_ino:
            return known[2]
        return self._list(folder, status)

    def _list(self, folder: str, status: os.stat_result) -> Sequence[str]:
        names = list_folders(folder) if stat.S_ISDIR(status.st_mode) else []
        if is_settled(status.st_mtime_ns, self._clock()):
            if len(self._known) >= _MOST_LISTINGS:
                self._known.clear()
            self._known[folder] = status.st_mtime_ns, status.st_ino, names
        return names


def list_folders(folder: str) -> list[str]:
    """Return the names of the folders in ``folder``, none when it is missing."""
    try:
        with os.scandir(folder) as found:
            return [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def is_settled(changed_ns: int, now_ns: int) -> bool:
    """Whether a change that long ago cannot be followed by another one in the same tick."""
    return now_ns - changed_ns > SETTLED_NS
