"""Reading the row of an entry, and the blobs that it needs, from its folder."""

from __future__ import annotations

import contextlib
import os

from nbcache.entry import Entry
from nbcache.errors import DamagedEntry, ForeignEntry
from nbcache.store import stamps
from nbcache.store.entry_file import FILE_NAME, read_entry_in
from nbcache.store.rows import UNREADABLE, Row, row_of


def read_row(shard: str, name: str, key: bytes) -> Row | None:
    """Return the row of an entry's folder, None when there is no file in it.

    A file that is damaged or of another signer is a row as well: it takes its place.
    """
    folder = f"{shard}/{name}"
    try:
        status = os.lstat(f"{folder}/{FILE_NAME}")
    except OSError:
        return None
    try:
        entry = read_entry_in(folder, key)
        if entry.name == name:
            return row_of(entry, status)
    except (DamagedEntry, ForeignEntry):
        pass
    except OSError:
        return None
    size, used_at = status.st_size, status.st_mtime
    unread = Entry(*name.partition(".")[::2], used_at, None, 0.0, parts={"kind": UNREADABLE})
    return row_of(unread, status)._replace(name=name, size_bytes=size)


def read_blobs(folder: str) -> dict[str, int]:
    """Return the names and sizes of the blobs that an entry needs; nothing is verified."""
    if not os.path.lexists(f"{folder}/{stamps.FILE_NAME}"):
        return {}
    with contextlib.suppress(OSError, TypeError):
        names = stamps.read_names(folder)
        return {name: int(size) for name in names if (size := name.partition("-")[2]).isdecimal()}
    return {}
