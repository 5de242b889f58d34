"""Which stored run of a cell was the last: what a new kernel compares with to say what moved.

A pointer is a file that holds the name of an entry. It is found under the digest of the cell's
source, under its id, or under its first line, so that an edited cell is still known. Nothing is
ever served through a pointer; a lost one costs an explanation.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
from collections.abc import Iterable, Iterator

from nbcache.store.folder import make_private_folder

MOST_IN_SHARD = 64
"""Pointers kept in each of the 256 folders; the oldest go first."""

_ROOM = 16
"""So many more of the oldest go at a time: finding out which they are takes a look at each."""

_WRITE = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
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
                self._write(self._path(name), entry_name)

    def last(self, names: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield key and variant of the last stored runs under each name, the surest first."""
        for name in names if self._folder else ():
            with contextlib.suppress(OSError):
                with open(self._path(name), encoding="ascii", errors="replace") as file:
                    found = file.read(200).strip()
                if _NAME.fullmatch(found):
                    key, _, variant = found.partition(".")
                    yield key, variant

    def _path(self, name: str) -> str:
        digest = _digest(name)
        return f"{self._folder}{os.sep}{digest[:2]}{os.sep}{digest[2:]}"

    def _write(self, path: str, text: str) -> None:
        shard = os.path.dirname(path)
        try:
            descriptor = os.open(path, _WRITE, 0o666)
        except FileNotFoundError:
            make_private_folder(shard)
            descriptor = os.open(path, _WRITE, 0o666)
        try:
            size = os.fstat(descriptor).st_size
            if size > len(text):
                os.ftruncate(descriptor, 0)
            os.write(descriptor, text.encode("ascii"))
        finally:
            os.close(descriptor)
        if not size:
            self._thin_out(shard)

    def _thin_out(self, shard: str) -> None:
        if len(os.listdir(shard)) <= MOST_IN_SHARD:
            return
        with os.scandir(shard) as entries:
            found = [(entry.stat().st_mtime_ns, entry.path) for entry in entries]
        for _, old in sorted(found)[: _ROOM - MOST_IN_SHARD]:
            os.unlink(old)
