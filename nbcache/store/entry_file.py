"""One entry in one file of its own folder: written whole, read after it was verified."""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
from typing import Any, BinaryIO

from nbcache.entry import Body, Entry
from nbcache.errors import DamagedEntry
from nbcache.store.folder import (
    make_private_folder,
    open_own_file,
    read_own_start,
    unavailable,
    write_whole_file,
)
from nbcache.store.format import (
    PREFIX_BYTES,
    Manifest,
    decode_body,
    encode,
    header_length,
    read_manifest,
)

FILE_NAME = "output.nbc"
MAP_FROM_BYTES = 1 << 20
"""Buffers of at least this size are mapped copy-on-write instead of copied."""

_ATTEMPTS = 5
_SHORT_HEAD_BYTES = 16384
_HAS_TRACKFD = sys.version_info >= (3, 13) and os.name == "posix"
_MAP_OPTIONS: dict[str, Any] = {"trackfd": False} if _HAS_TRACKFD else {}
"""Before Python 3.13 a map holds a file descriptor for as long as a buffer of it lives."""


def write_entry(folder: str, entry: Entry, body: Body, key: bytes) -> Entry:
    """Store the entry in ``folder`` and return it with its size; replaces an earlier one.

    Raises ``StoreUnavailable`` when the file system does not let us.
    """
    encoded = encode(entry, body, key)
    path = os.path.join(folder, FILE_NAME)
    try:
        _write_persistently(path, encoded.chunks)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.rmdir(folder)
        if isinstance(error, OSError):
            raise unavailable(error, folder, "write to the store") from error
        raise
    return encoded.entry


def _write_persistently(path: str, chunks: tuple[bytes | memoryview, ...]) -> None:
    """Write the file; begin again when another process removed the folder under us."""
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            make_private_folder(os.path.dirname(path))
            write_whole_file(path, chunks)
            return
    write_whole_file(path, chunks)


def read_entry(folder: str, key: bytes) -> Entry:
    """Return the verified manifest; reads only the file's head.

    Raises ``FileNotFoundError``, ``DamagedEntry`` or ``ForeignEntry``.
    """
    with open_own_file(os.path.join(folder, FILE_NAME)) as file:
        return _read_head(file, key).entry


def read_entry_in(folder: str, key: bytes) -> Entry:
    """Return the same of a folder that is known to be one and no link, in fewer steps."""
    start, size_bytes = read_own_start(f"{folder}/{FILE_NAME}", _SHORT_HEAD_BYTES)
    end = PREFIX_BYTES + header_length(start)
    if end > size_bytes or end <= len(start):
        return read_manifest(start, size_bytes, key).entry
    return read_entry(folder, key)


def load_entry(
    folder: str, key: bytes, map_from_bytes: int | None = MAP_FROM_BYTES
) -> tuple[Entry, Body]:
    """Return the verified manifest and values; ``map_from_bytes`` None copies every buffer.

    The file's modification time becomes its last use, since access times are not reliable
    (relatime). A mapped buffer is private: writing to it never reaches the file.
    """
    path = os.path.join(folder, FILE_NAME)
    with open_own_file(path) as file:
        manifest = _read_head(file, key)
        mapped = _map_file(file, manifest, map_from_bytes)
        if mapped is None:
            file.seek(0)
            body = decode_body(file.read(), manifest)
        else:
            body = decode_body(mapped, manifest, share_from_bytes=map_from_bytes)
    with contextlib.suppress(OSError):
        os.utime(path)
    return manifest.entry, body


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
    if map_from_bytes is None or all(buffer.length < map_from_bytes for buffer in buffers):
        return None
    try:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY, **_MAP_OPTIONS))
    except (OSError, ValueError):
        # Some file systems cannot map, and descriptors can run out: a copy serves as well.
        return None
