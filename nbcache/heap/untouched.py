"""Digests of large memory that nobody has written to since: they are not computed again.

Memory that was met twice with the same contents is put under watch (``protection``); from then on
its digest holds until a page of it is written. Watching costs whoever writes next about as much as
two digests, so memory whose watch did not pay has to be met unchanged twice as often the next time.
What lies at its ends, on pages that it shares with its neighbours, is compared byte by byte.
``NBCACHE_TRACK_WRITES=0`` turns all of this off.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping

from nbcache.heap.blob_maps import BlobMaps
from nbcache.heap.protection import Protection

FROM_BYTES = 4 << 20
"""Smaller memory is digested as quickly as asked for."""

MOST = 256
"""Places that are remembered; each that is watched takes the kernel a mapping or two."""

_TWICE = 2
_PAID = 4
"""A watch that spared so many digests has paid, whoever writes then."""

_NEVER = 1 << 30


class _Sighting:
    """What is known of one place in memory."""

    __slots__ = (
        "digest",
        "ends",
        "is_known",
        "is_watched",
        "pass_number",
        "span",
        "times",
        "wanted",
    )

    def __init__(self) -> None:
        self.digest = b""
        self.times, self.wanted = 0, _TWICE
        self.span, self.ends = (0, 0), b""
        self.pass_number = 0
        self.is_watched = False
        """The pages are watched since before the digest was computed last."""
        self.is_known = False
        """The digest holds for as long as the pages are untouched."""


class Untouched:
    """Remembers digests by place; two watched places never share a page."""

    def __init__(
        self, protect: Callable[[], Protection] = Protection, *, is_on: bool = True
    ) -> None:
        self.is_on = is_on
        self._make = protect
        self._made: Protection | None = None
        self._shown: BlobMaps | None = None
        self.forget()

    def forget(self) -> None:
        """Know nothing any more, as in a process that was just forked."""
        self._lock = threading.RLock()
        self._seen: dict[tuple[int, int], _Sighting] = {}
        for one in (self._made, self._shown):
            if one is not None:
                one.close()
        self._made = self._shown = None
        self._process = os.getpid()

    def digest(self, address: int, memory: memoryview, compute: Callable[[], bytes]) -> bytes:
        """Return the digest of bytes, computed only where it may be another than before."""
        if self._process != os.getpid():  # forked by something that told nobody
            self.forget()
        with self._lock:
            known = self._seen.get((address, len(memory)))
            if known is not None and known.is_known and self._is_as_it_was(known, address, memory):
                known.times += 1
                return known.digest
            parts = self._blobs.parts(address, len(memory))
        if parts is not None:
            return self._blobs.digest(parts, address, compute)
        with self._lock:
            one = self._sighting(address, len(memory))
            number = self._begin(one, address, memory)
        found = compute()
        with self._lock:
            self._end(one, found, number)
        return found

    def expects(self, address: int, size: int) -> bool:
        """Tell whether the digest of bytes is known unless somebody has written to them since."""
        with self._lock:
            one = self._seen.get((address, size))
            return one is not None and one.is_known

    @property
    def _blobs(self) -> BlobMaps:
        if self._shown is None:
            self._shown = BlobMaps(self._lock)
        return self._shown

    @property
    def _protection(self) -> Protection:
        if self._made is None:
            self._made = self._make()
        return self._made

    def _sighting(self, address: int, size: int) -> _Sighting:
        one = self._seen.get((address, size))
        if one is None:
            if len(self._seen) >= MOST:
                self._release(self._seen.pop(next(iter(self._seen))))
            one = self._seen[address, size] = _Sighting()
        return one

    def _release(self, one: _Sighting) -> None:
        """Watch a place no longer; if it was written to, be slower to watch it again."""
        if one.is_known:
            has_paid = one.times >= one.wanted + _PAID
            one.times, one.wanted = 0, _TWICE if has_paid else min(2 * one.wanted, _NEVER)
        if one.is_watched:
            self._protection.release(*one.span)
        one.is_watched = one.is_known = False
        one.pass_number += 1

    def _is_as_it_was(self, one: _Sighting, address: int, memory: memoryview) -> bool:
        is_same = self._protection.is_untouched(*one.span)
        return is_same and _ends(memory, address, one.span) == one.ends

    def _begin(self, one: _Sighting, address: int, memory: memoryview) -> int:
        """Watch the pages from before they are read, where they have been the same for long."""
        self._release(one)
        if one.times + 1 >= one.wanted and self._protection.is_there:
            one.span = self._protection.pages(address, len(memory))
            if self._is_free(*one.span):
                one.is_watched = self._protection.protect(*one.span)
                one.wanted = one.wanted if one.is_watched else _NEVER
                one.ends = _ends(memory, address, one.span) if one.is_watched else b""
        return one.pass_number

    def _is_free(self, start: int, end: int) -> bool:
        """Tell whether no page is watched for another place; what was written to goes."""
        for other in self._seen.values():
            if other.is_watched and other.span[0] < end and start < other.span[1]:
                if not other.is_known or self._protection.is_untouched(*other.span):
                    return False
                self._release(other)
        return True

    def _end(self, one: _Sighting, found: bytes, number: int) -> None:
        """Keep the digest, unless another thread has begun on the same memory meanwhile."""
        if number != one.pass_number:
            return
        is_same = found == one.digest
        one.digest, one.times = found, one.times + 1 if is_same else 1
        one.is_known = is_same and one.is_watched
        if not one.is_known:
            self._release(one)


def _ends(memory: memoryview, address: int, span: tuple[int, int]) -> bytes:
    """Return what lies before and behind whole pages."""
    return bytes(memory[: span[0] - address]) + bytes(memory[span[1] - address :])


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Tell whether writes may be tracked."""
    asked = environment.get("NBCACHE_TRACK_WRITES", "").strip().lower()
    return asked not in ("0", "false", "no", "off")


UNTOUCHED = Untouched(is_on=is_wanted(os.environ))
"""What this process knows."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=UNTOUCHED.forget)
