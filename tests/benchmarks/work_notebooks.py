"""Whole notebooks: plain, cold and warm, each run in a kernel of its own; and a chain of cells."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from board import Figure, Line, under, within
from kernels import Kernel, kernel
from measuring import processor_time
from overhead import process_of, run

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
QUICK = "statsmodels/tsa_arma_0"
MOST = 6
"""Notebooks of the full run: the catalogue's quick ones, in its order."""

CHAIN = 20


def real(quick: bool) -> list[Line]:
    """Return cold and warm Run All of notebooks that others wrote, as parts of a plain one."""
    sys.path.insert(0, str(NOTEBOOKS))
    from harness import catalogue, fetch

    made = []
    known = [one for one in catalogue.notebooks() if one.is_quick or one.id == QUICK]
    for notebook in [one for one in known if one.id == QUICK] if quick else known[:MOST]:
        fetch.fetch(notebook.sdist)
        made += _cold_and_warm(notebook.path, notebook.id, 1 if quick else 3)
    return made


def _cold_and_warm(path: Path, name: str, rounds: int) -> list[Line]:
    seconds: dict[str, list[float]] = {mode: [] for mode in ("plain", "cold", "warm", "kernel")}
    with tempfile.TemporaryDirectory(prefix="nbcache-bench-") as folder:
        for number in range(rounds):
            place = Path(folder, str(number))
            shutil.copytree(path.parent, place)
            seconds["kernel"].append(_run_all(place, None, None))
            for mode in ("plain", "cold", "warm"):
                store = None if mode == "plain" else Path(folder, f"store {number}")
                seconds[mode].append(_run_all(place, path.name, store))
    plain, cold, warm, kernel = (
        Figure(tuple(seconds[mode])) for mode in ("plain", "cold", "warm", "kernel")
    )
    ideal = Figure((0.03 * plain.median + kernel.median,))
    return [
        Line(f"{name}: warm", warm, {}, {"3 % and a kernel": ideal, "plain": plain},
             (within("3 % and a kernel", 1),), "s"),
        Line(f"{name}: cold", cold, {}, {"plain": plain}, (within("plain", 1.06),), "s"),
    ]  # fmt: skip


def _run_all(folder: Path, notebook: str | None, store: Path | None) -> float:
    """Return the processor seconds from no kernel to the last cell's end; None is no notebook.

    Those of the client and of the kernel, which it waits for.
    """
    if notebook is None:
        content = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("pass")])
    else:
        content = nbformat.read(folder / notebook, as_version=4)
    if store is not None:
        content.cells.insert(0, nbformat.v4.new_code_cell("%load_ext nbcache"))
    own = {} if store is None else {
        "NBCACHE_DIR": str(store), "NBCACHE_KEY_DIR": f"{store}-keys", "NBCACHE_AUTO": "1",
    }  # fmt: skip
    script = (
        "import sys, nbformat; from nbclient import NotebookClient;"
        "NotebookClient(nbformat.reads(sys.stdin.read(), as_version=4), timeout=900,"
        " allow_errors=True).execute()"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], input=nbformat.writes(content), text=True,
        cwd=folder, env={**os.environ, **own}, check=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def chain(quick: bool) -> Line:
    """Return the time of 20 cells that carry a frame on, each with another column of it new."""
    columns = 16
    rows = (1 << (24 if quick else 27)) // columns
    first = (
        "%%cache quiet\nimport numpy, pandas\n"
        f"df = pandas.DataFrame(numpy.random.default_rng(0).random(({rows}, {columns})))"
    )
    cells = [first] + [
        f"%%cache quiet\ndf = df.copy()\ndf[{n % columns}] = df[{n % columns}] * 1.5 + {n}"
        for n in range(1, CHAIN)
    ]
    with tempfile.TemporaryDirectory(prefix="nbcache-bench-") as name:
        store = Path(name, "store")
        _chained(Path(name, "cold"), store, cells, "miss")
        warm, bare, last = _chained(Path(name, "warm"), store, cells, "hit")
    plain = Figure((last,))
    limits = {"bare round trips": Figure((bare,)), "plain run": plain}
    return Line("", Figure((warm,)), {}, limits, (under(1.0),), "s")


def _chained(folder: Path, store: Path, cells: list[str], state: str) -> tuple[float, ...]:
    """Return the seconds of the cells, of as many bare ones, and of the cells without a cache."""
    folder.mkdir(parents=True)
    with kernel(store, folder=folder) as one:
        bare = _seconds_of(one, ["x = 1"] * len(cells), "")
        own = _seconds_of(one, cells, state)
        probe = "print(float(df.to_numpy().sum()))"
        told = run(one, probe).text
        plain = 0.0
        if state == "hit":
            plain = _seconds_of(one, [cell.partition("\n")[2] for cell in cells], "")
            if run(one, probe).text != told:
                raise RuntimeError("the chain's frame is not what a plain run leaves")
    return own, bare, plain


def _seconds_of(one: Kernel, cells: list[str], state: str) -> float:
    """Return what the cells cost the kernel, in processor time where the system tells it."""
    process = process_of(one)
    before, began = processor_time(process), time.perf_counter()
    for cell in cells:
        run(one, cell, state)
    seconds, after = time.perf_counter() - began, processor_time(process)
    return seconds if before is None or after is None else after - before


WORK: dict[str, Callable[[bool], Line | list[Line]]] = {
    "real notebooks": real,
    "20 cells carrying a frame": chain,
}
