"""joblib's limits on nbcache's files: the least recently used goes first."""

import datetime
import os
import time
from dataclasses import replace
from pathlib import Path

import joblib
from stored_items import item_files

from nbcache.entry import Body, Entry
from nbcache.store.limits import Bounds
from nbcache.store.opening import open_store

CELL = Entry("a" * 32, "1" * 16, 5.0, None, 1.0)


def fill(memory, double, clock, count=5):
    """Cache ``count`` calls, each used one second after the one before."""
    cached = memory.cache(double)
    for x in range(count):
        cached("v" * x)
    paths = {}
    for path in item_files(memory):
        for x in range(count):
            if path.parent.name == cached.call_and_shelve("v" * x).args_id:
                paths[x] = path
    base = datetime.datetime.now().timestamp() - 1000
    for x, path in paths.items():
        for file in path.parent.iterdir():
            os.utime(file, (base + x, base + x))
    return cached


def test_items_limit_keeps_the_last_used(memory, double, calls, clock):
    """``reduce_size(items_limit=)`` removes the items that were used longest ago."""
    cached = fill(memory, double, clock)
    cached("")
    memory.reduce_size(items_limit=2)
    assert [cached.check_call_in_cache("v" * x) for x in range(5)] == [True, *[False] * 3, True]


def test_bytes_limit(memory, double, clock):
    """``reduce_size(bytes_limit=)`` removes old items until the rest fits."""
    cached = fill(memory, double, clock)
    sizes = [item.size for item in memory.store_backend.get_items()]
    assert len(sizes) == 5
    memory.reduce_size(bytes_limit=sum(sizes) - 1)
    assert [cached.check_call_in_cache("v" * x) for x in range(5)] == [False, *[True] * 4]
    memory.reduce_size(bytes_limit="0K")
    assert memory.store_backend.get_items() == []


def test_age_limit(memory, double, clock):
    """``reduce_size(age_limit=)`` removes what was not used for so long."""
    cached = fill(memory, double, clock)
    cached("vvv")
    memory.reduce_size(age_limit=datetime.timedelta(seconds=500))
    assert [cached.check_call_in_cache("v" * x) for x in range(5)] == [*[False] * 3, True, False]


def test_limits_cover_cells_and_calls_alike(place, clock, double):
    """Cells and joblib's own results share one store, its size and its limits."""
    store = open_store(**place, clock=clock)
    store.put(CELL, Body(bytes(10_000)))
    store.memory.cache(double)(2)
    items = store.memory.store_backend.get_items()
    assert len(items) == 2
    assert store.size_bytes == sum(item.size for item in items) > 10_000
    store.reduce_size(items_limit=0)
    assert store.size_bytes == 0
    assert list(store.entries()) == []


def test_unfinished_item_of_a_killed_process_is_an_item(place, clock):
    """What a killed writer left behind counts, so that limits remove it."""
    store = open_store(**place, clock=clock)
    store.put(CELL, Body(b""))
    [path] = item_files(store.memory)
    path.rename(path.with_name(".writing-abc"))
    assert len(store.memory.store_backend.get_items()) == 1
    store.reduce_size(items_limit=0)
    assert not path.parent.exists()


def test_stock_backend_sees_the_same_items(place, clock):
    """joblib's own file backend on the same location counts and prunes our entries."""
    store = open_store(**place, clock=clock)
    store.put(CELL, Body(bytes(5000)))
    stock = joblib.Memory(str(place["location"]), verbose=0)
    [item] = stock.store_backend.get_items()
    assert item.size > 5000
    stock.reduce_size(items_limit=0)
    assert list(store.entries()) == []


def test_what_the_stock_backend_removes_is_tidied_up_after(place):
    """Stock joblib sees no large values: it breaks nothing, and the janitor frees what it left."""
    store = open_store(**place)
    shared, own = os.urandom(1 << 20), os.urandom(1 << 20)
    held = {"0" * 16: [own, shared], "1" * 16: [shared], "2" * 16: []}
    for variant, large in held.items():
        store.put(replace(CELL, variant=variant), Body(b"s", large))
    assert store.size_bytes > 2 << 20
    stock = joblib.Memory(store.location, verbose=0)
    for count in (2, 1, 0):
        stock.reduce_size(items_limit=count)  # which of them is up to the times of folders
        left = store.find(CELL.key)
        assert len(left) == count
        for entry in left:
            assert list(map(bytes, store.load(entry).buffers)) == held[entry.variant]
        for _ in store.upkeep(Bounds(), time.time()):
            pass
        blobs = [path.stat().st_size for path in Path(store.location).rglob("*-1048576")]
        assert sum(blobs) == len({one for entry in left for one in held[entry.variant]}) << 20
        assert store.size_bytes >> 20 == sum(blobs) >> 20
    stock.clear(warn=False)
    assert store.load(store.put(CELL, Body(b"s", (own,)))).stream == b"s"
