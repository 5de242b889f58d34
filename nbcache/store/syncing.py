"""Making what was stored outlive a loss of power, where that is asked for: ``NBCACHE_FSYNC=1``.

Without it such a loss costs the last entries: half a file is a miss, never a wrong value.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping

FSYNC_VARIABLE = "NBCACHE_FSYNC"
_NO = frozenset(("", "0", "no", "off", "false"))
_FLOORS = 3
"""An entry's folder and its shard may be new, and so may the folder of all shards."""


def is_durable(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether to wait until the disk has what was written."""
    return environ.get(FSYNC_VARIABLE, "").strip().lower() not in _NO


def sync_file(descriptor: int) -> None:
    """Wait until the disk has the bytes of an open file, if that is asked for."""
    if is_durable():
        os.fsync(descriptor)


def sync_name(path: str) -> None:
    """Wait until the disk has the name of a file, if that is asked for and can be had."""
    if not is_durable():
        return
    for _ in range(_FLOORS):
        path = os.path.dirname(path)
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
