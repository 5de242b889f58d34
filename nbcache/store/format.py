"""The bytes of one stored entry: a signed head, then aligned sections of raw data.

::

    offset 0    magic (8) | version (2) | zero (2) | header length (4)
    offset 16   xxh3_128 of the header (16) | HMAC-SHA256 (32)
    offset 64   header: JSON with the manifest and the table of sections
    then        each section, aligned to 64 bytes, the gaps filled with zeros

The first section is the pickle stream with its sha256, the others are buffers with their
xxh3_128. The HMAC covers the first 16 bytes and the header, and by the table the stream too.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pickle import PickleBuffer
from typing import Any

import xxhash

from nbcache.entry import FORMAT, Body, Entry
from nbcache.errors import DamagedEntry, ForeignEntry, StoreError

MAGIC = b"\x89NBC\r\n\x1a\n"
ALIGNMENT = 64

_PREFIX = struct.Struct("<8sHHI16s32s")
PREFIX_BYTES = _PREFIX.size
_SIGNED_BYTES = 16
_LONGEST_HEADER = (1 << 32) - 1
_MANIFEST_FIELDS = frozenset(field.name for field in fields(Entry)) - {"size_bytes"}


@dataclass(frozen=True, slots=True)
class Section:
    """Where one section lies, counted from the end of the padded header, and its digest."""

    offset: int
    length: int
    digest: str

    @property
    def end(self) -> int:
        """The offset of the first byte behind the section."""
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class Manifest:
    """The verified head of an entry: what it says and where its sections lie."""

    entry: Entry
    sections: tuple[Section, ...]
    data_start: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """The entry with its size, and the chunks that make up its file, in order."""

    entry: Entry
    chunks: tuple[bytes | memoryview, ...]


def encode(entry: Entry, body: Body, key: bytes) -> Encoded:
    """Return the entry's file as chunks; buffers appear as views, never copied."""
    views = [memoryview(body.stream), *(_raw_view(buffer) for buffer in body.buffers)]
    sections = _lay_out(views)
    head = _seal(_pack_header(entry, sections), key)
    chunks: list[bytes | memoryview] = [head]
    written = 0
    for section, view in zip(sections, views, strict=True):
        chunks += [bytes(section.offset - written), view]
        written = section.end
    size_bytes = len(head) + written
    return Encoded(replace(entry, size_bytes=size_bytes), tuple(chunk for chunk in chunks if chunk))


def header_length(prefix: bytes) -> int:
    """Return how many bytes of header follow the first ``PREFIX_BYTES``; signs are not checked."""
    if len(prefix) < PREFIX_BYTES:
        raise DamagedEntry("The entry is cut short: its head is incomplete.")
    magic, version, _, length, _, _ = _PREFIX.unpack_from(prefix)
    if magic != MAGIC:
        raise DamagedEntry("The file is not an entry of nbcache: it starts with other bytes.")
    if version != FORMAT:
        raise ForeignEntry(
            f"The entry has format {version}; this nbcache reads format {FORMAT}. "
            "It stays for the version that wrote it."
        )
    return int(length)


def read_manifest(head: bytes, size_bytes: int, key: bytes) -> Manifest:
    """Return the verified manifest, given the file's first bytes and its real size."""
    end = PREFIX_BYTES + header_length(head)
    header = head[PREFIX_BYTES:end]
    if end > size_bytes or len(header) != end - PREFIX_BYTES:
        raise DamagedEntry("The entry is cut short: its header is incomplete.")
    digest, signature = _PREFIX.unpack_from(head)[-2:]
    if xxhash.xxh3_128_digest(header) != digest:
        raise DamagedEntry("The entry's header is not what was written.")
    if not hmac.compare_digest(_sign(head[:_SIGNED_BYTES], header, key), signature):
        raise ForeignEntry(
            "The entry was signed with another key, so nothing of it is loaded. "
            "Remove it, or use the key that signed it."
        )
    manifest = _unpack_header(header, size_bytes)
    _check_extent(manifest.sections, size_bytes - manifest.data_start)
    return manifest


def reseal(file: bytes, name: str, key: bytes) -> bytes:
    """Return an entry's file signed with another key; whoever calls has verified its origin.

    Raises:
        DamagedEntry: the file is not a whole entry of that name.
    """
    length = header_length(file)
    header = file[PREFIX_BYTES : PREFIX_BYTES + length]
    start = file[:_SIGNED_BYTES]
    signed = file[: PREFIX_BYTES - 32] + _sign(start, header, key) + file[PREFIX_BYTES:]
    manifest = read_manifest(signed, len(signed), key)
    if manifest.entry.name != name:
        raise DamagedEntry(f"The entry is {manifest.entry.name} instead of {name}.")
    decode_body(signed, manifest)
    return signed


def decode_body(
    data: bytes | bytearray | memoryview,
    manifest: Manifest,
    *,
    share_from_bytes: int | None = None,
) -> Body:
    """Return the verified values in ``data``, the whole file.

    Buffers are writable: a copy each, or a view of ``data`` for those of at least
    ``share_from_bytes`` bytes (then ``data`` must be writable and the caller's own).
    """
    whole = memoryview(data)
    if whole.nbytes != manifest.entry.size_bytes:
        raise DamagedEntry("The entry's length changed while it was read.")
    _check_gaps(whole, manifest)
    view = whole[manifest.data_start :]
    first, *rest = manifest.sections
    stream = bytes(view[first.offset : first.end])
    if hashlib.sha256(stream).hexdigest() != first.digest:
        raise DamagedEntry("The entry's pickle stream is not what was written.")
    buffers = tuple(_take_buffer(view, section, share_from_bytes) for section in rest)
    return Body(stream, buffers)


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


def _raw_view(buffer: Any) -> memoryview:
    """Return the buffer's memory as flat bytes, in C or Fortran order alike."""
    try:
        return PickleBuffer(buffer).raw()
    except BufferError as error:
        raise StoreError(f"A buffer cannot be stored: {error}.") from error


def _lay_out(views: Sequence[memoryview]) -> tuple[Section, ...]:
    """Return aligned places and digests for the stream and the buffers."""
    sections: list[Section] = []
    offset = 0
    for view in views:
        digest = xxhash.xxh3_128_hexdigest(view) if sections else hashlib.sha256(view).hexdigest()
        sections.append(Section(offset, view.nbytes, digest))
        offset = _align(offset + view.nbytes)
    return tuple(sections)


def _pack_header(entry: Entry, sections: Sequence[Section]) -> bytes:
    """Return the header's JSON; what is not plain data raises ``StoreError``."""
    names = [name for name in _ordered_fields() if name != "about" or entry.about]
    manifest = {name: getattr(entry, name) for name in names}
    table = [[section.offset, section.length, section.digest] for section in sections]
    try:
        text = json.dumps(
            {"entry": manifest, "sections": table}, default=_plain, separators=(",", ":")
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise StoreError(
            f"Entry {entry.name} was not stored: its manifest is not plain JSON data ({error})."
        ) from error
    if len(text) > _LONGEST_HEADER:
        raise StoreError(f"Entry {entry.name} was not stored: its outputs exceed 4 GiB.")
    return text.encode("ascii")


def _unpack_header(header: bytes, size_bytes: int) -> Manifest:
    """Return the manifest of a header whose signature holds."""
    try:
        record = json.loads(header)
        data = record["entry"]
        sections = tuple(
            Section(int(offset), int(length), str(digest))
            for offset, length, digest in record["sections"]
        )
        if not _MANIFEST_FIELDS.issuperset(data) or data["format"] != FORMAT:
            raise ForeignEntry("The entry has fields that this version of nbcache does not know.")
        lists = {name: tuple(data[name]) for name in ("outputs", "notes")}
        entry = Entry(**{**data, **lists, "size_bytes": size_bytes})
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DamagedEntry(f"The entry's header cannot be read: {error!r}.") from error
    return Manifest(entry, sections, _align(PREFIX_BYTES + len(header)))


def _check_extent(sections: Sequence[Section], data_bytes: int) -> None:
    """Refuse a table that does not fill the file exactly; nothing is allocated before."""
    expected = end = 0
    for section in sections:
        if section.offset != expected or section.length < 0:
            raise DamagedEntry("The entry's table of sections contradicts itself.")
        end = section.end
        expected = _align(end)
    if not sections or end != data_bytes:
        raise DamagedEntry(
            f"The entry should have {end} bytes of data and has {max(data_bytes, 0)}."
        )


def _check_gaps(whole: memoryview, manifest: Manifest) -> None:
    """Refuse a file whose padding is not zero, so that every byte of it is accounted for."""
    header_end = PREFIX_BYTES + header_length(bytes(whole[:PREFIX_BYTES]))
    ends = [header_end, *(manifest.data_start + section.end for section in manifest.sections)]
    starts = [manifest.data_start + section.offset for section in manifest.sections]
    for end, start in zip(ends, starts, strict=False):
        if any(whole[end:start]):
            raise DamagedEntry("The entry's padding is not what was written.")


def _seal(header: bytes, key: bytes) -> bytes:
    """Return prefix and header, signed and padded."""
    digest = xxhash.xxh3_128_digest(header)
    unsigned = _PREFIX.pack(MAGIC, FORMAT, 0, len(header), digest, b"")
    signature = _sign(unsigned[:_SIGNED_BYTES], header, key)
    head = _PREFIX.pack(MAGIC, FORMAT, 0, len(header), digest, signature) + header
    return head.ljust(_align(len(head)), b"\0")


def _sign(start: bytes, header: bytes, key: bytes) -> bytes:
    """Return the HMAC of the file's first bytes and its header."""
    return hmac.digest(key, start + header, "sha256")


def _ordered_fields() -> list[str]:
    """Return the manifest's fields in the order of ``Entry``; the size is the file's own."""
    return [field.name for field in fields(Entry) if field.name in _MANIFEST_FIELDS]


def _plain(value: object) -> dict[Any, Any]:
    """Return a mapping of any type as a dict; anything else is not JSON."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__qualname__} is not JSON")


def _align(offset: int) -> int:
    """Round up to the next aligned offset."""
    return -(-offset // ALIGNMENT) * ALIGNMENT
