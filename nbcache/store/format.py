"""The bytes of one stored entry: a signed head, then aligned sections of raw data.

The first section is the pickle stream with its sha256, the others are buffers with their
xxh3_128; the gaps between them are zeros. The head's signature covers their digests. A buffer
may lie in blobs instead: the head then names them. Format 1 had none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import xxhash

from nbcache.entry import FORMAT, Body, Entry
from nbcache.errors import DamagedEntry
from nbcache.store.header import (
    PREFIX_BYTES,
    SIGNED_BYTES,
    Manifest,
    Section,
    align,
    header_length,
    pack_header,
    read_manifest,
    seal,
    sign,
    table_of,
)
from nbcache.store.pieces import Pieces, raw_view


@dataclass(frozen=True, slots=True)
class Encoded:
    """The entry with its size, and the chunks that make up its file, in order."""

    entry: Entry
    chunks: tuple[bytes | memoryview, ...]


def encode(
    entry: Entry, body: Body, key: bytes, placed: Mapping[int, Pieces] | None = None
) -> Encoded:
    """Return the entry's file as chunks; buffers appear as views, never copied.

    ``placed`` tells by their number which buffers lie in blobs; without it all are in the file.
    """
    apart = placed or {}
    views = [memoryview(body.stream)]
    views += [raw_view(one) for number, one in enumerate(body.buffers) if number not in apart]
    sections = _lay_out(views)
    head = seal(pack_header(entry, table_of(sections, apart)), key)
    chunks: list[bytes | memoryview] = [head]
    written = 0
    for section, view in zip(sections, views, strict=True):
        chunks += [bytes(section.offset - written), view]
        written = section.end
    size_bytes = len(head) + written + sum(pieces.length for pieces in apart.values())
    stored = replace(entry, size_bytes=size_bytes, format=FORMAT)
    return Encoded(stored, tuple(chunk for chunk in chunks if chunk))


def reseal(file: bytes, name: str, key: bytes, origin: Mapping[str, str] | None = None) -> bytes:
    """Return an entry's file signed with another key; whoever calls has verified its origin.

    ``origin`` is noted in it instead of what it says of one; None leaves that as it is.

    Raises:
        DamagedEntry: the file is not a whole entry of that name.
    """
    length = header_length(file)
    header = file[PREFIX_BYTES : PREFIX_BYTES + length]
    start = file[:SIGNED_BYTES]
    signed = file[: PREFIX_BYTES - 32] + sign(start, header, key) + file[PREFIX_BYTES:]
    manifest = read_manifest(signed, len(signed), key)
    if manifest.entry.name != name:
        raise DamagedEntry(f"The entry is {manifest.entry.name} instead of {name}.")
    body = decode_body(signed, manifest, share_from_bytes=0)
    if origin is None or origin == manifest.entry.origin:
        return signed
    return b"".join(encode(replace(manifest.entry, origin=origin), body, key).chunks)


def decode_body(
    data: bytes | bytearray | memoryview,
    manifest: Manifest,
    *,
    share_from_bytes: int | None = None,
    fetch: Callable[[Pieces], Any] | None = None,
) -> Body:
    """Return the verified values in ``data``, the whole file; ``fetch`` gives those in blobs.

    Buffers are writable: a copy each, or a view of ``data`` for those of at least
    ``share_from_bytes`` bytes (then ``data`` must be writable and the caller's own).
    """
    whole = memoryview(data)
    if whole.nbytes != manifest.file_bytes:
        raise DamagedEntry("The entry's length changed while it was read.")
    _check_gaps(whole, manifest)
    view = whole[manifest.data_start :]
    first, *rest = manifest.parts
    if not isinstance(first, Section) or (fetch is None and manifest.blobs):
        raise DamagedEntry("The entry is not whole: its blobs are elsewhere.")
    stream = bytes(view[first.offset : first.end])
    if hashlib.sha256(stream).hexdigest() != first.digest:
        raise DamagedEntry("The entry's pickle stream is not what was written.")
    buffers: list[Any] = []
    for part in rest:
        if isinstance(part, Section):
            buffers.append(_take_buffer(view, part, share_from_bytes))
        elif fetch is not None:
            buffers.append(fetch(part))
    return Body(stream, tuple(buffers))


def _take_buffer(
    view: memoryview, section: Section, share_from_bytes: int | None
) -> bytearray | memoryview:
    """Return one buffer after its digest was checked on the very bytes that are returned."""
    part = view[section.offset : section.end]
    is_shared = share_from_bytes is not None and section.length >= share_from_bytes
    taken = part if is_shared else bytearray(part)
    if xxhash.xxh3_128_hexdigest(taken) != section.digest:
        raise DamagedEntry("A buffer of the entry is not what was written.")
    return taken


def _lay_out(views: Sequence[memoryview]) -> tuple[Section, ...]:
    """Return aligned places and digests for the stream and the buffers."""
    sections: list[Section] = []
    offset = 0
    for view in views:
        digest = xxhash.xxh3_128_hexdigest(view) if sections else hashlib.sha256(view).hexdigest()
        sections.append(Section(offset, view.nbytes, digest))
        offset = align(offset + view.nbytes)
    return tuple(sections)


def _check_gaps(whole: memoryview, manifest: Manifest) -> None:
    """Refuse a file whose padding is not zero, so that every byte of it is accounted for."""
    header_end = PREFIX_BYTES + header_length(bytes(whole[:PREFIX_BYTES]))
    ends = [header_end, *(manifest.data_start + section.end for section in manifest.sections)]
    starts = [manifest.data_start + section.offset for section in manifest.sections]
    for end, start in zip(ends, starts, strict=False):
        if any(whole[end:start]):
            raise DamagedEntry("The entry's padding is not what was written.")
