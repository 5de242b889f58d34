"""A store of 100,000 entries beside joblib's stock backend, diskcache and a store of ten.

``python tests/benchmarks/many.py [ENTRIES] [FOLDER]`` prints one table. All figures are processor
time of this process; the cases of a group take turns, so that a busy machine slows them alike.
A folder that was filled before is used again.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib

from nbcache.entry import Body, Entry
from nbcache.store.limits import Bounds
from nbcache.store.opening import open_store
from nbcache.store.shards import SETTLED_NS

LOOKUPS = 1000
ROUNDS = 5
EVICTED = 1000
SLOW_ROUNDS = 2


def key_of(number: int) -> str:
    return hashlib.md5(b"%d" % number).hexdigest()


def fill(store: Any, count: int) -> None:
    """Store small entries of fifty notebooks; every second one has expired."""
    began = time.time()
    for number in range(count):
        entry = Entry(
            key=key_of(number),
            variant="1" * 16,
            stored_at=began - number % 1000,
            ttl=None if number % 2 else 0.001,
            cost=0.1 + number % 7,
            title="y = model.fit(x)",
            notebook=f"/home/me/work/{number % 50}.ipynb",
            parts={"source": key_of(number % 500), "input x": key_of(number)},
            outputs=({"type": "stream", "name": "stdout", "text": "done"},),
        )
        store.put(entry, Body(b"x" * 200))


def seconds_of(act: Callable[[], Any]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began


def in_turns(rounds: int, **acts: Callable[[], Any]) -> dict[str, float]:
    """Return the median seconds of each act; one round does not count."""
    found: dict[str, list[float]] = {name: [] for name in acts}
    for turn in range(rounds + 1):
        for name, act in acts.items():
            seconds = seconds_of(act)
            if turn:
                found[name].append(seconds)
    return {name: statistics.median(seconds) for name, seconds in found.items()}


def opened(folder: Path, count: int) -> Any:
    store = open_store(folder / str(count), key_folder=folder / "keys")
    if not (folder / f"{count} filled").exists():
        fill(store, count)
        (folder / f"{count} filled").touch()
    store.items()
    time.sleep(SETTLED_NS / 1e9 + 0.5)  # as a store is that nobody fills at this moment
    store.items()
    return store


def opened_anew(folder: Path, count: int) -> Any:
    return open_store(folder / str(count), key_folder=folder / "keys")


def firsts(open_one: Any, get: Callable[[Any, str], Any], keys: list[str]) -> Callable[[], None]:
    """Return what looks keys up that were never looked up in a store that is open since before."""
    fresh = [open_one() for _ in range(ROUNDS + 1)]
    for one in fresh:
        get(one, key_of(-1))

    def act() -> None:
        one = fresh.pop()
        for key in keys:
            get(one, key)
        getattr(one, "close", lambda: None)()

    return act


def look_ups(folder: Path, few: Any, many: Any, count: int) -> dict[str, float]:
    """Return the seconds of one look-up and of one hit, in each store."""
    keys = [key_of(number) for number in range(0, count, max(1, count // LOOKUPS))][:LOOKUPS]
    some = [key_of(number % 10) for number in range(len(keys))]

    def find(store: Any, wanted: list[str]) -> Callable[[], None]:
        return lambda: [store.find(key) for key in wanted] and None

    anew = functools.partial(opened_anew, folder, count)

    def hit(store: Any, wanted: list[str]) -> Callable[[], None]:
        return lambda: [store.load(store.find(key)[0]) for key in wanted] and None

    acts = {
        "look-up, 10 entries": find(few, some),
        "look-up": find(many, keys),
        "look-up, first time": firsts(anew, lambda store, key: store.find(key), keys),
    }
    try:
        peer = importlib.import_module("diskcache").Cache(str(folder / "diskcache"))
    except ImportError:
        peer = None
    if peer is not None:
        if len(peer) < count:
            with peer.transact():
                for number in range(count):
                    peer.set(key_of(number), b"x" * 200)
        acts["diskcache"] = lambda: [peer.get(key) for key in keys] and None
        again = functools.partial(type(peer), peer.directory)
        acts["diskcache, first time"] = firsts(again, lambda cache, key: cache.get(key), keys)
    found = in_turns(ROUNDS, **acts)  # before any hit: a file that was just used is read again
    found |= in_turns(ROUNDS, **{"hit, 10 entries": hit(few, some), "hit": hit(many, keys)})
    if peer is not None:
        peer.close()
    return {name: seconds / len(keys) for name, seconds in found.items()}


def whole_stores(store: Any) -> dict[str, float]:
    """Return the seconds of what looks at all entries, and of joblib's stock backend for it."""
    stock = joblib.Memory(store.location, verbose=0).store_backend
    quick = in_turns(
        ROUNDS,
        total=lambda: store.size_bytes,
        expired=lambda: store.prune(Bounds(expired_for=0.0), dry_run=True).removed,
        listing=store.items,
    )
    # The stock backend's one way to a total, to what is old and to a list is this walk.
    walk = in_turns(SLOW_ROUNDS, stock=stock.get_items)["stock"]
    return {**quick, "stock's walk": walk}


def evictions(store: Any) -> dict[str, float]:
    """Return the seconds of evicting 1,000 entries, twice each, in turns.

    Beside them those of nothing but removing as many files and folders whose names are known:
    what nobody can do without.
    """
    stock = joblib.Memory(store.location, verbose=0)
    own, other, bare = [], [], []
    for _ in range(SLOW_ROUNDS):
        items = store.items()
        folders = [path for path, _, _ in items[:: len(items) // EVICTED]][:EVICTED]
        bare.append(seconds_of(lambda folders=folders: remove_folders(folders)))
        time.sleep(SETTLED_NS / 1e9 + 0.5)
        left = len(store.rows()) - EVICTED
        bounds = Bounds(max_items=left)
        own.append(seconds_of(lambda bounds=bounds: store.prune(bounds)))
        limit = left - EVICTED
        other.append(seconds_of(lambda limit=limit: stock.reduce_size(items_limit=limit)))
    assert len(store.rows()) == len(list(store.entries())) == left - EVICTED
    return {"evict": min(own), "stock's eviction": min(other), "removing alone": min(bare)}


def remove_folders(folders: list[str]) -> None:
    for folder in folders:
        os.unlink(f"{folder}/output.nbc")
        os.rmdir(folder)


def measure(count: int, folder: Path) -> dict[str, float]:
    """Return all figures in seconds; the store is 6,000 entries smaller afterwards."""
    few, many = opened(folder, 10), opened(folder, count)
    found = look_ups(folder, few, many, count) | whole_stores(many) | evictions(many)
    (folder / f"{count} filled").unlink()
    return found


def ratios(found: dict[str, float]) -> dict[str, float]:
    """Return what is promised of the figures."""
    told = {
        "hit, to one of ten": found["hit"] / found["hit, 10 entries"],
        "look-up, to one of ten": found["look-up"] / found["look-up, 10 entries"],
        "total, faster than joblib": found["stock's walk"] / found["total"],
        "expired, faster than joblib": found["stock's walk"] / found["expired"],
        "listing, faster than joblib": found["stock's walk"] / found["listing"],
        "evicting 1,000, faster than joblib": found["stock's eviction"] / found["evict"],
        "limit: removing 1,000 alone": found["stock's eviction"] / found["removing alone"],
    }
    if "diskcache" in found:
        told["look-up, to diskcache's"] = found["look-up"] / found["diskcache"]
        first = found["look-up, first time"] / found["diskcache, first time"]
        told["first look-up, to diskcache's"] = first
    return told


def table(found: dict[str, float], count: int) -> str:
    """Return figures and ratios for people."""
    lines = ["", f"{count:,} entries (processor time)"]
    lines += [f"{name:<36} {1e6 * seconds:>12,.0f} µs" for name, seconds in found.items()]
    lines += [f"{name:<36} {ratio:>12.2f} x" for name, ratio in ratios(found).items()]
    return "\n".join(lines)


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as made:
        figures = measure(size, Path(sys.argv[2] if len(sys.argv) > 2 else made))
    sys.stdout.write(table(figures, size) + "\n")
    sys.stdout.write(json.dumps(figures) + "\n")
