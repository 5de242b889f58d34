"""What nbcache adds to a cell, to loading and to an import, in real processes."""

from __future__ import annotations

import importlib.util
import itertools
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import overhead
from board import Figure, Line, under, within
from kernels import Kernel
from measuring import Case, Table, Times, take_turns

READS = "%%cache quiet\nlength = len(values) + count"
INPUTS = "import numpy; values = numpy.random.default_rng(0).random(8_000_000); count = 3"
LOADED = """import numpy, pandas, matplotlib.pyplot
table = pandas.DataFrame({"kind": [1, 1, 2], "value": [1, 2, 3]})"""
MEANS = "%%cache quiet\nmeans = table.groupby('kind').mean()\nmark"
UNTRACKED = """from nbcache.deps.trackers import Trackers
Trackers.start = lambda self, *given, **options: None
Trackers.finish = lambda self: {}"""
"""A kernel in which this ran records cells without following what else they depend on."""

_numbers = itertools.count()

SAME, BARE_SAME = "hit: unchanged inputs", "bare: unchanged inputs"


def cells(quick: bool) -> list[Line]:
    """Return a line for each way in which a cell can pass, over the bare kernel's round trip."""
    rounds = 10 if quick else 60
    with (
        tempfile.TemporaryDirectory(prefix="nbcache-bench-") as folder,
        overhead.trio(Path(folder)) as three,
    ):
        for one in (three.bare, three.used):
            overhead.run(one, INPUTS)
        overhead.run(three.used, READS, "miss")
        plain = READS.partition("\n")[2]
        cases = [*overhead.cells_of(three), _case(BARE_SAME, three.bare, plain),
                 _case(SAME, three.used, READS, BARE_SAME, "hit")]  # fmt: skip
        table = take_turns("", cases, rounds, warm_up=4)
    hit, same = extra(table, overhead.HIT, 2e-3), extra(table, SAME, 0.6e-3)
    return [
        hit,
        Line(f"{overhead.HIT}, p99", _p99(table, overhead.HIT), goals=(under(6e-3),)),
        same,
        extra(table, overhead.HIT_BADGE),
        extra(table, overhead.MISS, 3e-3),
        extra(table, overhead.AT_REST, 0.1e-3),
        extra(table, overhead.IN_USE),
    ]


def tracking(quick: bool) -> Line:
    """Return what following a cell's dependencies costs over a record without it."""
    followed, unfollowed = "miss: a small table's means", "the same without following"
    with (
        tempfile.TemporaryDirectory(prefix="nbcache-bench-") as folder,
        overhead.started(Path(folder) / "followed") as one,
        overhead.started(Path(folder) / "unfollowed") as other,
    ):
        for made in (one, other):
            overhead.run(made, LOADED)
        overhead.run(other, UNTRACKED)
        cell = partial(_numbered, MEANS)
        cases = [
            overhead.case(unfollowed, other, cell, "", "miss"),
            overhead.case(followed, one, cell, unfollowed, "miss"),
        ]
        table = take_turns("", cases, 20 if quick else 100, warm_up=4)
    return extra(table, followed, 1e-3)


def _numbered(head: str) -> str:
    return f"{head} = {next(_numbers)}"


def _case(name: str, one: Kernel, code: str, reference: str = "", state: str = "") -> Case:
    return overhead.case(name, one, lambda: code, reference, state)


def _seconds(row: Times) -> list[float]:
    return row.cpu or row.seconds


def extra(table: Table, name: str, bound: float | None = None) -> Line:
    """Return what a cell costs over the bare one, whose median is the limit."""
    row = table.rows[name]
    bare = Figure(tuple(_seconds(table.rows[row.reference])))
    own = Figure(tuple(one - bare.median for one in _seconds(row)))
    goals = () if bound is None else (under(bound),)
    return Line(name, own, {}, {"bare cell": bare}, goals)


def _p99(table: Table, name: str) -> Figure:
    row = table.rows[name]
    bare = Figure(tuple(_seconds(table.rows[row.reference])))
    ordered = sorted(_seconds(row))
    return Figure((ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))] - bare.median,))


def loading(quick: bool) -> list[Line]:
    table = overhead.time_loading(2 if quick else 7)
    firsts = [extra(table, name) for name in (overhead.FIRST_MISS, overhead.FIRST_IDLE)]
    return [extra(table, overhead.LOAD, 30e-3), *firsts]


def imports(quick: bool) -> Line:
    """Time imports in new processes, each over an interpreter that imports nothing."""
    peers = [name for name in ("joblib", "diskcache", "cachier", "dask", "marimo", "streamlit")
             if importlib.util.find_spec(name)]  # fmt: skip
    found: dict[str, list[float]] = {name: [] for name in ("sys", "nbcache", *peers)}
    for _ in range(2 if quick else 7):
        for name, seconds in found.items():
            seconds.append(_import_seconds(name))
    bare = Figure(tuple(found.pop("sys")))
    own, *others = (Figure(tuple(one - bare.median for one in s)) for s in found.values())
    known = dict(zip(peers, others, strict=True))
    return Line("", own, known, {"bare Python": bare}, (within("joblib", 1),))


def _import_seconds(name: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", f"import {name}"], check=True, env=dict(os.environ))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


WORK: dict[str, Callable[[bool], Line | list[Line]]] = {
    "cells": cells,
    "tracking": tracking,
    "loading": loading,
    "import": imports,
}
