"""Lines that ``linecache`` remembers: whoever asks for them opens no file, and may get old ones."""

from __future__ import annotations

import linecache
import os
import sys
from types import FrameType
from typing import Any

from nbcache.deps.file_ledger import Ledger
from nbcache.deps.file_looks import status_of
from nbcache.deps.file_scope import absolute
from nbcache.deps.patching import Patches
from nbcache.deps.places import owner_of
from nbcache.errors import NotReplayable

_TIME = 1
"""Where ``linecache`` keeps the time of a file, after its size; a loader's lines have none."""


def watch_line_cache(ledger: Ledger, patches: Patches) -> None:
    """Count the files whose lines the user's code asks for, unless those are of another day."""

    def on_lines(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        name = str(args[0] if args else kwargs.get("filename"))
        path = absolute(name) if _is_asked_by_user(sys._getframe(1)) else None
        if path is None or not ledger.scope.counts(path):
            return
        if not _is_fresh(name, path):
            raise NotReplayable(f"it asks for lines of `{path}` that are no longer in the file")
        if status_of(path) is not None:
            ledger.note_read(path)

    patches.watch(on_lines, (linecache, "getlines"))


def _is_fresh(name: str, path: str) -> bool:
    """Tell whether the lines kept under a name are those of the file, or there are none."""
    held, status = linecache.cache.get(name), status_of(path)
    if held is None or len(held) <= _TIME or held[_TIME] is None:
        return True
    return status is not None and held[: _TIME + 1] == (status.st_size, status.st_mtime)


def _is_asked_by_user(frame: FrameType | None) -> bool:
    while frame is not None:
        file = frame.f_code.co_filename
        if owner_of(file) != "own" and os.path.basename(file) != "linecache.py":
            return owner_of(file) == "user"
        frame = frame.f_back
    return False
