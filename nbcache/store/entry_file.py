"""One entry in one file of its own folder: written whole, read after it was verified.

Its large buffers are blobs of the store; a second file names them, with their stamps.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

from nbcache.entry import Body, Entry
from nbcache.errors import DamagedEntry
from nbcache.store import stamps
from nbcache.store.folder import (
    make_private_folder,
    open_own_file,
    read_own_start,
    unavailable,
    write_whole_file,
)
from nbcache.store.format import decode_body, encode
from nbcache.store.header import PREFIX_BYTES, Manifest, header_length, read_manifest, unpack_header
from nbcache.store.pieces import MAP_FROM_BYTES, is_large

if TYPE_CHECKING:
    from nbcache.store.blobs import BlobReader

FILE_NAME = "output.nbc"
_ATTEMPTS = 5
_SHORT_HEAD_BYTES = 16384
_AT_ONCE_BYTES = 1 << 18
"""Smaller entries are written in one piece."""


def write_entry(
    folder: str, entry: Entry, body: Body, key: bytes, blobs: str | None = None
) -> Entry:
    """Store the entry in ``folder`` and return it with its size; replaces an earlier one.

    Large buffers go to the folder ``blobs``, if one is given. Raises ``StoreUnavailable`` when
    the file system does not let us.
    """
    try:
        if blobs is None or not any(map(is_large, body.buffers)):
            return _write_file(folder, entry, body, key)
        return _write_with_blobs(folder, entry, body, key, blobs)
    except BaseException as error:
        _forget_unfinished(folder)
        if isinstance(error, OSError):
            raise unavailable(error, folder, "write to the store") from error
        raise


def _write_file(folder: str, entry: Entry, body: Body, key: bytes) -> Entry:
    encoded = encode(entry, body, key)

    is_small = encoded.entry.size_bytes <= _AT_ONCE_BYTES
    chunks = (b"".join(encoded.chunks),) if is_small else encoded.chunks

    def write(is_new: bool) -> None:
        write_whole_file(_path(folder), chunks)
        if not is_new:  # an earlier entry may have had blobs
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, stamps.FILE_NAME))

    _persist(folder, write)
    return encoded.entry


def _write_with_blobs(folder: str, entry: Entry, body: Body, key: bytes, blobs: str) -> Entry:
    """Write blobs first, then their names, then the entry's own file."""
    from nbcache.store.blob_writing import writing_blobs

    with writing_blobs(blobs) as writer:
        placed = {n: writer.write(one) for n, one in enumerate(body.buffers) if is_large(one)}
        encoded = encode(entry, body, key, placed)

        def write(_: bool) -> None:
            stamps.write_stamps(folder, writer.stamps, key)
            write_whole_file(_path(folder), encoded.chunks)

        _persist(folder, write)
    return encoded.entry


def _persist(folder: str, write: Callable[[bool], Any]) -> None:
    """Write the files; begin again when another process removed the folder under us.

    ``write`` is told whether the folder is new. The shard's time moves as well, so that a replaced
    entry shows there as a new one does. A link in the place of either folder goes: what lies
    behind it would not be found again.
    """
    for place in (os.path.dirname(folder), folder):
        if os.path.islink(place):
            os.unlink(place)
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            write(make_private_folder(folder))
            break
    else:
        write(False)
    with contextlib.suppress(OSError):
        os.utime(os.path.dirname(folder))


def _forget_unfinished(folder: str) -> None:
    """Remove what is left of an entry that could not be stored, unless an earlier one is there."""
    with contextlib.suppress(OSError):
        if not os.path.lexists(_path(folder)):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, stamps.FILE_NAME))
            os.rmdir(folder)


def remove_entry(folder: str) -> None:
    """Remove an entry's files and its folder; a missing one is no error."""
    for name in (FILE_NAME, stamps.FILE_NAME):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(os.path.join(folder, name))
    with contextlib.suppress(OSError):
        os.rmdir(folder)


def read_entry(folder: str, key: bytes) -> Entry:
    """Return the verified manifest; reads only the file's head.

    Raises ``FileNotFoundError``, ``DamagedEntry`` or ``ForeignEntry``.
    """
    with open_own_file(_path(folder)) as file:
        return _read_head(file, key).entry


def read_entry_in(folder: str, key: bytes) -> tuple[Entry, os.stat_result]:
    """Return the same of a folder that is known to be one and no link, in fewer steps.

    What the file was when it was read comes with it.
    """
    start, status = read_own_start(f"{folder}/{FILE_NAME}", _SHORT_HEAD_BYTES)
    size_bytes = status.st_size
    end = PREFIX_BYTES + header_length(start)
    if end > size_bytes or end <= len(start):
        return read_manifest(start, size_bytes, key).entry, status
    return read_entry(folder, key), status


def read_blob_names(folder: str) -> set[str]:
    """Return the blobs that the entry's head names, whoever signed it."""
    with open_own_file(_path(folder)) as file:
        prefix = file.read(PREFIX_BYTES)
        length = min(header_length(prefix), os.fstat(file.fileno()).st_size)
        manifest = unpack_header(file.read(length), 0)
    return {name for pieces in manifest.blobs for name in pieces.names}


def load_entry(
    folder: str,
    key: bytes,
    map_from_bytes: int | None = MAP_FROM_BYTES,
    blobs: str | None = None,
) -> tuple[Entry, Body]:
    """Return the verified manifest and values; ``map_from_bytes`` None copies every buffer.

    The file's modification time becomes its last use, since access times are not reliable
    (relatime). A mapped buffer is private: writing to it never reaches the file.
    """
    with open_own_file(_path(folder)) as file:
        manifest = _read_head(file, key)
        reader = _blob_reader(folder, manifest, key, map_from_bytes, blobs)
        fetch = reader.fetch if reader else None
        mapped = _map_file(file, manifest, map_from_bytes)
        if mapped is None:
            file.seek(0)
            body = decode_body(file.read(), manifest, fetch=fetch)
        else:
            body = decode_body(mapped, manifest, share_from_bytes=0, fetch=fetch)
    with contextlib.suppress(OSError):
        os.utime(_path(folder))
        if reader and reader.has_news and map_from_bytes is not None:
            stamps.write_stamps(folder, reader.stamps, key)
    return manifest.entry, body


def _blob_reader(
    folder: str, manifest: Manifest, key: bytes, map_from_bytes: int | None, blobs: str | None
) -> BlobReader | None:
    if not manifest.blobs or blobs is None:
        return None
    from nbcache.store.blobs import BlobReader

    known = {} if map_from_bytes is None else stamps.read_stamps(folder, key)
    return BlobReader(blobs, known, map_from_bytes)


def _path(folder: str) -> str:
    return os.path.join(folder, FILE_NAME)


def _read_head(file: BinaryIO, key: bytes) -> Manifest:
    """Return the manifest; a header that claims more than the file holds is refused unread."""
    size_bytes = os.fstat(file.fileno()).st_size
    prefix = file.read(PREFIX_BYTES)
    length = header_length(prefix)
    if PREFIX_BYTES + length > size_bytes:
        raise DamagedEntry("The entry is cut short: its header is incomplete.")
    return read_manifest(prefix + file.read(length), size_bytes, key)


def _map_file(file: BinaryIO, manifest: Manifest, map_from_bytes: int | None) -> memoryview | None:
    """Return a private writable map of the file, or None when copying is better or needed."""
    buffers = manifest.sections[1:]
    if map_from_bytes is None or sum(buffer.length for buffer in buffers) < map_from_bytes:
        return None
    from nbcache.store.mapping import map_file

    return map_file(file.fileno())
