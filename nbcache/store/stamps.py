"""What blobs were verified: by device, inode, size and times, signed, until the next boot.

A write to a file moves its change time, which nobody can set. So a blob whose stamp still holds
is the one whose bytes were verified, and a hit need not read a gigabyte to know it. After a boot
everything is verified anew, since a crash may have lost what was written.
"""

from __future__ import annotations

import contextlib
import functools
import hmac
import json
import os
import time
from collections.abc import Mapping
from typing import NamedTuple

from nbcache.errors import ForeignEntry
from nbcache.store.folder import read_own_start, write_whole_file

FILE_NAME = "blobs.nbc"
"""Beside each entry that has blobs: it names them, with their stamps."""

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_PURPOSE = b"nbcache stamps\0"
_COARSE_NS = 3 * 10**9
_LONGEST = 64 << 20
_fine: dict[int, bool] = {}


class Stamp(NamedTuple):
    """What ``stat`` told of a blob when its bytes were known to be right."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the stamp that a file has now."""
    times = status.st_mtime_ns, status.st_ctime_ns
    return Stamp(status.st_dev, status.st_ino, status.st_size, *times)


def read_stamps(folder: str, key: bytes) -> dict[str, Stamp]:
    """Return the stamps of an entry's blobs; none that was not signed here since the boot."""
    try:
        signature, _, text = _read(folder).partition(b"\n")
        if not hmac.compare_digest(_sign(text, key), signature):
            return {}
        record = json.loads(text)
        if not record["boot"] or record["boot"] != _boot():
            return {}
        return {name: Stamp(*stamp) for name, stamp in record["blobs"].items() if stamp}
    except (OSError, ForeignEntry, ValueError, KeyError, TypeError, AttributeError):
        return {}


def read_names(folder: str) -> set[str]:
    """Return the blobs that are named there, signed or not; none where it is damaged."""
    try:
        return set(json.loads(_read(folder).partition(b"\n")[2])["blobs"])
    except (FileNotFoundError, ForeignEntry, ValueError, KeyError, TypeError, RecursionError):
        return set()


def _read(folder: str) -> bytes:
    return read_own_start(os.path.join(folder, FILE_NAME), _LONGEST)[0]


def write_stamps(folder: str, stamps: Mapping[str, Stamp | None], key: bytes) -> None:
    """Name the blobs of an entry, with the stamps of those that are verified."""
    record = {"boot": _boot(), "blobs": stamps}
    text = json.dumps(record, separators=(",", ":")).encode("ascii")
    write_whole_file(os.path.join(folder, FILE_NAME), [_sign(text, key) + b"\n" + text])


def can_tell_writes(stamp: Stamp, folder: str) -> bool:
    """Whether any later write would move the change time that a stamp holds.

    Linux before 6.13 counts times in ticks of some milliseconds, others in seconds: there a
    stamp tells only of what lies a while back.
    """
    if stamp.changed_ns + _COARSE_NS < time.time_ns():
        return True
    if stamp.device not in _fine:
        _fine[stamp.device] = _has_fine_times(folder)
    return _fine[stamp.device]


def _has_fine_times(folder: str) -> bool:
    """Write a file over and over, and see whether each write shows."""
    import tempfile

    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder) as file:
        seen = set()
        for number in range(8):
            os.pwrite(file.fileno(), b"x", number % 2)
            seen.add(os.fstat(file.fileno()).st_ctime_ns)
        return len(seen) == 8
    return False


@functools.cache
def _boot() -> str:
    """Return what names this run of the machine; empty where nothing does."""
    with contextlib.suppress(OSError), open(_BOOT_ID, encoding="ascii") as file:
        return file.read().strip()
    return ""


def _sign(text: bytes, key: bytes) -> bytes:
    return hmac.digest(key, _PURPOSE + text, "sha256").hex().encode("ascii")
