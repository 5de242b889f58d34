"""What the walk of a graph of objects costs, against pickle, joblib and dask on the same one."""

from __future__ import annotations

import collections
import datetime
import decimal
import importlib.util
import pickle
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import joblib
import networkx
import numpy
import pandas
from measuring import Case, Table, Times, tell

from nbcache.heap.walk import Walk

WALK, AGAIN, PICKLE, JOBLIB, DASK = "walk", "walk again", "pickle", "joblib.hash", "dask tokenize"
COUNT = 50_000


class Point:
    """An object as notebooks make them: two attributes and no more."""

    def __init__(self, x: int, y: float) -> None:
        self.x, self.y = x, y


class Slotted:
    """The same without a dict."""

    __slots__ = ("x", "y")

    def __init__(self, x: int, y: float) -> None:
        self.x, self.y = x, y


@dataclass
class Record:
    """A dataclass with a list of its own."""

    name: str
    value: float
    tags: list[Any]


class Node:
    """A node of a tree, with children and a dict."""

    def __init__(self, depth: int) -> None:
        self.meta = {"depth": depth}
        self.children = [Node(depth - 1), Node(depth - 1)] if depth else []


def mixed(count: int) -> list[Any]:
    """Return values of every sort in a random order."""
    rng = random.Random(1)
    makers: list[Callable[[int], Any]] = [
        lambda i: i,
        str,
        lambda i: [i],
        lambda i: {"a": i},
        lambda i: None,
        lambda i: (i,),
        lambda i: Point(i, [i]),
    ]
    return [rng.choice(makers)(i) for i in range(count)]


def graphs(count: int = COUNT) -> dict[str, tuple[int, Any]]:
    """Return each graph with the number of its objects: containers, instances, or leaves."""
    rng, half = numpy.random.default_rng(1), count // 2
    start = datetime.datetime(2020, 1, 1)
    graph = networkx.gnm_random_graph(count // 10, count // 4, seed=1)
    return {
        "a list of ints": (10 * count, list(range(10 * count))),
        "a dict of strings": (2 * count, {f"key {i}": f"value {i}" for i in range(count)}),
        "lists of two ints": (count, [[i, i + 1] for i in range(count)]),
        "dicts with a list": (count, [{"a": i, "b": [i]} for i in range(half)]),
        "a dict of lists": (count, {f"key {i}": [i, i + 1] for i in range(count)}),
        "instances": (count, [Point(i, float(i)) for i in range(count)]),
        "instances with slots": (count, [Slotted(i, float(i)) for i in range(count)]),
        "dataclasses with a list": (count, [Record(f"n{i}", i / 2, [i]) for i in range(half)]),
        "a tree of instances": (3 * 2**15, Node(14)),
        "tuples": (count, [(i, str(i)) for i in range(count)]),
        "tuples with a list": (count, [(i, [i]) for i in range(count)]),
        "sets": (half, [{i, str(i)} for i in range(half)]),
        "a set of tuples": (count, {(i, i + 1) for i in range(count)}),
        "mixed values": (count, mixed(count)),
        "a default dict of lists": (half, collections.defaultdict(list, _lists(half))),
        "networkx": (4 * count // 5, graph),
        "datetimes": (count, [start + datetime.timedelta(seconds=i) for i in range(count)]),
        "timestamps": (count, list(pandas.date_range("2020", periods=count, freq="min"))),
        "decimals": (count, [decimal.Decimal(i) / 7 for i in range(count)]),
        "numpy scalars": (count, list(rng.random(count))),
        "small arrays": (count // 5, [numpy.arange(5) + i for i in range(count // 5)]),
        "an object frame": (2 * count, _object_frame(count)),
    }


def _lists(count: int) -> dict[int, list[int]]:
    return {i: [i] for i in range(count)}


def _object_frame(count: int) -> Any:
    columns = {"a": [str(i) for i in range(count)], "b": [[i] for i in range(count)]}
    return pandas.DataFrame(columns, dtype=object)


def walk_of(value: Any) -> Walk:
    """Walk one value as an input of a cell."""
    one = Walk({"value": value})
    one.need("value")
    one.run()
    return one


def cases_of(value: Any) -> list[Case]:
    """Return what is timed on one graph; the second walk is the one that looks for changes."""
    cases = [
        Case(PICKLE, lambda _: pickle.dumps(value, protocol=5)),
        Case(WALK, lambda _: walk_of(value), PICKLE),
        Case(AGAIN, lambda walked: walked.changed(), PICKLE, partial(walk_of, value)),
        Case(JOBLIB, lambda _: joblib.hash(value), PICKLE),
    ]
    if importlib.util.find_spec("dask"):
        from dask.base import tokenize

        cases.append(Case(DASK, lambda _: tokenize(value), PICKLE))
    return cases


@dataclass(frozen=True)
class GraphTable(Table):
    """A line for each graph: what one object costs, and how that compares."""

    counts: dict[str, int]

    def text(self) -> str:
        """Return medians in ms with the spread from the first to the third quartile."""
        ways = [WALK, AGAIN, PICKLE, JOBLIB, DASK]
        head = f"{'':<24} {'objects':>9} {'µs/object':>9} {'/ pickle':>9} " + " ".join(
            f"{way:>20}" for way in ways
        )
        lines = [self._line_of(graph, ways) for graph in self.counts]
        return "\n".join(["", f"{self.title} (ms, quartiles)", head, *lines])

    def _line_of(self, graph: str, ways: list[str]) -> str:
        walked = self.rows[f"{graph}: {WALK}"]
        each = 1e6 * walked.median / self.counts[graph]
        line = f"{graph:<24} {self.counts[graph]:>9,} {each:>9.2f} {self.ratio(walked.name):>9.2f} "
        return line + " ".join(f"{self._figures(f'{graph}: {way}'):>20}" for way in ways)

    def _figures(self, name: str) -> str:
        row = self.rows.get(name)
        if row is None:
            return "-"
        low, high = (1000 * row.percentile(share) for share in (0.25, 0.75))
        return f"{1000 * row.median:.1f} ({low:.0f} to {high:.0f})"


def time_graphs(rounds: int = 5, count: int = COUNT, only: str = "") -> GraphTable:
    """Time every way on every graph; processor seconds of this process, which is all that works."""
    rows: dict[str, Times] = {}
    counts = {}
    for name, (objects, value) in graphs(count).items():
        if only not in name:
            continue
        counts[name] = objects
        cases = cases_of(value)
        for case in cases:
            reference = f"{name}: {case.reference}" if case.reference else ""
            rows[f"{name}: {case.name}"] = Times(f"{name}: {case.name}", reference)
        for turn in range(rounds + 1):
            for case in random.Random(turn).sample(cases, len(cases)):
                if case.name in (JOBLIB, DASK) and turn != 1:
                    continue  # once is enough: they take longer than all else together
                seconds = _timed(case)
                if turn:
                    rows[f"{name}: {case.name}"].add(seconds, seconds)
    return GraphTable("Walking graphs of objects", rows, counts)


def _timed(case: Case) -> float:
    prepared = case.prepare()
    began = time.process_time()
    case.act(prepared)
    return time.process_time() - began


def main(rounds: int = 7) -> None:
    """Measure and tell everything."""
    tell(time_graphs(rounds), into="graphs.json")


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:]))
