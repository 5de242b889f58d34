"""What forked children touch, told to the run of their parent.

A child carries the patches of the run, but what it notes would die with it, and reading the
native events would take them from the parent. So it writes a line for each touch into a file
that both know by name; the parent reads it when the run is over.
"""

from __future__ import annotations

import itertools
import json
import os
import tempfile
from collections.abc import Iterator
from os import getpid as _getpid
from os import open as _os_open
from os import write as _write
from typing import Any

_open = open  # captured now: our own reads are no user's reads
_numbers = itertools.count()
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND


class Relay:
    """The way from the children of one run to their parent; nothing exists before it is used."""

    __slots__ = ("_folder", "_name", "_parent", "_sent")

    def __init__(self) -> None:
        self._parent = _getpid()
        self._name = f".nbcache-forked-{self._parent}-{next(_numbers)}"
        self._folder = tempfile.tempdir or "/tmp"
        self._sent: set[str] = set()

    @property
    def is_child(self) -> bool:
        """Whether this process is not the one in which the run began."""
        return _getpid() != self._parent

    @property
    def path(self) -> str:
        """The file that children write to."""
        return os.path.join(self._folder, self._name)

    def send(self, *touch: Any) -> None:
        """Write down one touch; in a child."""
        line = json.dumps(touch) + "\n"
        if line in self._sent:
            return
        self._sent.add(line)
        descriptor = _os_open(self.path, _FLAGS, 0o600)
        try:
            _write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def take(self) -> Iterator[list[Any]]:
        """Yield what the children wrote, and remove the file."""
        try:
            with _open(self.path, encoding="utf-8") as stream:
                lines = stream.readlines()
            os.unlink(self.path)
        except FileNotFoundError:
            return
        yield from map(json.loads, lines)
