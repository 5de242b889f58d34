"""No damaged byte, anywhere in an entry's file, ever reaches a value."""

import os
import pickle
import warnings

import pytest

from nbcache.entry import Body, Entry
from nbcache.errors import CacheWarning, DamagedEntry, ForeignEntry, StoreError
from nbcache.store.format import encode
from nbcache.store.header import header_length
from nbcache.store.local import LocalStore

KEY = b"k" * 32
NAME = "a" * 32
ENTRY = Entry(NAME, "b" * 16, 5.0, None, 1.0, outputs=({"text": "hello"},))
BODY = Body(pickle.dumps(list(range(20))), (bytes(range(100)), b"tail" * 30))
LARGE = Body(b"stream", (os.urandom(1 << 20), b"small", os.urandom(3 << 20)))


class Trap:
    """Pickles as a call that leaves a trace when it is loaded."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return (open, (str(self.trace), "w"))


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store", KEY)


def path_of(store, entry=ENTRY):
    folder = os.path.join(store.location, "joblib/nbcache/cells", entry.key[:3], entry.name)
    return os.path.join(folder, "output.nbc")


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def assert_refused(store, stored):
    """The entry is not found, or found and not loaded; nothing else can happen."""
    found = store.find(NAME)
    assert found in ((), []) or found[0] == stored
    with pytest.raises((DamagedEntry, ForeignEntry)):
        store.load(stored)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CacheWarning)
        assert [entry for entry in store.entries() if entry != stored] == []


REGIONS = ["magic", "version", "length", "digest", "signature", "header", "padding", "data"]


def region_of(name, data):
    length = header_length(data[:64])
    start = -(-(64 + length) // 64) * 64
    return {
        "magic": range(8),
        "version": range(8, 12),
        "length": range(12, 16),
        "digest": range(16, 32),
        "signature": range(32, 64),
        "header": range(64, 64 + length),
        "padding": range(64 + length, start),
        "data": range(start, len(data)),
    }[name]


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80, 0xFF])
@pytest.mark.parametrize("region", REGIONS)
def test_flipped_bits_are_never_loaded(store, region, mask):
    """A flipped bit in any byte of the file makes it a miss."""
    stored = store.put(ENTRY, BODY)
    path = path_of(store)
    good = read(path)
    offsets = region_of(region, good)
    assert len(offsets) > 0
    for offset in offsets:
        bad = bytearray(good)
        bad[offset] ^= mask
        write(path, bad)
        assert_refused(store, stored)


@pytest.mark.parametrize("fraction", range(0, 60))
def test_flipped_byte_in_a_mapped_file_is_never_loaded(store, fraction):
    """Mapped buffers are verified too, wherever the byte lies."""
    stored = store.put(ENTRY, LARGE)
    path = path_of(store)
    offset = os.path.getsize(path) * fraction // 60
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))
    assert_refused(store, stored)


def test_truncated_at_any_length_is_never_loaded(store):
    """A file cut at any length is a miss."""
    stored = store.put(ENTRY, BODY)
    path = path_of(store)
    good = read(path)
    for length in range(len(good)):
        write(path, good[:length])
        assert store.find(NAME) in ((), [])
        assert_refused(store, stored)


def test_trailing_bytes_are_never_loaded(store):
    """A file with more bytes than its manifest tells of is a miss."""
    stored = store.put(ENTRY, BODY)
    with open(path_of(store), "ab") as file:
        file.write(b"\0")
    assert store.find(NAME) in ((), [])
    assert_refused(store, stored)


def test_file_of_terabytes_is_refused_without_reading_it(store):
    """A sparse file that pretends to be huge is refused by its length."""
    stored = store.put(ENTRY, BODY)
    os.truncate(path_of(store), 1 << 40)
    assert_refused(store, stored)


def test_payload_signed_with_a_guessed_key_never_runs(store, tmp_path):
    """A pickle that would leave a trace is refused unread: another key signed it."""
    stored = store.put(ENTRY, BODY)
    trace = tmp_path / "trace"
    forged = encode(ENTRY, Body(pickle.dumps(Trap(trace))), b"g" * 32)
    write(path_of(store), b"".join(bytes(chunk) for chunk in forged.chunks))
    assert_refused(store, stored)
    assert not trace.exists()


def test_payload_in_place_of_the_stream_never_runs(store, tmp_path):
    """A pickle put over the signed stream is refused before anybody could load it."""
    trace = tmp_path / "trace"
    evil = pickle.dumps(Trap(trace))
    stored = store.put(ENTRY, Body(evil.ljust(len(evil) + 8, b"."), ()))
    good = read(path_of(store))
    write(path_of(store), good.replace(evil, evil[:-1] + b"0"))
    assert_refused(store, stored)
    assert not trace.exists()


def test_entry_moved_under_another_name_is_foreign(store):
    """A genuine entry that was copied to another key's place is not served for that key."""
    store.put(ENTRY, BODY)
    other = Entry("c" * 32, "b" * 16, 5.0, None, 1.0)
    stored = store.put(other, BODY)
    write(path_of(store, other), read(path_of(store)))
    with pytest.warns(CacheWarning, match="moved here"):
        assert store.find("c" * 32) == []
    with pytest.raises(StoreError):
        store.load(stored)


def test_damaged_file_is_mentioned_once(store):
    """A file that is skipped is named in one warning, however often it is met."""
    store.put(ENTRY, BODY)
    write(path_of(store), b"scribble" * 100)
    with pytest.warns(CacheWarning, match=r"output\.nbc is skipped") as caught:
        found = [store.find(NAME), *store.entries(), store.find(NAME), *store.entries()]
    assert found == [[], []]
    assert len(caught) == 1


def test_damaged_file_breaks_nothing_where_warnings_are_errors(store):
    """A user who turns warnings into errors still gets a miss."""
    store.put(ENTRY, BODY)
    write(path_of(store), b"scribble" * 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert store.find(NAME) == []


def test_damaged_file_hides_no_other_entry(store):
    """Entries beside a damaged one are found, under the same key too."""
    store.put(ENTRY, BODY)
    twin = store.put(Entry(NAME, "d" * 16, 6.0, None, 1.0), BODY)
    write(path_of(store), b"")
    with pytest.warns(CacheWarning):
        assert store.find(NAME) == [twin]
    assert list(store.entries()) == [twin]


def test_damaged_file_is_replaced_by_the_next_recording(store):
    """Recording again heals a damaged entry."""
    store.put(ENTRY, BODY)
    write(path_of(store), b"scribble" * 100)
    stored = store.put(ENTRY, BODY)
    assert store.find(NAME) == [stored]
    assert store.load(stored).stream == BODY.stream


def link_symbolic(path):
    os.rename(path, path + ".real")
    os.symlink(path + ".real", path)


def link_hard(path):
    os.link(path, path + ".second")


def link_folder(path):
    folder = os.path.dirname(path)
    os.rename(folder, folder + "-real")
    os.symlink(folder + "-real", folder)


def open_to_others(path):
    os.chmod(path, 0o666)


def make_fifo(path):
    os.unlink(path)
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize(
    "change", [link_symbolic, link_hard, link_folder, open_to_others, make_fifo]
)
def test_file_that_others_may_reach_is_foreign(store, change):
    """A linked, world-writable or irregular file is skipped and never loaded."""
    stored = store.put(ENTRY, BODY)
    change(path_of(store))
    with pytest.warns(CacheWarning):
        assert store.find(NAME) == []
    with pytest.raises(ForeignEntry):
        store.load(stored)


def test_file_of_another_user_is_foreign(store, monkeypatch):
    """A file that belongs to someone else is skipped, although its folder is ours."""
    store.put(ENTRY, BODY)
    real = os.fstat

    def foreign(descriptor):
        status = list(real(descriptor))
        status[4] += 1
        return os.stat_result(status)

    monkeypatch.setattr(os, "fstat", foreign)
    with pytest.warns(CacheWarning, match="another user"):
        assert store.find(NAME) == []
