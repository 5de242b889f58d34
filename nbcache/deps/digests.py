"""Content digests of files, with a table so that an unchanged file is read once.

The table is the process's own; lines of big files are kept on disk for later processes.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from os import O_CREAT, O_TRUNC, O_WRONLY, stat_result
from os import fdopen as _fdopen
from os import fstat as _fstat
from os import getpid as _getpid
from os import open as _os_open
from os import replace as _replace
from os import stat as _stat
from os.path import dirname as _dirname
from os.path import isdir as _isdir
from typing import Any

import xxhash

_open = open  # captured now: our own reads are no user's reads
_O_NEW = O_WRONLY | O_CREAT | O_TRUNC
_CHUNK_BYTES = 1 << 22
_RACY_SECONDS = 2.0
"""A file changed this shortly before it was hashed may change again within its time stamp."""

BIG_BYTES = 4 << 20
"""A file of at least this size takes longer to read than its line of the table to write."""

MOST_KEPT = 2000

_kept: list[str] = []
_Signature = tuple[int, int, int, int, int]
_table: dict[str, tuple[_Signature, str]] = {}
_lock = threading.Lock()


def signature(status: stat_result) -> _Signature:
    """Return what must be equal for a file to count as unchanged without reading it."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def text_digest(data: bytes | str) -> str:
    """Return 32 hex digits for bytes or text."""
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    return str(xxhash.xxh3_128(raw).hexdigest())


def file_digest(path: str, *, clock: Any = time.time) -> tuple[int, str]:
    """Return size and content digest of the file at ``path``; raise OSError if unreadable."""
    status = _stat(path)
    known = _table.get(path)
    if known is not None and known[0] == signature(status):
        return status.st_size, known[1]
    size, digest, status = _read(path)
    changed_at = max(status.st_mtime, status.st_ctime)
    if clock() - changed_at > _RACY_SECONDS:
        with _lock:
            _table[path] = signature(status), digest
        if size >= BIG_BYTES:
            _save_table()
    return size, digest


def _read(path: str) -> tuple[int, str, stat_result]:
    hasher, size = xxhash.xxh3_128(), 0
    with _open(path, "rb", buffering=0) as stream:
        status = _fstat(stream.fileno())
        while chunk := stream.read(_CHUNK_BYTES):
            hasher.update(chunk)
            size += len(chunk)
    return size, hasher.hexdigest(), status


def keep_table(path: str) -> None:
    """Remember digests of big files at ``path``, and start from what is there already."""
    _kept[:] = [path]
    wrong = (OSError, ValueError, TypeError, AttributeError)
    with suppress(*wrong), _open(path, encoding="utf-8") as stream:
        import_table(json.load(stream))


def _save_table() -> None:
    """Write the lines of big files; what another process wrote meanwhile is taken over."""
    if not _kept or not _isdir(_dirname(_kept[0])):
        return
    path, temporary = _kept[0], f"{_kept[0]}.{_getpid()}"
    keep_table(path)
    lines = [(name, line) for name, line in export_table().items() if line[0][2] >= BIG_BYTES]
    with suppress(OSError):
        descriptor = _os_open(temporary, _O_NEW, 0o600)
        with _fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(dict(lines[-MOST_KEPT:]), stream)
        _replace(temporary, path)


def export_table() -> dict[str, list[Any]]:
    """Return the table as JSON data, for a later process on this machine to start from."""
    with _lock:
        return {path: [list(stamp), digest] for path, (stamp, digest) in _table.items()}


def import_table(data: dict[str, Any]) -> None:
    """Take over what an earlier process exported; stale lines are harmless."""
    with _lock:
        for path, (stamp, digest) in data.items():
            first, second, third, fourth, fifth = map(int, stamp)
            _table.setdefault(path, ((first, second, third, fourth, fifth), str(digest)))
