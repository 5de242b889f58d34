"""What large inputs cost: fingerprints, recording and the store, against pickle and joblib."""

from __future__ import annotations

import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy
import pandas
from kernels import Kernel
from measuring import Case, Table, take_turns, tell
from overhead import process_of, run, started

from nbcache.entry import Entry
from nbcache.heap.walk import Walk
from nbcache.replay.codec import dump, load
from nbcache.store.local import LocalStore

PICKLED, WALKED = "pickle: {}", "fingerprint: {}"
PLAIN, RECORDED, SERVED = "1 s of work, plain", "1 s of work, miss", "1 s of work, hit"
CHANGING, CHANGED = "the same with changes, plain", "the same with changes, miss"
JOBLIB_DUMP, PUT = "joblib.dump 100 MB", "dump and put 100 MB"
JOBLIB_LOAD, RESTORE = "joblib.load 100 MB", "find, load and restore 100 MB"

GRAPH = """
import time
import numpy

class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y

arrays = [numpy.random.default_rng(i).random(2_621_440) for i in range(5)]
points = [Point(i, float(i)) for i in range(50_000)]
table = {f"key {i}": [i, i + 1] for i in range(50_000)}
"""
WORK = """
until = time.perf_counter() + 1
while time.perf_counter() < until:
    sum(range(10_000))
total = sum(float(one[0]) for one in arrays) + len(points) + len(table)
"""
CHANGES = f"""{WORK}
for one in points[:100]:
    one.y += 1
arrays[0][7] = total
table["key 7"].append(total)
"""


def memories() -> dict[str, Any]:
    """Return values that are memory above all, by name."""
    rng = numpy.random.default_rng(1)
    return {
        "100 MB of arrays": [rng.random(2_621_440) for _ in range(5)],
        "a frame of 100 MB": pandas.DataFrame(rng.random((1_310_720, 10))),
    }


def fingerprint(value: Any) -> None:
    """Walk one value as an input of a cell."""
    one = Walk({"value": value})
    one.need("value")
    one.run()


def time_walks(rounds: int = 5) -> Table:
    """Return the times of fingerprints, and of pickling the same values into one stream."""
    cases = []
    for name, value in memories().items():
        act = partial(pickle.dumps, protocol=5)
        cases.append(Case(PICKLED.format(name), act, "", lambda value=value: value))
        walked, pickled = WALKED.format(name), PICKLED.format(name)
        cases.append(Case(walked, fingerprint, pickled, lambda value=value: value))
    return take_turns("Fingerprints against pickle", cases, rounds)


@contextmanager
def pair() -> Iterator[tuple[Kernel, Kernel]]:
    """Start a bare kernel and one with nbcache, and make the same graph in both."""
    with tempfile.TemporaryDirectory(prefix="nbcache-bench-") as name:
        folder = Path(name)
        with started(folder / "bare", load=False) as bare, started(folder / "used") as used:
            for one in (bare, used):
                run(one, GRAPH)
            yield bare, used


def time_recording(rounds: int = 3) -> Table:
    """Return the times of a cell of one second that reads all of a large graph."""
    cached, refreshed = f"%%cache quiet\n{WORK}", f"%%cache quiet refresh\n{WORK}"
    with pair() as (bare, used):
        run(used, cached)
        cases = [
            _cell(PLAIN, bare, WORK),
            _cell(RECORDED, used, refreshed, PLAIN, "refreshed"),
            _cell(SERVED, used, cached, PLAIN, "hit"),
        ]
        return take_turns("A cell on 100 MB and 100,000 objects", cases, rounds, warm_up=0)


def time_changing(rounds: int = 3) -> Table:
    """Return the times of a cell of one second that also changes some of the graph."""
    with pair() as (bare, used):
        cases = [
            _cell(CHANGING, bare, CHANGES),
            _cell(CHANGED, used, f"%%cache quiet\n{CHANGES}", CHANGING),
        ]
        return take_turns("A cell that changes some of them", cases, rounds)


def _cell(name: str, one: Kernel, code: str, reference: str = "", state: str = "") -> Case:
    act = partial(run, one, state=state)
    return Case(name, act, reference, lambda: code, process_of(one))


def time_store(rounds: int = 5) -> Table:
    """Return the times of storing and restoring an array, by us and by joblib."""
    values = {"bind": {"a": numpy.random.default_rng(1).random(13_107_200)}}
    with tempfile.TemporaryDirectory(prefix="nbcache-bench-") as name:
        path, store = str(Path(name, "joblib.pkl")), LocalStore(Path(name, "store"), b"k" * 32)
        entry = _entry()

        def put(_: object) -> None:
            store.put(entry, dump(values, Walk({})))

        def restore(_: object) -> None:
            found = store.find(entry.key)[0]
            load(store.load(found), Walk({}))["bind"]["a"].sum()

        cases = [
            Case(JOBLIB_DUMP, lambda _: joblib.dump(values, path)),
            Case(PUT, put, JOBLIB_DUMP),
            Case(JOBLIB_LOAD, lambda _: joblib.load(path)["bind"]["a"].sum()),
            Case(RESTORE, restore, JOBLIB_LOAD),
        ]
        for one in (cases[0], cases[1]):
            one.act(None)
        return take_turns("Store and restore against joblib", cases, rounds)


def _entry() -> Entry:
    return Entry(key="0" * 32, variant="0" * 16, stored_at=time.time(), ttl=None, cost=1.0)


def main() -> None:
    """Measure and tell everything."""
    measures: tuple[Callable[[], Table], ...] = (
        time_walks,
        time_recording,
        time_changing,
        time_store,
    )
    tell(*(measure() for measure in measures), into="walk.json")


if __name__ == "__main__":
    sys.exit(main())
