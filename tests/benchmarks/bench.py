"""One table of all that nbcache promises of speed: ``make bench``, or ``make bench ARGS=--quick``.

Each group of work runs in a process of its own. A line that can't be measured says why and
leaves the others alone. The figures go to ``results/COMMIT.json`` beside this file, and what got
slower than in the last run of the same mode is told: by ratios to peers and limits, not by time.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import dataclasses
import importlib
import io
import json
import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import board
from board import Line

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
GROUPS = {
    "hashing": "fingerprints (processor time)",
    "storing": "storing and restoring (processor time)",
    "calls": "served calls of a cached function (wall time)",
    "kernels": "a cell in a real kernel, over the bare round trip (processor time)",
    "notebooks": "whole notebooks (processor time of all processes)",
    "stores": "a store of many entries (processor time)",
}
LIBRARIES = ("numpy", "pandas", "polars", "pyarrow", "joblib", "dask", "diskcache", "cachier",
             "marimo", "streamlit", "stablehash", "xxhash")  # fmt: skip
SLOWER = 1.3
"""A ratio that grew by more than this since the last run is a slowdown worth a word."""


def run_here(group: str, quick: bool, only: str) -> None:
    """Measure the lines of one group and print each as JSON as soon as it is there."""
    warnings.simplefilter("ignore")
    board.PATIENCE = 10 if quick else 60
    work = importlib.import_module(f"work_{group}").WORK
    for name, measure in work.items():
        if only and only not in name:
            continue
        noise = io.StringIO()
        try:
            with contextlib.redirect_stdout(noise), contextlib.redirect_stderr(noise):
                line = measure(quick)
            told = [{**one.as_dict(), "text": one.text(WIDTH)} for one in _named(name, line)]
        except Exception as problem:
            told = [{"name": name, "problem": f"{type(problem).__name__}: {problem}"[:300]}]
        for one in told:
            sys.stdout.write(json.dumps(one) + "\n")
        sys.stdout.flush()


WIDTH = 30


def _named(name: str, made: Line | list[Line]) -> list[Line]:
    """Return lines that carry the name that they are listed under, unless they have one."""
    lines = made if isinstance(made, list) else [made]
    return [dataclasses.replace(one, name=one.name or name) for one in lines]


def run_group(group: str, quick: bool, only: str) -> Iterator[dict[str, Any]]:
    """Measure one group in a new process; yield its lines as they come."""
    command = [sys.executable, str(HERE / "bench.py"), "--group", group, "--only", only]
    command += ["--quick"] if quick else []
    own = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    if group == "hashing":  # which is not to be spared because the same values come again
        own["NBCACHE_TRACK_WRITES"] = "0"
    paths = [str(HERE), str(HERE.parent / "kernel"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, **own, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode:
        yield {"name": group, "problem": f"the process ended with status {process.returncode}"}


def show(line: dict[str, Any]) -> None:
    """Print one line of the table."""
    rows = line.pop("text", None) or [f"{line['name']:<{WIDTH}} not measured: {line['problem']}"]
    sys.stdout.write("\n".join(rows) + "\n")
    sys.stdout.flush()


def commit() -> str:
    """Return the short name of the commit that is measured, marked when files differ from it."""
    asked = ("git", "-C", str(HERE), "describe", "--always", "--dirty", "--exclude=*")
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def last_of(quick: bool, now: str) -> dict[str, Any] | None:
    """Return the newest kept record of the same mode, this commit's own left out."""
    records = [json.loads(path.read_text()) for path in RESULTS.glob("*.json")]
    fitting = [one for one in records if one["quick"] == quick and one["commit"] != now]
    return max(fitting, key=lambda one: str(one["at"]), default=None)


def slowdowns(before: dict[str, Any], lines: list[dict[str, Any]]) -> list[str]:
    """Return what takes more of its references than it did."""
    known = {one["name"]: one for one in before["lines"] if "own" in one}
    found = []
    for line in lines:
        old = known.get(line["name"])
        if old is None or "own" not in line:
            continue
        grown = [new / past for name, new in _shares(line).items()
                 if (past := _shares(old).get(name))]  # fmt: skip
        if grown and sorted(grown)[len(grown) // 2] > SLOWER:
            found.append(f"{line['name']}: {sorted(grown)[len(grown) // 2]:.2f} times as long")
    return found


def _shares(line: dict[str, Any]) -> dict[str, float]:
    """Return the line's own figure as a part of each of its references."""
    others = {**line["peers"], **line["limits"]}
    return {name: line["own"][0] / one[0] for name, one in others.items() if one[0] > 0}


def versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def summary(lines: list[dict[str, Any]]) -> str:
    """Return how many goals are met, and which are not."""
    goals = [(line["name"], *goal) for line in lines for goal in line.get("goals", ())]
    missed = [f"  {name}: {text}" for name, text, met in goals if met is False]
    met = sum(goal[2] is True for goal in goals)
    return "\n".join([f"\n{met} of {len(goals)} goals met; missed:", *missed])


def compile_all() -> None:
    """Compile nbcache's modules, as whoever installs it does: no kernel is to spend time on it."""
    for folder in importlib.import_module("nbcache").__path__:
        compileall.compile_dir(folder, quiet=2)


def main() -> None:
    """Measure everything, print the table, keep the figures, tell what got slower."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, some minutes")
    parser.add_argument("--groups", nargs="*", default=list(GROUPS), choices=list(GROUPS))
    parser.add_argument("--only", default="", help="lines whose name holds this text")
    parser.add_argument("--group", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.group:
        run_here(options.group, options.quick, options.only)
        return
    compile_all()
    record = {"commit": commit(), "at": round(time.time()), "quick": options.quick,
              "python": platform.python_version(), "machine": platform.platform(),
              "versions": versions(), "lines": []}  # fmt: skip
    lines = measured(record, options)
    sys.stdout.write(summary(lines) + f"\n{time.time() - record['at']:.0f} s in all\n")
    before = last_of(options.quick, record["commit"])
    if before is not None:
        told = slowdowns(before, lines) or ["nothing"]
        sys.stdout.write(f"Slower than at {before['commit']}: {', '.join(told)}\n")


def measured(record: dict[str, Any], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure line by line; print each, and keep it at once among those of the same commit."""
    path = RESULTS / f"{record['commit']}{'-quick' if record['quick'] else ''}.json"
    known = json.loads(path.read_text())["lines"] if path.exists() else []
    lines: list[dict[str, Any]] = []
    head = f"{'':<{WIDTH}} {'nbcache (quartiles)':>26} | {'limit':<30} | peers, times nbcache"
    RESULTS.mkdir(exist_ok=True)
    for group in options.groups:
        sys.stdout.write(f"\n{GROUPS[group]}\n{head}\n")
        for line in run_group(group, options.quick, options.only):
            show(line)
            lines.append(line)
            names = {one["name"] for one in lines}
            kept = [one for one in known if one["name"] not in names]
            path.write_text(compact({**record, "lines": [*kept, *lines]}))
    return lines


def compact(record: dict[str, Any]) -> str:
    """Return the record as JSON with a line for each line of the table."""
    lines = ",\n  ".join(json.dumps(line) for line in record["lines"])
    head = json.dumps({**record, "lines": []})
    return head.replace('"lines": []', f'"lines": [\n  {lines}\n]') + "\n"


if __name__ == "__main__":
    main()
