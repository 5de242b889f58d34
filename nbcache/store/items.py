"""What lies in a store as joblib's limits see it: folders with a size and a last use."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

_ITEM_NAME = re.compile(r"[0-9a-f]{32}")
"""How joblib tells an item's folder from a function's."""


class Item(NamedTuple):
    """One folder: all its bytes, and when it was last written or loaded (Unix time)."""

    path: str
    size_bytes: int
    used_at: float


def list_items(root: str, apart_from: str = "") -> Iterator[Item]:
    """Yield every item below ``root`` without opening a file; what vanishes is left out.

    A folder that a killed process left unfinished is an item too, so that limits remove it.
    ``apart_from`` is a folder not to look into.
    """
    waiting = [root]
    while waiting:
        for entry in scan_folder(waiting.pop()):
            if not entry.is_dir(follow_symlinks=False) or entry.path == apart_from:
                continue
            if not _ITEM_NAME.match(entry.name):
                waiting.append(entry.path)
            elif (item := _describe(entry)) is not None:
                yield item


def scan_folder(folder: str) -> list[os.DirEntry[str]]:
    """Return what lies in a folder; nothing when another process removed it."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return list(entries)
    return []


def _describe(folder: os.DirEntry[str]) -> Item | None:
    """Return one item, or None when it goes away meanwhile."""
    try:
        files = [entry.stat(follow_symlinks=False) for entry in scan_folder(folder.path)]
        used_at = max(status.st_mtime for status in files) if files else folder.stat().st_mtime
    except OSError:
        return None
    return Item(folder.path, sum(status.st_size for status in files), used_at)
