"""Large buffers as files named by their content, shared between the entries of a store.

``<location>/joblib/nbcache/blobs/<first 2 digits>/<digest>-<length>``, written once, never changed.
A blob that is missing or damaged makes the entries that need it a miss, never a wrong value.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import xxhash

from nbcache.errors import DamagedEntry, StoreError
from nbcache.store.blob_lock import holding_blobs, note_reuse, read_reuse
from nbcache.store.folder import (
    TEMPORARY_PREFIX,
    has_safe_folder,
    make_private_folder,
    open_own_file,
    write_new_file,
)
from nbcache.store.mapping import map_pieces
from nbcache.store.pieces import (
    BLOB_FROM_BYTES,
    MAP_FROM_BYTES,
    Pieces,
    blob_name,
    choose_piece_bytes,
    cut,
    raw_view,
)
from nbcache.store.stamps import Stamp, can_tell_writes, stamp_of

FOLDER = ("nbcache", "blobs")
_READ_BYTES = 1 << 20
_AHEAD_FROM_BYTES = 1 << 20
_ATTEMPTS = 3
_MODE = 0o400
_MOST_VERIFIED = 50_000

Fetched = bytearray | memoryview


_verified: dict[str, Stamp] = {}
"""The stamps of blobs that this process wrote or verified, by their path."""


class BlobWriter:
    """Puts buffers into a folder of blobs; ``stamps`` tells of those that it wrote or checked."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.stamps: dict[str, Stamp | None] = {}
        """None for what is too small to be mapped, since it is verified whenever it is copied."""
        self._new: set[str] = set()

    def forget(self) -> None:
        """Remove what was written, since the entry could not be; not what others need by now."""
        with contextlib.suppress(OSError):
            for name in self._new - read_reuse(self._folder):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path_of(self._folder, name))

    def write(self, buffer: Any) -> Pieces:
        """Store a buffer that lies in one piece of memory; blobs that are there stay."""
        size, view = choose_piece_bytes(buffer), raw_view(buffer)
        parts = [view[start:end] for start, end in cut(view.nbytes, size)]
        digests = []
        with contextlib.closing(_digest_ahead(parts)) as ahead:
            for part, digest in zip(parts, ahead, strict=True):
                self._put(part, digest)
                digests.append(digest)
        pieces = Pieces(size, view.nbytes, tuple(digests))
        if view.nbytes < MAP_FROM_BYTES:
            self.stamps.update(dict.fromkeys(pieces.names))
        return pieces

    def _put(self, part: memoryview, digest: str) -> None:
        name = blob_name(digest, part.nbytes)
        if name in self.stamps:
            return
        path = path_of(self._folder, name)
        note_reuse(self._folder, name, is_there=os.path.lexists(path))
        if path in _verified and _verified[path] == _stamp_at(path):
            self.stamps[name] = _verified[path]
            return
        found, stamp = _check(path, part.nbytes, digest)
        if not found:
            stamp = self._write(path, part)
            self._new.add(name)
        self.stamps[name] = _settle(path, stamp)

    def _write(self, path: str, part: memoryview) -> Stamp | None:
        """Write a blob; begin again when another process removed the folder under us."""
        for attempt in range(_ATTEMPTS):
            try:
                make_private_folder(os.path.dirname(path))
                before, after = map(stamp_of, write_new_file(path, [part], _MODE))
            except FileNotFoundError:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                # Its new name moves the change time, and what others do meanwhile does too.
                return after if after[:4] == before[:4] else None
        return None


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
        for path, size in zip(paths, pieces.lengths, strict=True):
            _check_size(path, os.lstat(path).st_size, size)
        if self._map_from_bytes is not None and pieces.length >= self._map_from_bytes:
            mapped = self._map(pieces, paths)
            if mapped is not None:
                return mapped
        return self._copy(pieces, paths)

    def _map(self, pieces: Pieces, paths: Sequence[str]) -> memoryview | None:
        with contextlib.ExitStack() as opened:
            files = [opened.enter_context(open_own_file(path)) for path in paths]
            before = [stamp_of(os.fstat(file.fileno())) for file in files]
            for path, stamp, size in zip(paths, before, pieces.lengths, strict=True):
                _check_size(path, stamp.size, size)
            names, numbers = pieces.names, [file.fileno() for file in files]
            view = map_pieces(list(zip(numbers, pieces.lengths, strict=True)), pieces.piece_bytes)
            if view is None:
                return None
            for number, (start, end) in enumerate(cut(pieces.length, pieces.piece_bytes)):
                name = names[number]
                self.stamps[name] = before[number]
                if self._known.get(name) != before[number]:
                    _compare(paths[number], view[start:end], pieces.digests[number])
                    self.stamps[name] = self._stamp_again(
                        paths[number], before[number], numbers[number]
                    )
        return view

    def _stamp_again(self, path: str, before: Stamp, descriptor: int) -> Stamp | None:
        """Return the stamp of what was just read, None if it may be another by now."""
        after = stamp_of(os.fstat(descriptor))
        return _settle(path, after) if after == before else None

    def _copy(self, pieces: Pieces, paths: Sequence[str]) -> bytearray:
        whole = bytearray(pieces.length)
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
    return os.path.join(folder, name[:2], name)


def is_large(buffer: Any) -> bool:
    """Whether a buffer becomes blobs."""
    return memoryview(buffer).nbytes >= BLOB_FROM_BYTES


@contextlib.contextmanager
def writing_blobs(folder: str) -> Iterator[BlobWriter]:
    """Give what stores blobs; none is collected before the entry that needs them is there.

    Raises ``StoreUnavailable`` for a folder that is not ours alone.
    """
    if not has_safe_folder(folder):
        make_private_folder(folder)
        has_safe_folder(folder)
    with holding_blobs(folder) as is_alone:
        writer = BlobWriter(folder)
        try:
            yield writer
        except BaseException:
            if is_alone():
                writer.forget()
            raise


def list_blobs(folder: str) -> Iterator[os.DirEntry[str]]:
    """Yield every blob, and what a killed process left unfinished; what vanishes is left out."""
    for shard in _scan(folder):
        if len(shard.name) == 2 and shard.is_dir(follow_symlinks=False):
            for found in _scan(shard.path):
                if found.name.startswith((shard.name, TEMPORARY_PREFIX)):
                    yield found


def _scan(folder: str) -> list[os.DirEntry[str]]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return list(entries)
    return []


def _settle(path: str, stamp: Stamp | None) -> Stamp | None:
    """Keep and return the stamp of a blob that is right, None where it would tell nothing."""
    if stamp is None or not can_tell_writes(stamp, os.path.dirname(path)):
        _verified.pop(path, None)
        return None
    if len(_verified) >= _MOST_VERIFIED:
        _verified.clear()
    _verified[path] = stamp
    return stamp


def _stamp_at(path: str) -> Stamp | None:
    """Return the stamp of the file that lies there."""
    try:
        return stamp_of(os.lstat(path))
    except OSError:
        return None


def _check(path: str, size: int, digest: str) -> tuple[bool, Stamp | None]:
    """Whether a blob is there and right, and its stamp; one that is damaged is to be replaced."""
    try:
        with open_own_file(path) as file:
            before = stamp_of(os.fstat(file.fileno()))
            state = xxhash.xxh3_128()
            for chunk in iter(lambda: file.read(_READ_BYTES), b"") if before.size == size else ():
                state.update(chunk)
            after = stamp_of(os.fstat(file.fileno()))
    except (OSError, StoreError):
        return False, None
    is_right = before.size == size and state.hexdigest() == digest
    return is_right, after if before == after else None


def _fill(file: Any, view: memoryview) -> int:
    """Read a file into memory and return how many bytes came."""
    return int(file.readinto(view))


def _check_size(path: str, found: int | None, expected: int) -> None:
    if found != expected:
        raise DamagedEntry(f"The blob {path} has {found} bytes instead of {expected}.")


def _compare(path: str, data: memoryview, digest: str) -> None:
    if xxhash.xxh3_128_hexdigest(data) != digest:
        raise DamagedEntry(f"The blob {path} is not what was written.")


def _digest_ahead(parts: Sequence[memoryview]) -> Generator[str, None, None]:
    """Yield the digest of each part; that of the next one is computed while one is written."""
    if len(parts) < 2 or parts[0].nbytes < _AHEAD_FROM_BYTES:
        yield from map(xxhash.xxh3_128_hexdigest, parts)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="nbcache-digest") as pool:
        ahead = _begin(pool, parts[0])
        for following in parts[1:]:
            found = ahead()
            ahead = _begin(pool, following)
            yield found
        yield ahead()


def _begin(pool: ThreadPoolExecutor, part: memoryview) -> Callable[[], str]:
    """Return what waits for a digest; where no thread can be had, it computes it."""
    try:
        return pool.submit(xxhash.xxh3_128_hexdigest, part).result
    except RuntimeError:  # the interpreter is on its way out
        return lambda: xxhash.xxh3_128_hexdigest(part)
