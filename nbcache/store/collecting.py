"""Removing blobs that no entry needs any more, while others store and load.

Three steps: list the blobs at a moment when nobody stores; look without any lock which of them
no entry names; hold the lock alone again while those are removed, and spare what was needed
again meanwhile. An entry that is loading keeps what it has opened.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass
from typing import TypeVar

from nbcache.errors import StoreError
from nbcache.store import stamps
from nbcache.store.blob_lock import (
    COLLECTOR_NAME,
    forget_reuse,
    has_locks,
    holding_alone,
    read_reuse,
)
from nbcache.store.blobs import list_blobs, path_of
from nbcache.store.entry_file import read_blob_names
from nbcache.store.folder import has_safe_folder
from nbcache.store.items import Item, list_items
from nbcache.store.pieces import BLOBS, is_blob_name

T = TypeVar("T")
_PATIENCE = 2.0
_UNLOCKED_GRACE = 3600.0


@dataclass(frozen=True, slots=True)
class Collected:
    """How many blobs were removed, their bytes, and the bytes of those that stay."""

    count: int = 0
    freed_bytes: int = 0
    kept_bytes: int = 0


def collect_blobs(
    root: str, grace: float = 0.0, *, clock: Callable[[], float] = time.time
) -> Collected:
    """Remove the blobs that no entry below joblib's folder needs, if older than ``grace``.

    Nothing is removed while somebody else collects, or where storing never pauses: the next
    call does it. Raises ``StoreError`` for a folder that is not ours alone, ``OSError`` when an
    entry cannot be read.
    """
    return _finish(collecting(root, grace, clock=clock))


def collecting(
    root: str,
    grace: float = 0.0,
    *,
    clock: Callable[[], float] = time.time,
    patience: float | None = None,
    only: Collection[str] | None = None,
) -> Generator[None, None, Collected]:
    """Do the same in short steps; ``patience`` is how many seconds to wait for those who store.

    ``only`` names the blobs to look at, where it is known which ones may have become free. Whoever
    stops in between has removed nothing.
    """
    folder = os.path.join(root, *BLOBS)
    if not (has_safe_folder(root) and has_safe_folder(folder)):
        return Collected()
    patience = _PATIENCE if patience is None else patience
    spare = grace if has_locks(folder) else max(grace, _UNLOCKED_GRACE)
    with holding_alone(folder, COLLECTOR_NAME) as is_only:
        found = _list(folder, patience, only) if is_only else {}
        needed = (yield from counting(root)) if found else Counter()
        before = clock() - spare if spare else float("inf")
        loose = {
            path: seen
            for path, seen in found.items()
            if os.path.basename(path) not in needed and seen.st_mtime <= before
        }
        gone = _remove(folder, loose, patience) if loose else set()
    freed = sum(found[path].st_size for path in gone)
    return Collected(len(gone), freed, sum(seen.st_size for seen in found.values()) - freed)


def _finish(steps: Generator[None, None, T]) -> T:
    """Take all steps, and return what they come to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: T = end.value
            return found


def counting(root: str) -> Generator[None, None, Counter[str]]:
    """Find out in steps how many entries need each blob, damaged ones as far as they tell.

    Raises ``OSError`` when an entry is there and cannot be read.
    """
    needed: Counter[str] = Counter()
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        inside, has_blobs = _look_into(folder)
        waiting += inside
        if has_blobs:
            needed.update(_blobs_of(folder))
        yield
    return needed


def _look_into(folder: str) -> tuple[list[str], bool]:
    """Return the folders in one, and whether it is an entry's that has blobs."""
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
            inside = [one.path for one in found if one.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return [], False
    return inside, any(one.name == stamps.FILE_NAME for one in found)


def size_items(root: str, apart_from: str = "") -> list[Item]:
    """Return every item with its share of the blobs that it needs, so that the sum is true."""
    items = list(list_items(root, apart_from))
    needs = [needs_of(item.path) for item in items]
    shared = Counter(name for names in needs for name in names)
    return [
        item._replace(size_bytes=item.size_bytes + sum(_share(n, shared[n]) for n in names))
        for item, names in zip(items, needs, strict=True)
    ]


def needs_of(folder: str) -> set[str]:
    """Return the blobs that the entry in a folder needs; none where nothing can be read."""
    if not os.path.lexists(os.path.join(folder, stamps.FILE_NAME)):
        return set()
    with contextlib.suppress(OSError):
        return _blobs_of(folder)
    return set()


def _share(name: str, holders: int) -> int:
    """Return one holder's part of the bytes that a blob's name tells of."""
    length = name.partition("-")[2]
    return -(-int(length) // holders) if length.isdecimal() else 0


def _blobs_of(folder: str) -> set[str]:
    """Return the names of the blobs that the entry in a folder needs; nothing is verified."""
    names = stamps.read_names(folder)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, StoreError):
        names |= read_blob_names(folder)
    return names


def _list(folder: str, patience: float, only: Collection[str] | None) -> dict[str, os.stat_result]:
    """Return what lies there at a moment when nobody stores, so that its entries are there too."""
    with holding_alone(folder, patience=patience) as is_alone:
        if not is_alone:
            return {}
        forget_reuse(folder)
        if only is None:
            paths = [blob.path for blob in list_blobs(folder)]
        else:
            paths = [path_of(folder, name) for name in only if is_blob_name(name)]
        found = {}
        for path in paths:
            with contextlib.suppress(OSError):
                found[path] = os.lstat(path)
        return found


def _remove(folder: str, loose: dict[str, os.stat_result], patience: float) -> set[str]:
    with holding_alone(folder, patience=patience) as is_alone:
        if not is_alone:
            return set()
        spared = read_reuse(folder)
        return {
            path
            for path, seen in loose.items()
            if os.path.basename(path) not in spared and _unlink(path, seen)
        }


def _unlink(path: str, seen: os.stat_result) -> bool:
    """Remove a file unless it is another than was seen."""
    with contextlib.suppress(OSError):
        if os.path.samestat(os.lstat(path), seen):
            os.unlink(path)
            return True
    return False
