"""Storing and restoring values, beside joblib, pickle, diskcache and plain files."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from board import PEERS, Act, Goal, Line, faster, line_of, within
from restores import Shelf, shelf, tree, write_plainly

WRITE, READ = "plain write", "plain read"
DUMP, LOAD = "joblib.dump", "joblib.load"


def array(quick: bool) -> Any:
    return np.random.default_rng(0).random(1 << 24 if quick else 1 << 27)


def frame(quick: bool) -> Any:
    import pandas

    return pandas.DataFrame(np.random.default_rng(0).random((200_000 if quick else 2_000_000, 10)))


def flat_tree(quick: bool) -> Any:
    """Return dicts of plain values in lists, as a parsed file is."""
    count = 20_000 if quick else 200_000
    return [
        {"id": i, "name": f"item {i}", "tags": ["a", "b"], "price": i / 7} for i in range(count)
    ]


def tree_of_arrays(quick: bool) -> Any:
    return tree(8 if quick else 10, np.random.default_rng(0))


def _write_bytes(path: Path, memory: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(memory)


def _put_anew(place: Shelf, value: Any, numbers: Any) -> None:
    """Store into a folder of its own each time, so that nothing is there already."""
    place.put(value, f"store {next(numbers)}")


def stored(make: Callable[[bool], Any], goals: tuple[Goal, ...], quick: bool) -> Line:
    """Time one value on its way to the disk."""
    value = make(quick)
    with shelf() as place:
        folder, numbers = place.folder, itertools.count()
        raw: Act
        if isinstance(value, np.ndarray):
            raw = partial(write_plainly, folder / "raw", value)
        else:
            raw = partial(_write_bytes, folder / "raw", pickle.dumps(value, protocol=5))
        peers: dict[str, Act] = {
            DUMP: partial(joblib.dump, value, folder / "dump"),
            "pickle": lambda: _write_bytes(folder / "pickle", pickle.dumps(value, protocol=5)),
            **_diskcache(folder, value)[0],
        }
        own = partial(_put_anew, place, value, numbers)
        return line_of(own, peers=peers, limits={WRITE: raw}, goals=goals, rounds=3)


def _diskcache(folder: Path, value: Any) -> tuple[dict[str, Act], dict[str, Act]]:
    """Return how diskcache stores and gives back a value, where it is installed."""
    try:
        import diskcache
    except ImportError:
        return {}, {}
    cache = diskcache.Cache(str(folder / "diskcache"))
    cache.set("key", value)
    return {"diskcache": lambda: cache.set("key", value)}, {"diskcache": lambda: cache["key"]}


def restored(
    make: Callable[[bool], Any], use: Callable[[Any], Any], goals: tuple[Goal, ...], quick: bool
) -> Line:
    """Time one value on its way back, up to what is done with it first."""
    value = make(quick)
    with shelf() as place:
        path = place.folder / "dump"
        place.put(value)
        joblib.dump(value, path)
        raw = place.folder / "raw"
        raw.write_bytes(pickle.dumps(value, protocol=5))
        peers: dict[str, Act] = {
            LOAD: lambda: use(joblib.load(path)),
            "pickle": lambda: use(pickle.loads(raw.read_bytes())),
        }
        peers |= {name: lambda get=get: use(get()) for name, get in
                  _diskcache(place.folder, value)[1].items()}  # fmt: skip
        limits: dict[str, Act] = {READ: raw.read_bytes}
        return line_of(lambda: use(place.get()), peers=peers, limits=limits, goals=goals)


WORK: dict[str, Callable[[bool], Line]] = {
    "store an array": partial(stored, array, (within(WRITE, 1.15), faster(PEERS, 1))),
    "store a frame": partial(stored, frame, (faster(DUMP, 1.5), faster(PEERS, 1))),
    "store a flat tree": partial(stored, flat_tree, (faster(DUMP, 20), faster(PEERS, 1))),
    "restore an array, first use": partial(
        restored, array, lambda one: one[0], (faster(LOAD, 100), faster(PEERS, 1))
    ),
    "restore an array, read all": partial(
        restored, array, np.sum, (faster(LOAD, 4), faster(PEERS, 1))
    ),
    "restore a frame": partial(restored, frame, len, (faster(LOAD, 15), faster(PEERS, 1))),
    "restore a flat tree": partial(restored, flat_tree, len, (faster(LOAD, 8), faster(PEERS, 1))),
    "restore a tree of arrays": partial(
        restored, tree_of_arrays, len, (faster(LOAD, 8), faster(PEERS, 1))
    ),
}
