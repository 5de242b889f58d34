"""Reading the row of an entry, and the blobs that it needs, from its folder."""

from __future__ import annotations

import contextlib
import os
import re

from nbcache.entry import Entry
from nbcache.errors import DamagedEntry, ForeignEntry
from nbcache.store import stamps
from nbcache.store.entry_file import FILE_NAME, read_entry_in
from nbcache.store.items import scan_folder
from nbcache.store.rows import UNFINISHED, UNREADABLE, Row, row_of

_BLOB_NAME = re.compile(r"[0-9a-f]+-[0-9]{1,18}")


def read_row(shard: str, name: str, key: bytes) -> Row | None:
    """Return the row of an entry's folder, None when it is gone.

    A file that is damaged or of another signer is a row as well: it takes its place. So does
    what a killed process left unfinished. Raises ``OSError`` when nobody can tell.
    """
    folder = f"{shard}/{name}"
    try:
        status = os.lstat(f"{folder}/{FILE_NAME}")
    except OSError:
        return _read_unfinished(folder, name)
    try:
        entry, status = read_entry_in(folder, key)
        if entry.name == name:
            return row_of(entry, status)
    except (DamagedEntry, ForeignEntry):
        pass
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _unread(name, UNREADABLE, status)


def _read_unfinished(folder: str, name: str) -> Row | None:
    """Return the row of a folder without an entry's file."""
    try:
        status = os.lstat(folder)
        files = [one.stat(follow_symlinks=False) for one in scan_folder(folder)]
    except OSError:
        return None
    used_at = max([status.st_mtime, *(file.st_mtime for file in files)])
    row = _unread(name, UNFINISHED, status)._replace(used_at=used_at, inode=0, changed_ns=0)
    size_bytes = sum(file.st_size for file in files)
    return row._replace(size_bytes=size_bytes, own_bytes=size_bytes)


def _unread(name: str, kind: str, status: os.stat_result) -> Row:
    unread = Entry(*name.partition(".")[::2], status.st_mtime, None, 0.0, parts={"kind": kind})
    return row_of(unread, status)._replace(name=name, size_bytes=status.st_size)


def read_blobs(folder: str) -> list[str]:
    """Return the names of the blobs that an entry needs; nothing is verified.

    Raises ``OSError`` when nobody can tell.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, TypeError):
        os.lstat(f"{folder}/{stamps.FILE_NAME}")
        return sorted(filter(_BLOB_NAME.fullmatch, stamps.read_names(folder)))
    return []
