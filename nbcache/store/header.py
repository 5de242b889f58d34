"""The head of an entry's file: a signed JSON header that says what is in it and where.

::

    offset 0    magic (8) | version (2) | zero (2) | header length (4)
    offset 16   xxh3_128 of the header (16) | HMAC-SHA256 (32)
    offset 64   header: JSON with the manifest and the table of sections, padded to 64 bytes

The HMAC covers the first 16 bytes and the header.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import field, fields, make_dataclass
from typing import Any, NamedTuple, cast

import xxhash

from nbcache.entry import FORMAT, Entry
from nbcache.errors import DamagedEntry, ForeignEntry, StoreError
from nbcache.store.pieces import Pieces, as_pieces

READABLE = (1, FORMAT)
MAGIC = b"\x89NBC\r\n\x1a\n"
ALIGNMENT = 64

_PREFIX = struct.Struct("<8sHHI16s32s")
PREFIX_BYTES = _PREFIX.size
SIGNED_BYTES = 16
_BLOCK = 64
_Draft: Any = make_dataclass(
    "_Draft",
    [
        (one.name, Any, field(default=one.default, default_factory=one.default_factory))
        for one in fields(Entry)
    ],
    slots=True,
)
_scan: Any = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # as typeshed lacks it
_LONGEST_HEADER = (1 << 32) - 1
_MANIFEST_FIELDS = frozenset(field.name for field in fields(Entry)) - {"size_bytes"}
_LATER = frozenset({"about", "origin"})
"""Fields that are written where there is something in them; who does not know them must miss."""


class Section(NamedTuple):
    """Where one section lies, counted from the end of the padded header, and its digest."""

    offset: int
    length: int
    digest: str

    @property
    def end(self) -> int:
        """The offset of the first byte behind the section."""
        return self.offset + self.length


class Manifest(NamedTuple):
    """The verified head of an entry: what it says and where its values lie.

    ``parts`` are the stream and the buffers in their order, each a section of the file or blobs.
    """

    entry: Entry
    parts: tuple[Section | Pieces, ...]
    data_start: int
    file_bytes: int
    sections: tuple[Section, ...]
    """What lies in the file itself."""
    blobs: tuple[Pieces, ...]
    """The buffers that lie in blobs."""


def header_length(prefix: bytes) -> int:
    """Return how many bytes of header follow the first ``PREFIX_BYTES``; signs are not checked."""
    return _open_prefix(prefix)[1]


def _open_prefix(prefix: bytes) -> tuple[int, int, bytes, bytes]:
    """Return version, length of the header, its digest and its signature."""
    if len(prefix) < PREFIX_BYTES:
        raise DamagedEntry("The entry is cut short: its head is incomplete.")
    magic, version, _, length, digest, signature = _PREFIX.unpack_from(prefix)
    if magic != MAGIC:
        raise DamagedEntry("The file is not an entry of nbcache: it starts with other bytes.")
    if version not in READABLE:
        raise ForeignEntry(
            f"The entry has format {version}; this nbcache reads 1 to {FORMAT}. "
            "It stays for the version that wrote it."
        )
    return version, length, digest, signature


def read_manifest(head: bytes, size_bytes: int, key: bytes) -> Manifest:
    """Return the verified manifest, given the file's first bytes and its real size."""
    version, length, digest, signature = _open_prefix(head)
    end = PREFIX_BYTES + length
    header = head[PREFIX_BYTES:end]
    if end > size_bytes or len(header) != length:
        raise DamagedEntry("The entry is cut short: its header is incomplete.")
    if not hmac.compare_digest(sign(head[:SIGNED_BYTES], header, key), signature):
        if xxhash.xxh3_128_digest(header) != digest:
            raise DamagedEntry("The entry's header is not what was written.")
        raise ForeignEntry(
            "The entry was signed with another key, so nothing of it is loaded. "
            "Remove it, or use the key that signed it."
        )
    manifest = unpack_header(header, size_bytes)
    if xxhash.xxh3_128_digest(header) != digest:
        raise DamagedEntry("The digest of the entry's header is not what was written.")
    if manifest.entry.format != version:
        raise DamagedEntry("The entry's header is of another format than its head.")
    _check_extent(manifest.sections, size_bytes - manifest.data_start)
    return manifest


def table_of(sections: Sequence[Section], placed: Mapping[int, Pieces]) -> list[Any]:
    """Return where the stream and each buffer lie, in order, as plain data."""
    inside = iter([[section.offset, section.length, section.digest] for section in sections])
    table: list[Any] = [next(inside)]
    for number in range(len(sections) - 1 + len(placed)):
        pieces = placed.get(number)
        table.append(next(inside) if pieces is None else pieces.as_record())
    return table


def pack_header(entry: Entry, table: Sequence[Any]) -> bytes:
    """Return the header's JSON; what is not plain data raises ``StoreError``."""
    names = [name for name in _ordered_fields() if name not in _LATER or getattr(entry, name)]
    manifest = {name: getattr(entry, name) for name in names} | {"format": FORMAT}
    try:
        text = _encoder().encode({"entry": manifest, "sections": table})
    except (TypeError, ValueError, RecursionError) as error:
        raise StoreError(
            f"Entry {entry.name} was not stored: its manifest is not plain JSON data ({error})."
        ) from error
    if len(text) > _LONGEST_HEADER:
        raise StoreError(f"Entry {entry.name} was not stored: its outputs exceed 4 GiB.")
    return text.encode("ascii")


@functools.lru_cache(maxsize=2)
def unpack_header(header: bytes, file_bytes: int) -> Manifest:
    """Return the manifest of a header whose signature holds, or that nothing is loaded from.

    The last ones are kept, since an entry that was found is loaded next.
    """
    try:
        record, end = _scan(header.decode("ascii"), 0)
        if end != len(header):
            raise DamagedEntry("The entry's header goes on behind its end.")
        data = record["entry"]
        parts = tuple(map(_as_part, record["sections"]))
        if not _MANIFEST_FIELDS.issuperset(data) or data["format"] not in READABLE:
            raise ForeignEntry("The entry has fields that this version of nbcache does not know.")
        sections = tuple([part for part in parts if type(part) is Section])
        blobs = tuple([part for part in parts if type(part) is Pieces])
        size_bytes = file_bytes + sum([pieces.length for pieces in blobs])
        data["outputs"], data["notes"] = tuple(data["outputs"]), tuple(data["notes"])
        entry = _fill(data, size_bytes)
    except (KeyError, TypeError, ValueError, RecursionError, StopIteration) as error:
        raise DamagedEntry(f"The entry's header cannot be read: {error!r}.") from error
    return Manifest(entry, parts, align(PREFIX_BYTES + len(header)), file_bytes, sections, blobs)


def _fill(data: dict[str, Any], size_bytes: int) -> Entry:
    """Return an entry with these fields.

    It is filled while it is still a plain object: a frozen one takes a call for each field, and
    that would be the longest step of a look-up.
    """
    get = data.get
    entry: Any = _Draft(
        *(data["key"], data["variant"], data["stored_at"], data["ttl"], data["cost"]),
        *(get("title", ""), get("notebook", ""), get("parts", {}), get("late", {})),
        *(data["outputs"], get("effects", {}), data["notes"], get("versions", {})),
        *(get("about", {}), get("origin", {}), size_bytes, data["format"]),
    )
    entry.__class__ = Entry
    return cast("Entry", entry)


def _as_part(record: Any) -> Section | Pieces:
    if type(record) is dict:
        return as_pieces(record)
    offset, length, digest = record
    return Section(int(offset), int(length), str(digest))


def _check_extent(sections: Sequence[Section], data_bytes: int) -> None:
    """Refuse a table that does not fill the file exactly; nothing is allocated before."""
    expected = end = 0
    for offset, length, _ in sections:
        if offset != expected or length < 0:
            raise DamagedEntry("The entry's table of sections contradicts itself.")
        end = offset + length
        expected = align(end)
    if not sections or end != data_bytes:
        raise DamagedEntry(
            f"The entry should have {end} bytes of data and has {max(data_bytes, 0)}."
        )


def seal(header: bytes, key: bytes) -> bytes:
    """Return prefix and header, signed and padded."""
    digest = xxhash.xxh3_128_digest(header)
    unsigned = _PREFIX.pack(MAGIC, FORMAT, 0, len(header), digest, b"")
    signature = sign(unsigned[:SIGNED_BYTES], header, key)
    head = _PREFIX.pack(MAGIC, FORMAT, 0, len(header), digest, signature) + header
    return head.ljust(align(len(head)), b"\0")


def sign(start: bytes, header: bytes, key: bytes) -> bytes:
    """Return the HMAC of the file's first bytes and its header, as RFC 2104 composes it.

    What begins with the key is computed once, which is most of it for a small header.
    """
    begun, ending = _begin_hmac(key)
    inner, outer = begun.copy(), ending.copy()
    inner.update(start)
    inner.update(header)
    outer.update(inner.digest())
    return outer.digest()


@functools.lru_cache(maxsize=4)
def _begin_hmac(key: bytes) -> tuple[hashlib._Hash, hashlib._Hash]:
    """Return the inner and the outer hash of an HMAC after their block of the key."""
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in block) for pad in (0x36, 0x5C))
    return hashlib.sha256(inner), hashlib.sha256(outer)


@functools.cache
def _encoder() -> json.JSONEncoder:
    return json.JSONEncoder(default=_plain, separators=(",", ":"))


@functools.cache
def _ordered_fields() -> list[str]:
    """Return the manifest's fields in the order of ``Entry``; the size is the file's own."""
    return [field.name for field in fields(Entry) if field.name in _MANIFEST_FIELDS]


def _plain(value: object) -> dict[Any, Any]:
    """Return a mapping of any type as a dict; anything else is not JSON."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__qualname__} is not JSON")


def align(offset: int) -> int:
    """Round up to the next aligned offset."""
    return -(-offset // ALIGNMENT) * ALIGNMENT
