"""Large buffers as files named by their content, shared between the entries of a store.

``<location>/joblib/nbcache/blobs/<first 2 digits>/<digest>-<length>``, written once, never changed.
A blob that is missing or damaged makes the entries that need it a miss, never a wrong value.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import xxhash

from nbcache.errors import DamagedEntry
from nbcache.own_memory import new_memory
from nbcache.store.folder import TEMPORARY_PREFIX, open_own_descriptor, open_own_file
from nbcache.store.mapping import map_pieces
from nbcache.store.pieces import Pieces, cut
from nbcache.store.stamps import Stamp, can_tell_writes, stamp_of

_MOST_VERIFIED = 50_000

Fetched = bytearray | memoryview


_verified: dict[str, Stamp] = {}
"""The stamps of blobs that this process wrote or verified, by their path."""

_lengths: set[int] = set()
"""The lengths of those: what is as long may well be the same again."""


class BlobReader:
    """Gets buffers back; blobs whose stamp holds are mapped unread, all others are verified."""

    def __init__(
        self, folder: str, stamps: dict[str, Stamp], map_from_bytes: int | None = None
    ) -> None:
        self._folder = folder
        self._known = stamps
        self._map_from_bytes = map_from_bytes
        self.stamps: dict[str, Stamp | None] = {}
        """Of all blobs that were fetched, as they are now."""

    @property
    def has_news(self) -> bool:
        """Whether a blob was verified whose stamp was not known."""
        return any(one and self._known.get(name) != one for name, one in self.stamps.items())

    def fetch(self, pieces: Pieces) -> Fetched:
        """Return the verified bytes, writable and the caller's own.

        Raises:
            DamagedEntry: a blob is not what was written.
            FileNotFoundError: a blob is gone.
        """
        paths = [path_of(self._folder, name) for name in pieces.names]
        if self._map_from_bytes is not None and pieces.length >= self._map_from_bytes:
            mapped = self._map(pieces, paths)
            if mapped is not None:
                return mapped
        return self._copy(pieces, paths)

    def _map(self, pieces: Pieces, paths: Sequence[str]) -> memoryview | None:
        numbers: list[int] = []
        before: list[Stamp] = []
        try:
            sizes = pieces.lengths
            for path, size in zip(paths, sizes, strict=True):
                number, status = open_own_descriptor(path)
                numbers.append(number)
                before.append(stamp_of(status))
                _check_size(path, status.st_size, size)
            view = map_pieces(list(zip(numbers, sizes, strict=True)), pieces.piece_bytes)
            if view is not None:
                self._verify(pieces, paths, view, list(zip(numbers, before, strict=True)))
            return view
        finally:
            for number in numbers:
                os.close(number)

    def _verify(
        self,
        pieces: Pieces,
        paths: Sequence[str],
        view: memoryview,
        opened: Sequence[tuple[int, Stamp]],
    ) -> None:
        """Compare the pieces whose stamps are not known with their digests."""
        step = pieces.piece_bytes
        for number, (descriptor, stamp) in enumerate(opened):
            name = os.path.basename(paths[number])
            self.stamps[name] = stamp
            if self._known.get(name) != stamp:
                piece = view[number * step : (number + 1) * step]
                _compare(paths[number], piece, pieces.digests[number])
                self.stamps[name] = self._stamp_again(paths[number], stamp, descriptor)

    def _stamp_again(self, path: str, before: Stamp, descriptor: int) -> Stamp | None:
        """Return the stamp of what was just read, None if it may be another by now."""
        after = stamp_of(os.fstat(descriptor))
        return settle(path, after) if after == before else None

    def _copy(self, pieces: Pieces, paths: Sequence[str]) -> Fetched:
        for path, size in zip(paths, pieces.lengths, strict=True):
            _check_size(path, os.lstat(path).st_size, size)
        length, is_far = pieces.length, self._map_from_bytes is None
        whole: Fetched = bytearray(length) if is_far else new_memory(length)
        view = memoryview(whole)
        places = cut(pieces.length, pieces.piece_bytes)
        for path, name, digest, (start, end) in zip(
            paths, pieces.names, pieces.digests, places, strict=True
        ):
            with open_own_file(path) as file:
                stamp = stamp_of(os.fstat(file.fileno()))
                _check_size(path, stamp.size, end - start)
                _check_size(path, _fill(file, view[start:end]), end - start)
                _compare(path, view[start:end], digest)
                self.stamps[name] = None
                self._stamp_again(path, stamp, file.fileno())
        return whole


def path_of(folder: str, name: str) -> str:
    """Return the path of a blob."""
    return f"{folder}{os.sep}{name[:2]}{os.sep}{name}"


def list_blobs(folder: str) -> Iterator[os.DirEntry[str]]:
    """Yield every blob, and what a killed process left unfinished; what vanishes is left out."""
    for shard in _scan(folder):
        if shard.name.startswith(TEMPORARY_PREFIX):
            yield shard
        elif len(shard.name) == 2 and shard.is_dir(follow_symlinks=False):
            for found in _scan(shard.path):
                if found.name.startswith((shard.name, TEMPORARY_PREFIX)):
                    yield found


def _scan(folder: str) -> list[os.DirEntry[str]]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return list(entries)
    return []


def settle(path: str, stamp: Stamp | None) -> Stamp | None:
    """Keep and return the stamp of a blob that is right, None where it would tell nothing."""
    if stamp is None or not can_tell_writes(stamp, os.path.dirname(path)):
        _verified.pop(path, None)
        return None
    if len(_verified) >= _MOST_VERIFIED:
        _verified.clear()
    _verified[path] = stamp
    _lengths.add(stamp.size)
    return stamp


def is_verified(path: str) -> Stamp | None:
    """Return the stamp of a blob that this process knows to be right, None of any other."""
    known = _verified.get(path)
    with contextlib.suppress(OSError):
        if known is not None and stamp_of(os.lstat(path)) == known:
            return known
    return None


def has_known_length(length: int) -> bool:
    """Whether this process wrote or verified a blob of that length."""
    return length in _lengths


def _fill(file: Any, view: memoryview) -> int:
    """Read a file into memory and return how many bytes came."""
    return int(file.readinto(view))


def _check_size(path: str, found: int | None, expected: int) -> None:
    if found != expected:
        raise DamagedEntry(f"The blob {path} has {found} bytes instead of {expected}.")


def _compare(path: str, data: memoryview, digest: str) -> None:
    if xxhash.xxh3_128_hexdigest(data) != digest:
        raise DamagedEntry(f"The blob {path} is not what was written.")
