"""joblib on nbcache's files never unpickles, reads or clears what it should not."""

import os
import pathlib
import pickle
import stat

import pytest
from stored_items import item_files

from nbcache.entry import Body, Entry
from nbcache.errors import ForeignEntry, StoreError, StoreUnavailable
from nbcache.store.format import encode
from nbcache.store.opening import open_memory, open_store

CELL = Entry("a" * 32, "1" * 16, 5.0, None, 1.0)


@pytest.mark.parametrize("cut", [0, 10, 64, 200, -1])
def test_truncated_item_is_not_contained(memory, double, calls, cut):
    """A file that is not complete does not count as cached."""
    cached = memory.cache(double)
    cached("text" * 100)
    [path] = item_files(memory)
    path.write_bytes(path.read_bytes()[:cut])
    assert not cached.check_call_in_cache("text" * 100)
    cached("text" * 100)
    assert len(calls) == 2
    assert cached.check_call_in_cache("text" * 100)


def test_damaged_item_is_computed_again(memory, double, calls, caplog):
    """A complete file with a wrong byte is computed again, and joblib logs why."""
    cached = memory.cache(double)
    cached("text")
    [path] = item_files(memory)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    assert cached("text") == "texttext"
    assert "DamagedEntry" in caplog.text
    assert len(calls) == 2


class Trap:
    """Pickles as a call that leaves a trace when it is loaded."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return (open, (str(self.trace), "w"))


def test_foreign_item_is_never_unpickled(memory, double, calls, tmp_path):
    """A payload that another key signed leaves no trace and is computed again."""
    cached = memory.cache(double)
    shelved = cached.call_and_shelve(2)
    [path] = item_files(memory)
    entry = Entry(shelved.args_id, "1" * 16, 1000.0, None, 0.0, title=cached.func_id)
    forged = encode(entry, Body(pickle.dumps(Trap(tmp_path / "trace"))), b"g" * 32)
    path.write_bytes(b"".join(bytes(chunk) for chunk in forged.chunks))
    with pytest.raises(ForeignEntry):
        shelved.get()
    assert cached(2) == 4
    assert calls == [2, 2]
    assert not (tmp_path / "trace").exists()


def test_item_of_another_call_is_not_served(memory, double):
    """A genuine result that was copied under another call's name is not served."""
    cached = memory.cache(double)
    cached(2), cached(3)
    one, other = item_files(memory)
    other.write_bytes(one.read_bytes())
    assert sorted([cached(2), cached(3)]) == [4, 6]


def test_cell_entries_are_not_loaded_through_joblib(place, clock):
    """A cell's entry is the session's: joblib sees it, and refuses to unpickle it."""
    store = open_store(**place, clock=clock)
    store.put(CELL, Body(pickle.dumps(1)))
    call_id = ("nbcache/cells/aaa", CELL.name)
    assert store.memory.store_backend.contains_item(call_id)
    assert store.memory.store_backend.get_metadata(call_id)["time"] == CELL.stored_at
    with pytest.raises(ForeignEntry):
        store.memory.store_backend.load_item(call_id)


def test_everything_of_joblib_is_private_too(memory, double):
    """Function code and metadata that joblib writes are as private as the entries."""
    old = os.umask(0)
    try:
        memory.cache(double)(2)
    finally:
        os.umask(old)
    below = list(pathlib.Path(memory.store_backend.location).rglob("*"))
    assert {path.name for path in below} > {"output.nbc", "metadata.json", "func_code.py"}
    for path in below:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize("call_id", [("..", "a" * 32), ("f", "../../../x"), ("/etc", "passwd")])
def test_call_ids_cannot_leave_the_store(memory, call_id):
    """A call id that leads out of the store is refused."""
    backend = memory.store_backend
    for act in (backend.contains_item, backend.load_item):
        with pytest.raises(StoreError, match="out of the store"):
            act(call_id)


def test_locations_outside_are_not_cleared(memory, tmp_path):
    """Only folders of the store can be cleared."""
    (tmp_path / "mine").mkdir()
    with pytest.raises(StoreError, match="outside"):
        memory.store_backend.clear_location(str(tmp_path / "mine"))
    assert (tmp_path / "mine").exists()


def test_unsafe_location_is_refused_on_opening(place):
    """A Memory on a folder that others can write is refused at once."""
    place["location"].mkdir()
    place["location"].chmod(0o777)
    with pytest.raises(StoreUnavailable, match="chmod go-w"):
        open_memory(**place)
