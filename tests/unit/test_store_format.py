"""The stored format: what goes in comes out, and nothing else does."""

import array
import dataclasses
import hashlib
import json
import pathlib
import pickle
import struct
from types import MappingProxyType

import pytest

from nbcache.entry import FORMAT, Body, Entry
from nbcache.errors import DamagedEntry, ForeignEntry, StoreError
from nbcache.store import header as store_header
from nbcache.store.format import decode_body, encode
from nbcache.store.header import header_length, read_manifest
from nbcache.store.pieces import Pieces

KEY = bytes(range(32))
GOLDEN = pathlib.Path(__file__).parent / "golden"
ENTRY = Entry(
    key="0123456789abcdef" * 2,
    variant="fedcba9876543210",
    stored_at=1_700_000_000.25,
    ttl=60.0,
    cost=1.5,
    title="x = 1 # \u00e4\ud800",
    notebook="tour.ipynb",
    parts={"source": "aa", "input:a": "bb"},
    late={"files": [["data.csv", 12]]},
    outputs=({"msg_type": "stream", "content": {"name": "stdout", "text": "hi\n"}},),
    effects={"deleted": ["tmp"]},
    notes=("used the network; no ttl",),
    versions={"python": "3.11"},
)
BODY = Body(pickle.dumps({"x": 1}, protocol=4), (b"raw bytes", bytearray(range(200)), b""))


def as_file(entry=ENTRY, body=BODY, key=KEY):
    return b"".join(bytes(chunk) for chunk in encode(entry, body, key).chunks)


def decode(data, key=KEY):
    manifest = read_manifest(data, len(data), key)
    return manifest.entry, decode_body(data, manifest)


def test_round_trip_keeps_manifest_and_values():
    """An entry and its values come back as they were, with the file's size filled in."""
    data = as_file()
    entry, body = decode(data)
    expected = {name: getattr(ENTRY, name) for name in Entry.__slots__ if name != "size_bytes"}
    assert {name: getattr(entry, name) for name in expected} == expected
    assert entry.size_bytes == len(data)
    assert body.stream == BODY.stream
    assert [bytes(buffer) for buffer in body.buffers] == [bytes(b) for b in BODY.buffers]


def test_encode_never_copies_a_buffer():
    """A large buffer is handed to the writer as a view of its own memory."""
    large = bytearray(1 << 20)
    chunks = encode(ENTRY, Body(b"s", (large,)), KEY).chunks
    assert any(isinstance(chunk, memoryview) and chunk.obj is large for chunk in chunks)


def test_sections_are_aligned():
    """Every section starts at a multiple of 64 bytes, so that arrays on it are aligned."""
    data = as_file()
    manifest = read_manifest(data, len(data), KEY)
    starts = [manifest.data_start + section.offset for section in manifest.sections]
    assert [start % 64 for start in starts] == [0] * len(starts)


def test_buffers_of_any_layout_are_stored_as_their_memory():
    """Typed and Fortran-ordered buffers are stored in the order of their memory."""
    np = pytest.importorskip("numpy")
    fortran = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    typed = array.array("d", [1.0, 2.0])
    _, body = decode(as_file(body=Body(b"", (fortran, typed, pickle.PickleBuffer(b"p")))))
    assert [bytes(buffer) for buffer in body.buffers] == [
        fortran.tobytes("A"),
        typed.tobytes(),
        b"p",
    ]


def test_scattered_buffer_is_refused():
    """A buffer that is not contiguous is a StoreError, not a wrong array."""
    with pytest.raises(StoreError, match="cannot be stored"):
        encode(ENTRY, Body(b"", (memoryview(b"abcd")[::2],)), KEY)


def test_loaded_buffers_are_writable():
    """A loaded buffer can be written, as the array that it becomes must be."""
    _, body = decode(as_file())
    for buffer in body.buffers:
        assert not memoryview(buffer).readonly


def test_shared_buffers_are_views_of_the_data():
    """Buffers from the given size up are views of the data, smaller ones are copies."""
    data = bytearray(as_file())
    manifest = read_manifest(bytes(data), len(data), KEY)
    small, large, _ = decode_body(data, manifest, share_from_bytes=100).buffers
    assert isinstance(small, bytearray)
    assert isinstance(large, memoryview)
    assert large.obj is data


def test_manifest_needs_only_the_head():
    """The manifest is read from the head of the file and its size alone."""
    data = as_file()
    head = data[: 64 + header_length(data[:64])]
    assert read_manifest(head, len(data), KEY).entry.title == ENTRY.title


def test_any_mapping_is_plain_enough():
    """A read-only mapping is stored as the dict that it shows."""
    entry = Entry("a" * 32, "b" * 16, 1.0, None, 0.0, parts=MappingProxyType({"source": "x"}))
    assert decode(as_file(entry))[0].parts == {"source": "x"}


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}])
def test_manifest_must_be_plain_data(value):
    """A manifest with anything but JSON data is refused before a byte is written."""
    entry = Entry("a" * 32, "b" * 16, 1.0, None, 0.0, effects={"value": value})
    with pytest.raises(StoreError, match="not plain JSON"):
        encode(entry, BODY, KEY)


def test_endless_manifest_is_refused():
    """A manifest that contains itself is a StoreError, not a RecursionError."""
    loop = []
    loop.append(loop)
    entry = Entry("a" * 32, "b" * 16, 1.0, None, 0.0, effects={"loop": loop})
    with pytest.raises(StoreError, match="not plain JSON"):
        encode(entry, BODY, KEY)


@pytest.mark.parametrize("version", range(1, FORMAT + 1))
def test_golden_files_still_load(version):
    """Every later nbcache reads each version as it was written."""
    entry, body = decode((GOLDEN / f"entry-v{version}.nbc").read_bytes())
    assert (entry.format, entry.title) == (version, ENTRY.title)
    assert dict(entry.parts) == dict(ENTRY.parts)
    assert body.stream == BODY.stream
    assert [bytes(buffer) for buffer in body.buffers] == [bytes(b) for b in BODY.buffers]


def test_golden_file_of_this_version_is_what_is_written():
    """Writing the golden entry gives the golden bytes: the format did not drift."""
    assert as_file() == (GOLDEN / f"entry-v{FORMAT}.nbc").read_bytes()


def test_golden_head_with_blobs_is_what_is_written():
    """The head of an entry that has blobs is read and written as it was."""
    pieces = Pieces(70_000, 100_000, ("0" * 32, "f" * 32))
    body = Body(BODY.stream, (b"inside", bytes(100_000)))
    data = b"".join(map(bytes, encode(ENTRY, body, KEY, {1: pieces}).chunks))
    assert data == (GOLDEN / "entry-v2-blobs.nbc").read_bytes()
    manifest = read_manifest(data, len(data), KEY)
    assert manifest.blobs == (pieces,)
    assert manifest.entry.size_bytes == len(data) + 100_000
    with pytest.raises(DamagedEntry, match="blobs"):
        decode_body(data, manifest)


def test_golden_head_with_an_origin_is_what_is_written():
    """An entry that came from elsewhere names its signer; one's own says nothing of it."""
    origin = {"key": "nbcache-ed25519:AAAA", "name": "Ada"}
    data = as_file(dataclasses.replace(ENTRY, origin=origin))
    assert data == (GOLDEN / "entry-v2-origin.nbc").read_bytes()
    assert decode(data)[0].origin == origin
    assert b"origin" not in as_file()


def test_other_key_is_foreign():
    """An entry that another key signed is foreign, whatever it says."""
    with pytest.raises(ForeignEntry, match="another key"):
        decode(as_file(), key=b"x" * 32)


@pytest.mark.parametrize("other", [0, FORMAT + 1])
def test_other_version_is_foreign(other):
    """A file of an earlier or later format is left alone, and the message names both versions."""
    data = bytearray(as_file())
    data[8:10] = struct.pack("<H", other)
    with pytest.raises(ForeignEntry, match=f"format {other}"):
        decode(bytes(data))


def test_every_version_has_a_golden_file():
    """Each format that was ever written has its file here."""
    names = {path.name for path in GOLDEN.glob("entry-v?.nbc")}
    assert names == {f"entry-v{number}.nbc" for number in range(1, FORMAT + 1)}


def resign(data, change):
    """Change a file's header and sign it again, as only a holder of the key can."""
    length = header_length(data[:64])
    record = json.loads(data[64 : 64 + length])
    change(record)
    header = json.dumps(record, separators=(",", ":")).encode()
    start = -(-(64 + length) // 64) * 64
    return store_header.seal(header, KEY) + data[start:]


def test_unknown_field_is_foreign():
    """A manifest with a field that this version does not know is not half understood."""
    data = resign(as_file(), lambda record: record["entry"].update(later=1))
    with pytest.raises(ForeignEntry, match="fields"):
        decode(data)


def claim(index, column, value):
    def change(record):
        record["sections"][index][column] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        claim(-1, 1, 1 << 45),
        claim(1, 1, 1 << 62),
        claim(0, 1, -1),
        claim(1, 0, 0),
        claim(1, 0, -64),
        claim(0, 1, "9"),
        claim(0, 0, None),
        lambda record: record.update(sections=[]),
        lambda record: record.pop("sections"),
        lambda record: record["entry"].pop("key"),
        lambda record: record.update(entry=[]),
        lambda record: record["entry"].update(outputs=5),
    ],
)
def test_impossible_table_is_damaged(change):
    """A manifest that claims terabytes or contradicts itself is refused before any allocation."""
    with pytest.raises(DamagedEntry):
        decode(resign(as_file(), change))


def test_header_of_four_gigabytes_is_damaged():
    """A prefix that claims a longer header than the file holds is refused."""
    data = bytearray(as_file())
    data[12:16] = struct.pack("<I", 0xFFFFFFFF)
    with pytest.raises(DamagedEntry, match="cut short"):
        decode(bytes(data))


def test_changed_stream_is_damaged_even_with_its_own_digest():
    """Replacing the stream and its sha256 in the table breaks the signature."""
    data = as_file()
    length = header_length(data[:64])
    evil = b"!" * len(BODY.stream)
    old, new = (hashlib.sha256(part).hexdigest().encode() for part in (BODY.stream, evil))
    forged = data.replace(BODY.stream, evil)
    with pytest.raises(DamagedEntry, match="stream"):
        decode(forged)
    header = forged[64 : 64 + length].replace(old, new)
    sealed = store_header.seal(header, b"guess" * 8)
    with pytest.raises(ForeignEntry):
        decode(sealed + forged[len(sealed) :])


@pytest.mark.parametrize("data", [b"", b"x", b"\x89NBC\r\n\x1a\n", bytes(64), b"\x80\x05N." * 40])
def test_other_files_are_damaged(data):
    """What is no entry at all is a DamagedEntry, never another error."""
    with pytest.raises(DamagedEntry):
        decode(data)
