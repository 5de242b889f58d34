"""Reading by a descriptor: no key tells what waits in a pipe, or where an open file stands.

A descriptor is a number, and most that take one (``mmap``, ``FileIO``, ``sendfile``, a child
process) are no functions that could be watched. So files that earlier cells left open count
where a run is handed a number that is theirs: by what they hold, and they may not be moved.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from os import SEEK_CUR
from os import fstat as _fstat
from os import lseek as _lseek
from types import FrameType
from typing import Any

from nbcache.deps.askers import folder_of
from nbcache.deps.file_ledger import Ledger
from nbcache.deps.local import loaded_local_names
from nbcache.deps.patching import Patches
from nbcache.deps.places import owner_of
from nbcache.deps.wrapped import Hook
from nbcache.errors import NotReplayable

_READERS = ("read", "readv", "pread", "preadv", "fstat")
_PASSING = frozenset({"os.py", "<frozen os>", "interactiveshell.py"})
"""Where ``os.fdopen`` stands, and the ``open`` that IPython gives to cells."""

_STANDARD = 2
"""The last descriptor of the standard streams."""

_COPY = "_original_stdstream_copy"
"""Where ipykernel's streams tell the descriptor of what they stand before."""


@dataclass(frozen=True, slots=True)
class Held:
    """A file that was open before the run: its descriptor, its path, and where it stood."""

    number: int
    path: str
    position: int

    def refuse_if_moved(self) -> None:
        """Raise NotReplayable if the run read on in it, wrote to it or closed it."""
        if held_by(self.number) != self:
            raise NotReplayable(
                f"it uses `{self.path}` by a descriptor that an earlier cell opened"
            )


_TAKERS = frozenset(
    {"mmap", "os", "posix", "io", "_io", "fcntl", "socket", "select", "selectors", "subprocess"}
    | {"asyncio", "multiprocessing", "tty", "pty", "termios", "signal", "ctypes", "array"}
)
"""Modules whose functions take descriptors."""

_BY_NUMBER = re.compile(
    r"mmap|fileio|sendfile|fd|std(in|out|err)|dup|seek|splice|copy_file|fileno|descr|eval|exec"
    r"|getattr|import|__\w+__|globals|locals|vars|^[ \t]*(%(?!%cache\b)|!)|=[ \t]*[%!]",
    re.IGNORECASE | re.MULTILINE,
)
"""Words of texts that may use a number as a descriptor."""


def may_take_descriptors(source: str, reached: Iterable[str] | None) -> bool:
    """Tell whether a run of this text that reaches some modules may be given a descriptor.

    Most numbers are none, and which files are open says nothing to who only counts with them.
    """
    if not source or reached is None or loaded_local_names():
        return True
    tops = {name.partition(".")[0] for name in reached}
    return not _TAKERS.isdisjoint(tops) or _BY_NUMBER.search(source) is not None


def held_by(number: int) -> Held | None:
    """Return the regular file that is open under a number, None if there is no such."""
    try:
        if not stat.S_ISREG(_fstat(number).st_mode):
            return None
        return Held(number, folder_of(number), _lseek(number, 0, SEEK_CUR))
    except (OSError, OverflowError, NotReplayable):  # the path: on Linux alone
        return None


def note_held(ledger: Ledger, numbers: Iterable[int]) -> list[Held]:
    """Count the open files of these numbers by what they hold; return them.

    Those that the process's own output goes to are no cell's: small numbers are many inputs.
    """
    kept = (getattr(one, _COPY, None) for one in (sys.stdout, sys.stderr))
    streams = {_file_of(number) for number in (*range(_STANDARD + 1), *kept) if number is not None}
    asked = [number for number in sorted(numbers) if _file_of(number) not in streams]
    found = [one for one in map(held_by, asked) if one and ledger.scope.counts(one.path)]
    for one in found:
        if one.path.endswith(_DELETED):
            raise NotReplayable("it is handed the descriptor of a file that has no name any more")
        ledger.note_read(one.path)
        ledger.held.add(one.number)
    return found


_DELETED = " (deleted)"


def _file_of(number: int) -> tuple[int, int] | None:
    """Return what tells the file that is open under a number from others; None if there is none."""
    try:
        status = _fstat(number)
    except (OSError, OverflowError):
        return None
    return status.st_dev, status.st_ino


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
    is_known = (path in ledger.read or path in ledger.wrote) and number not in ledger.held
    if ledger.scope.counts(path) and not is_known and not path.endswith(_DELETED):
        raise NotReplayable(f"it reads `{path}` by a descriptor that an earlier cell opened")


def _is_asked_by_user(frame: FrameType | None) -> bool:
    while frame is not None:
        owner = owner_of(frame.f_code.co_filename)
        if owner != "own" and os.path.basename(frame.f_code.co_filename) not in _PASSING:
            return owner == "user"
        frame = frame.f_back
    return False
