"""A store that cannot write says why and what to do, and leaves nothing half-done."""

import errno
import os
import pathlib
import subprocess
import sys
import tempfile

import pytest

from nbcache.entry import Body, Entry
from nbcache.errors import StoreUnavailable
from nbcache.store.local import LocalStore

KEY = b"k" * 32
ENTRY = Entry("a" * 32, "1" * 16, 5.0, None, 1.0)
LATER = Entry("a" * 32, "1" * 16, 6.0, None, 1.0)
BODY = Body(b"stream", (bytes(100_000),))

SENTENCES = {
    errno.ENOSPC: "disk is full.*prune",
    errno.EDQUOT: "quota.*prune",
    errno.EFBIG: "larger than allowed.*ulimit",
    errno.EROFS: "read-only.*NBCACHE_DIR",
    errno.EACCES: "may not write.*NBCACHE_DIR",
    errno.EPERM: "forbids.*NBCACHE_DIR",
    errno.EIO: "reports an error.*NBCACHE_DIR",
    errno.ENAMETOOLONG: "Check the folder",
}


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store", KEY)


def failing(error):
    def fail(*_, **__):
        raise error

    return fail


def entry_files(store):
    return [p for p in pathlib.Path(store.location, "joblib/nbcache").rglob("*") if p.is_file()]


@pytest.mark.parametrize("number", SENTENCES)
@pytest.mark.parametrize("call", ["write", "replace", "open", "mkdir"])
def test_failed_write_says_why_and_leaves_nothing(store, monkeypatch, call, number):
    """Whichever call fails, the error says what to do and no file or folder of it stays."""
    monkeypatch.setattr(os, call, failing(OSError(number, os.strerror(number))))
    with pytest.raises(StoreUnavailable, match=SENTENCES[number]):
        store.put(ENTRY, BODY)
    monkeypatch.undo()
    assert entry_files(store) == []
    assert store.find(ENTRY.key) in ([], ())
    assert not list(pathlib.Path(store.location).rglob(ENTRY.name))


def test_failed_write_keeps_the_earlier_recording(store, monkeypatch):
    """A full disk while an entry is replaced leaves the earlier one in place."""
    old = store.put(ENTRY, BODY)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", failing(OSError(errno.ENOSPC, "full")))
        with pytest.raises(StoreUnavailable):
            store.put(LATER, BODY)
    assert store.find(ENTRY.key) == [old]
    assert store.load(old).buffers == BODY.buffers


@pytest.mark.parametrize("call", ["write", "replace"])
@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, MemoryError])
def test_interrupted_write_leaves_nothing_and_passes_on(store, monkeypatch, call, interrupt):
    """An interrupt in the middle of a write reaches the caller; nothing of it is visible."""
    monkeypatch.setattr(os, call, failing(interrupt()))
    with pytest.raises(interrupt):
        store.put(ENTRY, BODY)
    monkeypatch.undo()
    assert entry_files(store) == []
    assert store.find(ENTRY.key) == []


def test_short_writes_are_continued(store, monkeypatch):
    """A system that writes less than asked is asked again."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, view: real(descriptor, view[:777]))
    stored = store.put(ENTRY, BODY)
    monkeypatch.undo()
    assert bytes(store.load(stored).buffers[0]) == bytes(100_000)


LIMITED = """
import resource, sys
from nbcache.entry import Body, Entry
from nbcache.errors import StoreUnavailable
from nbcache.store.local import LocalStore
store = LocalStore(sys.argv[1], b"k" * 32)
entry = Entry("a" * 32, "1" * 16, 5.0, None, 1.0)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    store.put(entry, Body(b"", (bytes(100_000),)))
except StoreUnavailable as error:
    print(error)
print(store.find(entry.key), store.put(entry, Body(b"")).size_bytes < 1000)
"""


def test_real_limit_of_the_system_is_survived(store):
    """A real refusal of the system in mid-file leaves nothing; smaller entries still fit."""
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, store.location], capture_output=True, text=True, check=True
    )
    sentence, rest = run.stdout.splitlines()
    assert "larger than allowed" in sentence
    assert rest == "[] True"
    assert len(entry_files(store)) == 1


FULL = """
import resource, sys, time
from nbcache.entry import Body, Entry
from nbcache.store.limits import Bounds
from nbcache.store.opening import open_store
store = open_store(sys.argv[1], key_folder=sys.argv[1] + " keys")
for number in range(9):
    store.put(Entry(f"{number}" * 32, "1" * 16, 5.0, None, 1.0 + number), Body(b""))
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
for _ in store.upkeep(Bounds(max_items=2), time.time()):
    pass
print(*sorted(row.key[0] for row in store.rows()), len(list(store.entries())))
"""


def test_a_full_disk_is_cleaned_up_without_room_for_an_index(tmp_path):
    """Bounds are kept, and entries listed, where no index can be written any more."""
    command = [sys.executable, "-c", FULL, str(tmp_path / "store")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["7", "8", "2"]
    assert not list((tmp_path / "store").glob("index*"))


READ_ONLY = """
import os, sys, joblib, nbcache.store.joblib_backend, warnings
from nbcache.entry import Body, Entry
from nbcache.errors import StoreUnavailable
from nbcache.store.local import LocalStore
location, shard = sys.argv[1], sys.argv[1] + "/joblib/nbcache/cells/aaa"
if os.getuid() == 0:
    # root may write anywhere: become nobody, who may not
    os.chown(os.path.dirname(location), 65534, 65534)
    os.setuid(65534)
store = LocalStore(location, b"k" * 32)
stored = store.put(Entry("a" * 32, "1" * 16, 5.0, None, 1.0), Body(b"stream"))
os.chmod(shard, 0o500)
try:
    store.put(Entry("a" * 32, "2" * 16, 5.0, None, 1.0), Body(b""))
except StoreUnavailable as error:
    print(error)
print(store.find("a" * 32) == [stored], store.load(stored).stream)
os.chmod(shard, 0o000)
warnings.simplefilter("always")
print(store.find("a" * 32), list(store.entries()))
os.chmod(shard, 0o700)
"""


def test_read_only_folder_is_unavailable():
    """A folder without write permission is a sentence, and reading it goes on."""
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            [sys.executable, "-c", READ_ONLY, f"{folder}/store"],
            capture_output=True,
            text=True,
            check=True,
        )
    sentence, *rest = run.stdout.splitlines()
    assert "you may not write there. Name a folder of your own in NBCACHE_DIR" in sentence
    assert rest == ["True b'stream'", "[] []"]
    assert run.stderr.count("CacheWarning") == 1


def test_read_only_file_system_still_serves_hits(store, monkeypatch):
    """On a read-only file system entries load, though their use cannot be marked."""
    stored = store.put(ENTRY, BODY)
    read_only = OSError(errno.EROFS, "read-only")
    for call in ("utime", "mkdir", "replace", "write"):
        monkeypatch.setattr(os, call, failing(read_only))
    assert store.find(ENTRY.key) == [stored]
    assert store.load(stored).stream == BODY.stream
    with pytest.raises(StoreUnavailable):
        store.put(LATER, BODY)


def test_unreadable_disk_is_a_store_error(store, monkeypatch):
    """A disk error while loading is a StoreUnavailable with the way out."""
    stored = store.put(ENTRY, BODY)
    monkeypatch.setattr(os, "open", failing(OSError(errno.EIO, "I/O error")))
    with pytest.raises(StoreUnavailable, match="Check the disk"):
        store.load(stored)


def test_entry_that_cannot_be_removed_says_so(store, monkeypatch):
    """Removing from a read-only store is a sentence, not silence."""
    stored = store.put(ENTRY, BODY)
    monkeypatch.setattr(os, "unlink", failing(OSError(errno.EROFS, "read-only")))
    with pytest.raises(StoreUnavailable, match="read-only"):
        store.remove(stored)
