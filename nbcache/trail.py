"""Which stored run of a cell was the last: what a new kernel compares with to say what moved.

A pointer is a line that holds the name of an entry. It is found under the digest of the cell's
source, under its id, or under its first line, so that an edited cell is still known. Nothing is
ever served through a pointer; a lost one costs an explanation.

Lines are added to 256 files, the last one counts: making a file takes longer than all of that.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
from collections.abc import Iterable, Iterator

from nbcache.store.folder import make_private_folder, write_whole_file

MOST_IN_SHARD = 64
"""Pointers that stay in a file that is written anew; the oldest go first."""

MOST_BYTES = 1 << 14
"""Length from which on a file is written anew."""

_LONGEST_BYTES = 1 << 18
_PLAIN = sum(getattr(os, name, 0) for name in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW"))
_WRITE = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _PLAIN
_NAME = re.compile(r"[0-9a-f]{32,64}\.[0-9a-f]{8,64}")


def cell_names(source_digest: str, cell_id: str, title: str, notebook: str) -> list[str]:
    """Return what a cell is known by, the surest first."""
    names = [f"source {source_digest}"]
    if cell_id:
        names.append(f"id {cell_id}")
    return [*names, f"title {notebook} {title}"]


@functools.lru_cache(maxsize=64)
def _digest(name: str) -> str:
    return hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=16).hexdigest()


class Trail:
    """The pointers in one folder; without a folder nothing is remembered."""

    def __init__(self, folder: str = "") -> None:
        self._folder = folder

    def note(self, names: Iterable[str], entry_name: str) -> None:
        """Remember that ``entry_name`` is the last stored run of a cell."""
        if not self._folder:
            return
        with contextlib.suppress(OSError):
            for name in names:
                path, mark = self._place(name)
                if _add(path, f"{mark} {entry_name}\n".encode()) > MOST_BYTES:
                    _thin_out(path)

    def last(self, names: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield key and variant of the last stored runs under each name, the surest first."""
        for name in names if self._folder else ():
            path, mark = self._place(name)
            _, _, rest = _read(path).rpartition(f"\n{mark} ")
            found, end, _ = rest.partition("\n")
            if end and _NAME.fullmatch(found):
                key, _, variant = found.partition(".")
                yield key, variant

    def _place(self, name: str) -> tuple[str, str]:
        """Return the file of a name's pointers, and how their lines begin."""
        digest = _digest(name)
        return f"{self._folder}{os.sep}{digest[:2]}.txt", digest[2:]


def _add(path: str, line: bytes) -> int:
    """Add a line by one write, so that those of several kernels do not mix; return the length."""
    try:
        descriptor = os.open(path, _WRITE, 0o600)
    except FileNotFoundError:
        make_private_folder(os.path.dirname(path))
        descriptor = os.open(path, _WRITE, 0o600)
    try:
        os.write(descriptor, line)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)


def _read(path: str) -> str:
    """Return what a file holds, after an empty line; nothing if there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _PLAIN)
        try:
            length = min(os.fstat(descriptor).st_size, _LONGEST_BYTES)
            return "\n" + os.read(descriptor, length).decode("ascii", "replace")
        finally:
            os.close(descriptor)
    except OSError:
        return ""


def _thin_out(path: str) -> None:
    """Keep the last pointer of each name, and of those the latest."""
    lines: dict[str, str] = {}
    for line in _read(path).split("\n")[1:-1]:
        mark = line.partition(" ")[0]
        lines.pop(mark, None)
        lines[mark] = line
    kept = list(lines.values())[-MOST_IN_SHARD:]
    write_whole_file(path, ["".join(f"{line}\n" for line in kept).encode("ascii", "replace")])
