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

SHARD_DIGITS = 3
"""How much of an entry's name is the name of its folder's folder."""

SETTLED_NS = 2_000_000_000
"""Nanoseconds after which a folder's modification time stands for what is in the folder."""

_MOST_LISTINGS = 8192


class Listings:
    """The folders within folders, as they were last listed; ``clock`` gives Unix nanoseconds.

    ``ask`` tells what somebody else saw in a folder when it had this time and inode, as text with
    a line for each name, or None.
    """

    def __init__(
        self,
        clock: Callable[[], int] = time.time_ns,
        ask: Callable[[str, int, int], str | None] = lambda folder, changed_ns, inode: None,
    ) -> None:
        self._clock = clock
        self._ask = ask
        self._known: dict[str, tuple[int, int, str]] = {}

    def folders_in(self, folder: str) -> Sequence[str]:
        """Return the names of the folders in ``folder``; links and files are left out.

        Raises ``OSError`` when it cannot be read; a missing folder has none.
        """
        start = len(os.path.basename(folder)) + 1
        return [line[start:] for line in self._text(folder).split("\n")[:-1]]

    def beginning(self, folder: str, start: str) -> Sequence[str]:
        """Return the names of the folders in ``folder`` that begin so."""
        text = self._text(folder)
        wanted = f"{folder[folder.rfind('/') + 1 :]}/{start}"
        found = []
        place = text.find(wanted)
        while place >= 0:
            end = text.index("\n", place)
            found.append(text[place + len(wanted) - len(start) : end])
            place = text.find(wanted, end)
        return found

    def _text(self, folder: str) -> str:
        """Return a line for each name: the last part of the folder's, a slash, and the name."""
        try:
            status = os.lstat(folder)
        except (FileNotFoundError, NotADirectoryError):
            self._known.pop(folder, None)
            return ""
        changed_ns, inode = status.st_mtime_ns, status.st_ino
        known = self._known.get(folder)
        if known is not None and known[0] == changed_ns and known[1] == inode:
            return known[2]
        told = self._ask(folder, changed_ns, inode)
        return self._list(folder, status) if told is None else self._keep(folder, status, told)

    def _list(self, folder: str, status: os.stat_result) -> str:
        now = self._clock()  # what happens while it is listed, or this process sleeps, is later
        names = list_folders(folder) if stat.S_ISDIR(status.st_mode) else []
        start = os.path.basename(folder)
        text = "".join([f"{start}/{name}\n" for name in names])
        if is_settled(status.st_mtime_ns, now):
            self._keep(folder, status, text)
        return text

    def _keep(self, folder: str, status: os.stat_result, text: str) -> str:
        if len(self._known) >= _MOST_LISTINGS:
            self._known.clear()
        self._known[folder] = status.st_mtime_ns, status.st_ino, text
        return text


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
