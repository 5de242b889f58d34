"""The store on files: what is put is found, privately, and one entry at a time."""

import contextlib
import os
import pathlib
import pickle
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from nbcache.entry import Body, Entry
from nbcache.errors import StoreError
from nbcache.heap.walk import Walk
from nbcache.replay.codec import dump, load
from nbcache.store.entry_file import FILE_NAME
from nbcache.store.local import LocalStore, item_of
from nbcache.store.memory import MemoryStore, TieredStore
from nbcache.store.pieces import MAP_FROM_BYTES

KEY = b"k" * 32
A, B = "a" * 32, "b" * 32
ENTRY = Entry(A, "1" * 16, 5.0, None, 1.0)


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store", KEY)


def files_below(folder):
    return sorted(path for path in pathlib.Path(folder).rglob("*") if path.is_file())


def test_what_is_put_is_found_and_loaded(store):
    """An entry is found under its key and loads with its values."""
    stored = store.put(ENTRY, Body(b"stream", (b"buffer",)))
    assert store.find(A) == [stored]
    body = store.load(stored)
    assert (body.stream, [bytes(b) for b in body.buffers]) == (b"stream", [b"buffer"])


def test_put_fills_in_the_size_of_the_file(store):
    """The size of an entry is that of its file."""
    stored = store.put(ENTRY, Body(b"stream", (bytes(5000),)))
    [path] = [path for path in files_below(store.location) if path.suffix == ".nbc"]
    assert stored.size_bytes == path.stat().st_size


def test_variants_come_newest_first(store):
    """All variants of a key are found, the newest first."""
    moments = {"1" * 16: 5.0, "2" * 16: 9.0, "3" * 16: 7.0}
    for variant, moment in moments.items():
        store.put(replace(ENTRY, variant=variant, stored_at=moment), Body(b""))
    assert [entry.stored_at for entry in store.find(A)] == [9.0, 7.0, 5.0]


def test_find_looks_only_at_its_own_key(store, monkeypatch):
    """A look-up opens the entries of its key, not those of others."""
    for digit in range(10):
        store.put(replace(ENTRY, key="a" * 31 + str(digit)), Body(b""))
    opened = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *rest: opened.append(path) or real(path, *rest))
    assert len(store.find("a" * 31 + "3")) == 1
    assert [path for path in opened if path.endswith(".nbc")] == opened[-1:]


def test_nothing_is_found_where_nothing_is(store):
    """Reading a store that does not exist yet finds nothing and makes nothing."""
    assert list(store.find(A)) == list(store.entries()) == []
    store.remove(ENTRY)
    assert not os.path.exists(store.location)
    with pytest.raises(StoreError, match="missing"):
        store.load(ENTRY)


def test_entries_lists_all(store):
    """Every manifest is listed, whatever its key."""
    stored = [store.put(replace(ENTRY, key=key), Body(b"")) for key in (A, B, "c" * 32)]
    assert sorted(store.entries(), key=lambda entry: entry.key) == stored


def test_remove_forgets_exactly_one(store):
    """Removing an entry leaves its siblings, and removing it again is no error."""
    stored = store.put(ENTRY, Body(b""))
    sibling = store.put(replace(ENTRY, variant="2" * 16), Body(b""))
    store.remove(stored)
    store.remove(stored)
    assert store.find(A) == [sibling]
    assert not any(stored.name in str(path) for path in pathlib.Path(store.location).rglob("*"))


def test_removed_entry_does_not_load(store):
    """An entry that went away since it was found is a StoreError."""
    stored = store.put(ENTRY, Body(b""))
    store.remove(stored)
    with pytest.raises(StoreError, match="removed since"):
        store.load(stored)


def test_replaced_entry_does_not_load_under_the_old_manifest(store):
    """Outputs of one recording are never paired with values of a later one."""
    old = store.put(ENTRY, Body(b"old"))
    new = store.put(replace(ENTRY, stored_at=6.0), Body(b"new"))
    with pytest.raises(StoreError, match="replaced since"):
        store.load(old)
    assert store.load(new).stream == b"new"


def test_large_buffers_are_private_maps(store):
    """Writing to a mapped buffer changes neither the file nor what the next load returns."""
    data = os.urandom(2 << 20)
    stored = store.put(ENTRY, Body(b"", (data, b"small")))
    [large, small] = store.load(stored).buffers
    assert isinstance(large, memoryview)
    assert isinstance(small, bytearray)
    large[:] = bytes(len(large))
    assert bytes(store.load(stored).buffers[0]) == data


def test_maps_outlive_their_file(store):
    """A loaded buffer keeps its values when the entry is replaced or removed."""
    data = os.urandom(2 << 20)
    stored = store.put(ENTRY, Body(b"", (data,)))
    [first] = store.load(stored).buffers
    stored = store.put(replace(ENTRY, stored_at=6.0), Body(b"", (bytes(2 << 20),)))
    [second] = store.load(stored).buffers
    store.remove(stored)
    assert bytes(first) == data
    assert bytes(second) == bytes(2 << 20)


def test_maps_can_be_turned_off(tmp_path):
    """Without a threshold every buffer is a copy, as network file systems want it."""
    store = LocalStore(tmp_path / "store", KEY, map_from_bytes=None)
    stored = store.put(ENTRY, Body(b"", (bytes(2 << 20),)))
    assert isinstance(store.load(stored).buffers[0], bytearray)


@pytest.mark.parametrize("mapping", [MAP_FROM_BYTES, None], ids=["mapped", "copied"])
@pytest.mark.parametrize("is_tiered", [False, True], ids=["from disk", "from memory"])
def test_restored_memory_is_as_good_as_a_values_own(tmp_path, mapping, is_tiered):
    """Large arrays and frames that rest on restored memory count and are stored as any others."""
    np, pd = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    value = {"array": np.arange(2.5e6), "frame": pd.DataFrame(np.arange(1.5e6).reshape(-1, 10))}
    store: Any = LocalStore(tmp_path / "store", KEY, map_from_bytes=mapping)
    store = TieredStore(MemoryStore(), store) if is_tiered else store
    found = []
    for variant in ("a" * 16, "b" * 16):
        stored = store.put(replace(ENTRY, variant=variant), dump({"value": value}, Walk({})))
        value = load(store.load(stored), Walk({}))["value"]
        found.append(fingerprint(value))
        assert value["array"][-1] == 2.5e6 - 1
        value["frame"].iloc[0, 0] = value["array"][0] = 0.0
    assert found == [fingerprint(value)] * 2


def fingerprint(value):
    return Walk({}).fingerprint("value", value)


def test_plain_writable_arrays_come_back(store):
    """Arrays come back as plain writable arrays, small and mapped alike."""
    np = pytest.importorskip("numpy")
    arrays = [np.arange(10), np.ones((600, 600), order="F"), np.zeros(0)]
    buffers = []
    stream = pickle.dumps(arrays, protocol=5, buffer_callback=buffers.append)
    body = store.load(store.put(ENTRY, Body(stream, buffers)))
    loaded = pickle.loads(body.stream, buffers=body.buffers)
    for array, original in zip(loaded, arrays, strict=True):
        assert type(array) is np.ndarray
        assert array.flags.writeable
        assert array.flags.f_contiguous == original.flags.f_contiguous
        assert np.array_equal(array, original)


def test_read_only_buffers_stay_read_only(store):
    """A buffer that was read-only is read-only again: the pickle stream says so."""
    np = pytest.importorskip("numpy")
    array = np.arange(300_000)
    array.flags.writeable = False
    buffers = []
    stream = pickle.dumps(array, protocol=5, buffer_callback=buffers.append)
    body = store.load(store.put(ENTRY, Body(stream, buffers)))
    assert not pickle.loads(body.stream, buffers=body.buffers).flags.writeable


def test_loading_marks_the_last_use(store):
    """Loading moves the file's modification time, by which the least used is known."""
    stored = store.put(ENTRY, Body(b""))
    [path] = [path for path in files_below(store.location) if path.suffix == ".nbc"]
    os.utime(path, (1, 1))
    store.find(A)
    assert path.stat().st_mtime == 1
    store.load(stored)
    assert path.stat().st_mtime > 1


def test_joblib_finds_the_items_where_it_looks(store):
    """An entry's folder lies below ``joblib`` and starts with 32 hexadecimal digits."""
    stored = store.put(ENTRY, Body(b""))
    function_id, call_id = item_of(stored)
    assert call_id == stored.name
    assert os.path.isfile(
        os.path.join(store.location, "joblib", function_id, call_id, "output.nbc")
    )


def test_git_overlooks_the_store(store):
    """A store inside a repository keeps its items out of it, also after the disk was full."""
    path = pathlib.Path(store.location, "joblib", ".gitignore")
    for _ in range(2):
        store.put(ENTRY, Body(b""))
        assert path.read_text().splitlines()[-1] == "*"
        path.write_bytes(b"")


def test_reading_imports_neither_joblib_nor_numpy():
    """The store's read path stays light: no joblib, no numpy."""
    code = (
        "import sys, nbcache.store.opening, nbcache.store.local;"
        "print([name for name in ('joblib', 'numpy') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"


WRITER = """
import sys
from nbcache.entry import Body, Entry
from nbcache.store.local import LocalStore
store = LocalStore(sys.argv[1], b"k" * 32)
sys.stdin.read()
for turn in range(60):
    moment = float(sys.argv[2]) + turn
    entry = Entry("a" * 32, "1" * 16, moment, None, 1.0, title=str(moment))
    store.put(entry, Body(str(moment).encode(), (str(moment).encode() * 100_000,)))
"""


def test_two_processes_write_the_same_entry(store):
    """Readers see one whole recording or the other while two processes write the same name."""
    store.put(replace(ENTRY, title="5.0"), Body(b"5.0", (b"5.0" * 100_000,)))
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, store.location, str(start)], stdin=subprocess.PIPE
        )
        for start in (1000, 2000)
    ]
    for writer in writers:
        writer.stdin.close()
    loaded = 0
    while any(writer.poll() is None for writer in writers):
        [entry] = store.find(A)
        with contextlib.suppress(StoreError):
            body = store.load(entry)
            assert body.stream.decode() == entry.title
            assert bytes(body.buffers[0]) == body.stream * 100_000
            loaded += 1
    assert [writer.wait() for writer in writers] == [0, 0]
    assert loaded > 0
    assert len([path for path in files_below(store.location) if path.name == FILE_NAME]) == 1


def test_writing_survives_a_folder_removed_meanwhile(store, monkeypatch):
    """Another process that prunes the folder under a writer only makes it begin again."""
    real = os.replace
    calls = []

    def prune_first(source, target):
        calls.append(source)
        if len(calls) == 1:
            os.unlink(source)
            os.rmdir(os.path.dirname(source))
        real(source, target)

    monkeypatch.setattr(os, "replace", prune_first)
    stored = store.put(ENTRY, Body(b"stream"))
    assert store.load(stored).stream == b"stream"
    assert len(calls) == 2


@pytest.mark.skipif(os.name != "posix", reason="folders are synchronised where they can be opened")
@pytest.mark.parametrize("asked", ["1", "0"])
def test_what_is_stored_is_on_the_disk_where_that_is_asked_for(tmp_path, monkeypatch, asked):
    """With ``NBCACHE_FSYNC=1`` blobs, then the entry, then its name are waited for; else none."""
    monkeypatch.setenv("NBCACHE_FSYNC", asked)
    seen, sync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (seen.append(os.fstat(file).st_ino), sync(file)))
    LocalStore(tmp_path / "store", b"k" * 32).put(
        Entry("a" * 32, "1" * 16, 1.0, None, 1.0), Body(b"stream", [bytes(100_000)])
    )
    [blob] = (tmp_path / "store").rglob("*-100000")
    [path] = (tmp_path / "store").rglob("output.nbc")
    order = [one.stat().st_ino for one in (blob, blob.parent, path, *path.parents[:3])]
    assert [one for one in seen if one in order[:3]] + seen[-3:] == (order if asked == "1" else [])
