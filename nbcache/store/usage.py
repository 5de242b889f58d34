"""What the store has saved so far: one line for each use, beside the entries."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from nbcache.store.folder import write_whole_file

FILE_NAME = "usage.log"
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
MOST_BYTES = 4 << 20
"""From this size on the older half of the lines is folded into one."""


@dataclass(frozen=True, slots=True)
class Use:
    """Some cells that were served or ran: where, when (Unix time), how many, seconds saved."""

    notebook: str
    at: float
    served: int = 0
    ran: int = 0
    saved: float = 0.0


def note_use(location: str, use: Use) -> None:
    """Add a line to the log; a store that can't be written, or is no folder, goes without."""
    if not location or "://" in location:
        return
    name = _quoted(use.notebook)
    line = f"[{name}, {use.at:.3f}, {use.served}, {use.ran}, {use.saved:.6f}]"
    path = os.path.join(location, FILE_NAME)
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _FLAGS, 0o600)
        try:
            os.write(descriptor, f"{line}\n".encode())
            is_large = os.fstat(descriptor).st_size > MOST_BYTES
        finally:
            os.close(descriptor)
        if is_large:
            _fold(path)


_quoted = lru_cache(maxsize=64)(json.dumps)


def read_uses(location: str) -> Iterator[Use]:
    """Yield what the log tells, the oldest first; damaged lines are passed over."""
    try:
        descriptor = os.open(os.path.join(location, FILE_NAME), os.O_RDONLY | _FLAGS)
        with open(descriptor, encoding="utf-8", errors="replace") as file:
            lines = file.readlines()
    except OSError:
        return
    for line in lines:
        with contextlib.suppress(ValueError, TypeError, OverflowError, RecursionError):
            notebook, at, served, ran, saved = json.loads(line)
            yield Use(str(notebook), float(at), int(served), int(ran), float(saved))


def total_by_notebook(uses: Iterable[Use]) -> dict[str, Use]:
    """Return the sums for each notebook, with the time of the last use."""
    totals: dict[str, Use] = {}
    for use in uses:
        before = totals.get(use.notebook, Use(use.notebook, use.at))
        totals[use.notebook] = Use(
            use.notebook,
            max(use.at, before.at),
            before.served + use.served,
            before.ran + use.ran,
            before.saved + use.saved,
        )
    return totals


def _fold(path: str) -> None:
    """Sum the log up, one line a notebook; a line written meanwhile may be lost."""
    totals = total_by_notebook(read_uses(os.path.dirname(path)))
    lines = [
        json.dumps([use.notebook, use.at, use.served, use.ran, use.saved]) + "\n"
        for use in totals.values()
    ]
    write_whole_file(path, ["".join(lines).encode()])
