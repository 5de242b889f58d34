"""Reading by a descriptor: no key tells what waits in a pipe, or where an open file stands."""

from __future__ import annotations

import os
import stat
import sys
from os import fstat as _fstat
from types import FrameType
from typing import Any

from nbcache.deps.askers import folder_of
from nbcache.deps.file_ledger import Ledger
from nbcache.deps.patching import Patches
from nbcache.deps.places import owner_of
from nbcache.deps.wrapped import Hook
from nbcache.errors import NotReplayable

_READERS = ("read", "readv", "pread", "preadv", "fstat")
_PASSING = frozenset({"os.py", "<frozen os>", "interactiveshell.py"})
"""Where ``os.fdopen`` stands, and the ``open`` that IPython gives to cells."""

_STANDARD = 2
"""The last descriptor of the standard streams."""


def watch_descriptors(ledger: Ledger, patches: Patches) -> None:
    """Refuse a run that reads by the descriptor of what it did not open itself."""
    patches.watch(on_descriptor(ledger), *((os, name) for name in _READERS if hasattr(os, name)))


def on_descriptor(ledger: Ledger) -> Hook:
    """Return a hook for functions that are given a descriptor first."""

    def hook(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        number = args[0] if args else kwargs.get("fd")
        if type(number) is int and _is_asked_by_user(sys._getframe(1)):
            _refuse_stranger(number, ledger)

    return hook


def _refuse_stranger(number: int, ledger: Ledger) -> None:
    try:
        mode = _fstat(number).st_mode
    except OSError:
        return
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        raise NotReplayable("it reads from a pipe or socket by its descriptor")
    if number <= _STANDARD or not stat.S_ISREG(mode):
        return
    path = folder_of(number)
    is_known = path in ledger.read or path in ledger.wrote or not ledger.scope.counts(path)
    if not is_known and not path.endswith(" (deleted)"):
        raise NotReplayable(f"it reads `{path}` by a descriptor that an earlier cell opened")


def _is_asked_by_user(frame: FrameType | None) -> bool:
    while frame is not None:
        owner = owner_of(frame.f_code.co_filename)
        if owner != "own" and os.path.basename(frame.f_code.co_filename) not in _PASSING:
            return owner == "user"
        frame = frame.f_back
    return False
