"""Digests of large arrays, computed by a second thread while the walk goes over objects.

The thread lives as long as one pass of a walk. Whoever comes to an array first digests it; the
other one goes on to the next. Where no thread can be had the walk does it all.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

FROM_BYTES = 1 << 20
"""Smaller arrays are not worth the hand-over."""

_WORTH_BYTES = 8 << 20
_FEW = 64
"""Containers with more members are not looked through."""

Content = Callable[[Any], bytes]
"""Returns the digest of an array's elements."""


class _Job:
    __slots__ = ("array", "content", "found", "turn")

    def __init__(self, array: Any, content: Content) -> None:
        self.array = array
        self.content = content
        self.found: bytes | None = None
        self.turn = threading.Lock()

    def result(self) -> bytes:
        with self.turn:
            if self.found is None:
                self.found = self.content(self.array)
            return self.found


class Ahead:
    """What a second thread digests during one pass of a walk."""

    def __init__(self) -> None:
        self.met: dict[int, Any] = {}
        """The large arrays that were met in the walk, by their identity."""
        self._jobs: dict[int, _Job] = {}
        self._is_over = False

    @contextmanager
    def over(self, values: Iterable[Any]) -> Iterator[None]:
        """Digest the large arrays among these values for as long as the block lasts."""
        thread = self._start(list(_large_arrays(values)))
        try:
            yield
        finally:
            self._is_over = True
            if thread is not None:
                thread.join()
            self._jobs = {}

    def _start(self, arrays: list[Any]) -> threading.Thread | None:
        if sum(array.nbytes for array in arrays) < _WORTH_BYTES:
            return None
        from nbcache.heap.kinds.buffers import content

        self._jobs, self._is_over = {id(array): _Job(array, content) for array in arrays}, False
        unknown_bytes = sum(array.nbytes for array in arrays if not _is_expected(array))
        if unknown_bytes < _WORTH_BYTES or (os.cpu_count() or 1) < 2:
            return None
        # A name of its own keeps the count of unnamed threads, which a cell can see, as it is.
        thread = threading.Thread(target=self._work, name="nbcache-walk", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no thread can be started: the walk digests all
            return None
        return thread

    def _work(self) -> None:
        for job in list(self._jobs.values()):
            if self._is_over:
                return
            try:
                job.result()
            except Exception:
                return  # the walk will meet the same error, where it can be told

    def content(self, array: Any) -> bytes | None:
        """Return the digest of an array's elements, None if it is not one of the large ones."""
        job = self._jobs.get(id(array))
        if job is None:
            return None
        self.met[id(array)] = array
        return job.result()


def _is_expected(array: Any) -> bool:
    """Tell whether the digest was known at the last meeting, so that there is little to do."""
    from nbcache.heap.untouched import UNTOUCHED

    return UNTOUCHED.expects(array.__array_interface__["data"][0], array.nbytes)


def _large_arrays(values: Iterable[Any]) -> Iterator[Any]:
    """Yield the large arrays among values and among the members of their small containers."""
    numpy: Any = sys.modules.get("numpy")
    plain = getattr(numpy, "ndarray", None)
    if plain is None:
        return
    for value in values:
        members = _members(value)
        if plain not in map(type, members):
            continue
        for one in members:
            if type(one) is plain and one.nbytes >= FROM_BYTES and _is_simple(one):
                yield one


def _is_simple(array: Any) -> bool:
    """Tell whether the array's elements are bytes that lie side by side."""
    dtype, flags = array.dtype, array.flags
    return not dtype.hasobject and dtype.char not in "TgG" and flags.forc


def _members(value: Any) -> Collection[Any]:
    kind = type(value)
    if kind in (list, tuple) and len(value) <= _FEW:
        return list(value)
    if kind is dict and len(value) <= _FEW:
        return list(value.values())
    return (value,)
