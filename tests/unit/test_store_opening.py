"""A session's way to its store."""

import errno
import os
import pathlib
import subprocess
import sys
from contextlib import nullcontext

import pytest

from nbcache.entry import Body, Entry
from nbcache.errors import StoreError, StoreUnavailable
from nbcache.store import opening
from nbcache.store.opening import find_location, open_store

ENTRY = Entry("a" * 32, "1" * 16, 5.0, None, 1.0)


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "store", key_folder=tmp_path / "keys")


def test_what_is_put_through_joblib_is_read_from_the_files(store, tmp_path):
    """An entry written through joblib's Memory is found and loaded without it."""
    stored = store.put(ENTRY, Body(b"stream", (b"buffer",)))
    again = open_store(tmp_path / "store", key_folder=tmp_path / "keys")
    assert list(again.entries()) == again.find(ENTRY.key) == [stored]
    assert again.load(stored).stream == b"stream"
    again.remove(stored)
    assert again.find(ENTRY.key) == []


def test_location_is_named_by_the_environment(tmp_path):
    """NBCACHE_DIR says where entries live; else the user's cache folder does."""
    assert find_location({"NBCACHE_DIR": "/x/y"}) == "/x/y"
    assert find_location({}).endswith("nbcache")


def test_location_does_not_move_with_the_working_directory(tmp_path, monkeypatch):
    """A relative location stays where it was when the notebook changes directory."""
    monkeypatch.chdir(tmp_path)
    store = open_store("store", key_folder=tmp_path / "keys")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.put(ENTRY, Body(b""))
    assert len(list(store.entries())) == 1
    assert os.listdir(tmp_path / "elsewhere") == []
    assert store.label == store.location == str(tmp_path / "store")


def test_reading_and_writing_use_one_key(tmp_path, monkeypatch):
    """A cell that changes where keys live does not part writing from reading."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NBCACHE_KEY_DIR", "keys")
    store = open_store("store")
    monkeypatch.setenv("NBCACHE_KEY_DIR", str(tmp_path / "others"))
    stored = store.put(ENTRY, Body(b""))
    assert store.find(ENTRY.key) == [stored]


def test_opening_makes_no_folder(store):
    """Opening and looking up make no folder; the first write does."""
    assert list(store.find(ENTRY.key)) == []
    assert store.size_bytes == 0
    assert not pathlib.Path(store.location).exists()
    store.put(ENTRY, Body(b""))
    assert pathlib.Path(store.location).exists()


def test_hits_do_not_import_joblib(store, tmp_path):
    """Looking up, loading, listing and removing leave joblib unimported."""
    store.put(ENTRY, Body(b"stream", (bytes(2 << 20),)))
    code = (
        "import sys; from nbcache.store.opening import open_store;"
        "store = open_store(sys.argv[1], key_folder=sys.argv[2]);"
        "[entry] = store.find('a' * 32); body = store.load(entry); list(store.entries());"
        "store.size_bytes; store.remove(entry);"
        "print(body.stream, 'joblib' in sys.modules, 'numpy' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "store", tmp_path / "keys"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "b'stream' False False\n"


def test_network_folders_are_copied_not_mapped(tmp_path, monkeypatch):
    """On a network file system buffers are copied: a map there is slow and can break."""
    monkeypatch.setattr(opening, "is_network_folder", lambda _: True)
    store = open_store(tmp_path / "store", key_folder=tmp_path / "keys")
    stored = store.put(ENTRY, Body(b"", (bytes(2 << 20),)))
    assert isinstance(store.load(stored).buffers[0], bytearray)


def test_unusable_key_is_a_store_error(tmp_path):
    """A session learns of an unusable key when it opens the store."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "signing.key").write_bytes(b"short")
    (tmp_path / "keys" / "signing.key").chmod(0o600)
    with pytest.raises(StoreError, match="32 bytes"):
        open_store(tmp_path / "store", key_folder=tmp_path / "keys")


def test_failed_write_is_raised_to_the_session(store, monkeypatch):
    """A cell that could not be stored is an error with the way out, not joblib's warning."""

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nbcache.store.folder.os.write", fail)
    with pytest.raises(StoreUnavailable, match="disk is full"):
        store.put(ENTRY, Body(b""))


def test_unsafe_folder_is_raised_on_the_first_write(store):
    """A store that turns unsafe between two writes is refused."""
    store.put(ENTRY, Body(b""))
    os.chmod(store.location, 0o777)
    with pytest.raises(StoreUnavailable, match="chmod go-w"):
        store.put(ENTRY, Body(b""))


def test_clear_and_limits_reach_cells(store):
    """Clearing and limits of joblib's Memory remove cells."""
    for digit in "123":
        store.put(Entry("a" * 32, digit * 16, 5.0, None, 1.0), Body(b""))
    store.reduce_size(items_limit=2)
    assert len(list(store.entries())) == 2
    store.clear()
    assert list(store.entries()) == []
    store.put(ENTRY, Body(b""))
    assert len(store.find(ENTRY.key)) == 1


@pytest.mark.parametrize(
    ("number", "told"),
    [(errno.EROFS, "the file system is read-only"), (errno.EACCES, "you may not"), (0, "")],
)
def test_a_store_that_cannot_be_cleared_says_why(store, monkeypatch, number, told):
    """What stays is told with its reason, through joblib as well; what others remove is not."""
    store.put(ENTRY, Body(b""))
    unlink = os.unlink

    def refuse(path, **more):
        if not number:
            unlink(path, **more)  # somebody was quicker
        raise OSError(number or errno.ENOENT, "no")

    monkeypatch.setattr(os, "unlink", refuse)
    for clear in (store.clear, lambda: store.memory.clear(warn=False)):
        with pytest.raises(StoreUnavailable, match=told) if number else nullcontext():
            clear()
    monkeypatch.undo()
    assert len(list(store.entries())) == bool(number)
    store.clear()
    assert list(store.entries()) == []
