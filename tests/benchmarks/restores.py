"""Storing and restoring large values: against plain files, and against joblib."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from measuring import Case, Table, take_turns

from nbcache.entry import Entry
from nbcache.heap.walk import Walk
from nbcache.replay.codec import dump, load
from nbcache.store.local import LocalStore

KEY = b"k" * 32
FIRST, LAST, PUT = "restore, first element", "restore, every element", "store"
THEIR_FIRST, READ, WRITE = "joblib.load, first element", "plain read", "plain write"
AGAIN = "store what is there already"
_SLICE = 16 << 20


@dataclass
class Shelf:
    """A folder with one value in it: stored by us, dumped by joblib, written as it is."""

    folder: Path

    def store(self, name: str = "store") -> LocalStore:
        return LocalStore(self.folder / name, KEY)

    def put(self, value: Any, name: str = "store", number: int = 0) -> None:
        body = dump({"bind": {"value": value}, "patches": []}, Walk({}))
        self.store(name).put(Entry(f"{number:032x}", "b" * 16, 1.0, None, 1.0), body)

    def get(self, name: str = "store", number: int = 0) -> Any:
        store = self.store(name)
        body = store.load(store.find(f"{number:032x}")[0])
        return load(body, Walk({}))["bind"]["value"]

    def remove(self, name: str) -> None:
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def bytes_of(self, name: str) -> int:
        paths = (self.folder / name).rglob("*")
        return sum(path.stat().st_size for path in paths if path.is_file())


@contextmanager
def shelf() -> Iterator[Shelf]:
    with tempfile.TemporaryDirectory(prefix="nbcache-bench-") as folder:
        yield Shelf(Path(folder))


def write_plainly(path: Path, value: Any) -> None:
    view, done = memoryview(value).cast("B"), 0
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        while done < view.nbytes:
            done += os.write(descriptor, view[done : done + _SLICE])
    finally:
        os.close(descriptor)


def time_large_array(rounds: int, size_bytes: int = 1 << 30) -> Table:
    """Time one array of floats: to its first element, to its last, and on its way to the disk."""
    value = np.random.default_rng(0).random(size_bytes // 8)
    own = os.getpid()
    with shelf() as place:
        place.put(value)
        joblib.dump(value, place.folder / "dump")
        write_plainly(place.folder / "raw", value)
        cases = [
            Case(THEIR_FIRST, lambda _: joblib.load(place.folder / "dump")[0], process=own),
            Case(FIRST, lambda _: place.get()[0], THEIR_FIRST, process=own),
            Case(READ, lambda _: np.fromfile(place.folder / "raw").sum(), process=own),
            Case(LAST, lambda _: place.get().sum(), READ, process=own),
            Case(
                WRITE,
                lambda _: write_plainly(place.folder / "new", value),
                prepare=lambda: (place.folder / "new").unlink(missing_ok=True),
                process=own,
            ),
            Case(
                PUT,
                lambda _: place.put(value, "other"),
                WRITE,
                prepare=lambda: place.remove("other"),
                process=own,
            ),
            Case(AGAIN, lambda _: place.put(value), WRITE, process=own),
        ]
        return take_turns(f"an array of {size_bytes >> 20} MiB", cases, rounds)


def tree(depth: int, draws: Any) -> Any:
    """Return dicts of lists of dicts, with an array at each end."""
    if depth == 0:
        return {"weights": draws.random(2000), "name": f"leaf {draws.integers(1000)}", "n": 3}
    return {"left": tree(depth - 1, draws), "right": [tree(depth - 1, draws), depth, None]}


def time_tables_and_trees(rounds: int) -> Table:
    """Time restoring frames of numbers and of text, and a tree of dicts, against joblib."""
    draws = np.random.default_rng(0)
    words = draws.choice(["alpha", "beta", "gamma"], 300_000)
    values = {
        "a frame, 1,000,000 x 10": pd.DataFrame(draws.random((1_000_000, 10))),
        "a frame with text, 300,000 x 4": pd.DataFrame(
            {"word": words, "class": pd.Categorical(words), "x": draws.random(300_000), "n": 1}
        ),
        "a tree of 1,024 arrays": tree(10, draws),
        "a list of 1,000,000 numbers": list(range(1_000_000)),
    }
    cases = []
    with shelf() as place:
        for number, (name, value) in enumerate(values.items()):
            place.put(value, number=number)
            path = place.folder / f"dump {number}"
            joblib.dump(value, path)
            theirs = f"joblib: {name}"
            cases += [
                Case(theirs, lambda _, path=path: joblib.load(path), process=os.getpid()),
                Case(
                    name,
                    lambda _, number=number: place.get(number=number),
                    theirs,
                    process=os.getpid(),
                ),
            ]
        return take_turns("tables and trees", cases, rounds)


def share_of_versions(rows: int = 100_000) -> float:
    """Return the bytes of 20 versions of a frame, a column new in each, as a part of joblib's."""
    draws = np.random.default_rng(0)
    frame, theirs = pd.DataFrame({f"c{n}": draws.random(rows) for n in range(50)}), 0
    with shelf() as place:
        for version in range(20):
            frame = frame.copy()
            frame[f"c{version * 2}"] = draws.random(rows)
            place.put(frame, number=version)
            joblib.dump(frame, place.folder / "dump")
            theirs += (place.folder / "dump").stat().st_size
        assert place.get(number=7).equals(place.get(number=7))
        assert place.get(number=19).equals(frame)
        return place.bytes_of("store") / theirs


def peak_of_storing(size_bytes: int = 1 << 30) -> float:
    """Return the most memory that a process had while it stored a value, as part of the value."""
    with tempfile.TemporaryDirectory(prefix="nbcache-bench-") as folder:
        command = [sys.executable, __file__, folder, str(size_bytes)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(run.stdout)


if __name__ == "__main__":
    array = np.random.default_rng(0).random(int(sys.argv[2]) // 8)
    here = Shelf(Path(sys.argv[1]))
    here.put(np.ones(100_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - array.nbytes
    here.put(array, number=1)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    sys.stdout.write(f"{most / array.nbytes}\n")
