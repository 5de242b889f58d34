"""Manifests, and small values, that this process verified, while their files stand unchanged.

Any write to a file, and any change of its owner, mode or links, moves its change time, which
nobody can set. So a manifest holds while device, inode, size and times are what they were, if
the last change lay a while back when it was read: two changes within one tick look like one.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator

from nbcache.entry import Body, Entry
from nbcache.store.shards import is_settled

_MOST = 2048
_LARGEST_BYTES = 16 << 10

_Mark = tuple[int, int, int, int, int]


class Manifests:
    """Entries by the path of their file; ``clock`` gives Unix nanoseconds."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._known: dict[str, tuple[_Mark, Entry]] = {}
        self._bodies: dict[str, tuple[_Mark, bytes]] = {}

    def load(
        self, path: str, read: Callable[[], tuple[Entry, Body]], *, anew: bool = False
    ) -> tuple[Entry, Body]:
        """Return what a file holds, which is its last use; ``read`` reads and verifies it.

        Small values that were verified once are kept, unless they are asked for ``anew``. The
        use is marked to the nanosecond: whoever writes to the file later leaves another moment.
        """
        with _holding(path) as held:
            entry, body = (not anew and self._kept(path)) or read()
            used_at = self._clock()
            try:
                os.utime(path, ns=(used_at, used_at))
                status = os.lstat(path)
            except OSError:
                return entry, body
            mark, is_small = _mark_of(status), status.st_size <= _LARGEST_BYTES
            # While it is held no other file can be taken for the one that was read.
            is_same = held is not None and mark == _mark_of(os.fstat(held))
        if is_small and is_same and status.st_mtime_ns == used_at and not body.buffers:
            self._keep(path, mark, entry)
            self._bodies[path] = mark, body.stream
        return entry, body

    def _kept(self, path: str) -> tuple[Entry, Body] | None:
        """Return what was kept of a file, if that stands as it was when it was used last."""
        body, known = self._bodies.pop(path, None), self._known.get(path)
        # A manifest may be of a later file than the values that were kept.
        if body is None or known is None or not body[0] == known[0] == _mark_of(os.lstat(path)):
            return None
        return known[1], Body(body[1])

    def _keep(self, path: str, mark: _Mark, entry: Entry) -> None:
        if len(self._known) >= _MOST:
            self._known.clear()
            self._bodies.clear()
        self._known[path] = mark, entry

    def get(self, path: str, read: Callable[[], tuple[Entry, os.stat_result]]) -> Entry:
        """Return the manifest of a file, which ``read`` reads and verifies where it must be.

        It gives what the file was just before as well.
        """
        known = self._known.get(path)
        if known is not None and known[0] == _mark_of(os.lstat(path)):
            return known[1]
        now = self._clock()
        entry, status = read()
        mark = _mark_of(status)
        if mark[2] <= _LARGEST_BYTES and is_settled(mark[4], now):
            self._keep(path, mark, entry)
        return entry


@contextlib.contextmanager
def _holding(path: str) -> Iterator[int | None]:
    """Keep a file open, so that its inode is nobody else's; None where that cannot be told."""
    held = None
    if os.name == "posix":
        with contextlib.suppress(OSError):
            held = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield held
    finally:
        if held is not None:
            os.close(held)


def _mark_of(status: os.stat_result) -> _Mark:
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
