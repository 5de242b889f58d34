"""Storing large buffers as blobs, at about the price of writing their bytes to a plain file.

The digest that names a blob is computed while its bytes are written, chunk by chunk from the
processor's cache, into a file that gets its name afterwards. Once a buffer turns out to share
pieces with what is there, its other pieces are looked for before they are written.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import xxhash

from nbcache.errors import StoreError
from nbcache.store.blob_lock import holding_blobs, note_reuse, read_reuse
from nbcache.store.blobs import has_known_length, is_verified, path_of, settle
from nbcache.store.folder import (
    give_name,
    has_safe_folder,
    make_private_folder,
    open_own_file,
    write_nameless_file,
)
from nbcache.store.lanes import Check, work_in_lanes
from nbcache.store.pieces import (
    MAP_FROM_BYTES,
    Pieces,
    blob_name,
    choose_piece_bytes,
    cut,
    raw_view,
)
from nbcache.store.stamps import Stamp, stamp_of

_READ_BYTES = 1 << 20
_CHUNK_BYTES = 256 << 10
"""Small enough for a processor's cache, large enough for the price of a call to vanish."""

_STREAM_FROM_BYTES = 2 << 20
"""Smaller pieces stay in the cache between their digest and the writing anyway."""

_ATTEMPTS = 3
_MODE = 0o400

_Source = tuple[Iterable[memoryview], Callable[[], str]]
"""The chunks of a blob, and what tells its digest once all were written."""


class BlobWriter:
    """Puts buffers into a folder of blobs; ``stamps`` tells of those that it wrote or checked."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.stamps: dict[str, Stamp | None] = {}
        """None for what is too small to be mapped, since it is verified whenever it is copied."""
        self._new: set[str] = set()
        self._finds = False
        self._naming = threading.Lock()

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
        pieces = Pieces(size, view.nbytes, tuple(self._write_parts(parts)))
        if view.nbytes < MAP_FROM_BYTES:
            self.stamps.update(dict.fromkeys(pieces.names))
        return pieces

    def _write_parts(self, parts: Sequence[memoryview]) -> list[str]:
        """Store the pieces of a buffer and return their digests.

        The first of many tells whether the others are worth a look before they are written.
        """
        size = parts[0].nbytes
        if size < _STREAM_FROM_BYTES:
            return [self._find_or_put(part)[0] for part in parts]
        self._finds = len(parts) == 1 and has_known_length(size)
        first = []
        if len(parts) > 1:
            digest, self._finds = self._find_or_put(parts[0])
            first, parts = [digest], parts[1:]
        return first + work_in_lanes(self._store, parts)

    def _store(self, part: memoryview, check: Check) -> str:
        digest, was_there = (
            self._find_or_put(part) if self._finds else self._put_streaming(part, check)
        )
        self._finds = self._finds or was_there
        return digest

    def _find_or_put(self, part: memoryview) -> tuple[str, bool]:
        """Store a piece that may well be there; return its digest, and whether it was."""
        digest = xxhash.xxh3_128_hexdigest(part)
        name = blob_name(digest, part.nbytes)
        if self._find(name):
            return digest, True
        self._write(lambda: ([part], lambda: digest), part.nbytes)
        return digest, False

    def _put_streaming(self, part: memoryview, check: Check) -> tuple[str, bool]:
        """Store a piece that is new in all likelihood; return its digest, and whether it was not.

        It is written under no name, which its digest gives it at the end.
        """

        def begin() -> tuple[Iterator[memoryview], Callable[[], str]]:
            state = xxhash.xxh3_128()
            return _digesting(part, state.update, check), state.hexdigest

        return self._write(begin, part.nbytes)

    def _write(self, begin: Callable[[], _Source], size: int) -> tuple[str, bool]:
        """Write a blob; begin again when another process removed the folder under us."""
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(FileNotFoundError):
                return self._write_once(*begin(), size)
            make_private_folder(self._folder)
        return self._write_once(*begin(), size)

    def _write_once(
        self, chunks: Iterable[memoryview], tell_digest: Callable[[], str], size: int
    ) -> tuple[str, bool]:
        temporary, written = write_nameless_file(self._folder, chunks, _MODE, size)
        digest = tell_digest()
        return digest, self._name(temporary, blob_name(digest, size), written)

    def _name(self, temporary: str, name: str, written: os.stat_result) -> bool:
        """Give a file its name, unless the same blob is there; tell whether it was."""
        path = path_of(self._folder, name)
        try:
            with self._naming:
                if self._find(name):
                    os.unlink(temporary)
                    return True
                make_private_folder(os.path.dirname(path))
                before, after = stamp_of(written), stamp_of(give_name(temporary, path))
                self._new.add(name)
                # Its new name moves the change time, and what others do meanwhile does too.
                self.stamps[name] = settle(path, after if after[:4] == before[:4] else None)
                return False
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def _find(self, name: str) -> bool:
        """Whether a blob is there and right; then it is noted as one of ours."""
        if name in self.stamps:
            return True
        path = path_of(self._folder, name)
        is_there = os.path.lexists(path)
        note_reuse(self._folder, name, is_there=is_there)
        known = is_verified(path)
        if known is not None:
            self.stamps[name] = known
            return True
        digest, _, size = name.partition("-")
        found, stamp = _check(path, int(size), digest) if is_there else (False, None)
        if found:
            self.stamps[name] = settle(path, stamp)
        return found


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


def _digesting(
    part: memoryview, update: Callable[[memoryview], None], check: Check
) -> Iterator[memoryview]:
    """Yield a piece chunk by chunk, each right after it was digested."""
    for start, end in cut(part.nbytes, _CHUNK_BYTES):
        check()
        update(part[start:end])
        yield part[start:end]


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
