"""All items of a store as joblib's limits see them: cells from the index, the rest by a walk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nbcache.errors import StoreError
from nbcache.store.collecting import size_items
from nbcache.store.entry_file import FILE_NAME
from nbcache.store.index import Index
from nbcache.store.local import CELLS, ROOT_NAME

_TOLERANCE_S = 1e-3
"""joblib keeps moments to the microsecond."""


def list_all_items(root: str, load_key: Callable[[], bytes]) -> list[tuple[str, int, float]]:
    """Return folder, size and last use of every item below joblib's folder.

    Without a key the index cannot tell what is new, so all of it is walked.
    """
    parent, name = os.path.split(root)
    cells = os.path.join(root, *CELLS)
    try:
        index = Index(parent if name == ROOT_NAME else root, cells, load_key())
    except StoreError:
        return [*size_items(root)]
    return [*size_items(root, cells), *index.items()]


def find_moved(items: Iterable[Any], known: Mapping[str, float]) -> dict[str, float]:
    """Return the last use of each item that was used since the index read it."""
    moved = {}
    for item in items:
        with contextlib.suppress(OSError):
            used_at = os.lstat(os.path.join(item.path, FILE_NAME)).st_mtime
            if item.path not in known and used_at > item.last_access.timestamp() + _TOLERANCE_S:
                moved[item.path] = used_at
    return moved
