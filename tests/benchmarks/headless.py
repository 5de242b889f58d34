"""Headless runs: an unchanged notebook against nbclient's plain run, an edit against a bare kernel.

Run it by hand: ``python tests/benchmarks/headless.py [ROUNDS] [NOTEBOOK…]``. Every process is
started anew, as a command is; the things that are compared take turns. Processor time counts the
kernel in. Each notebook runs in its own folder, over a store of its own.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from measuring import Table, Times, tell
from nbformat import v4

PLAIN = """
import sys, nbformat
from nbclient import NotebookClient
nb = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(nb, timeout=None).execute()
nbformat.write(nb, sys.argv[2])
"""
BARE = """
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel()
client.execute_interactive("x48 = 1177; print('last', x48)")
manager.shutdown_kernel(now=True)
"""
UNCHANGED, EDITED = "nbcache run, unchanged", "nbcache run, last of 50 cells edited"
PLAIN_RUN, BARE_KERNEL = "nbclient, plain", "bare kernel and that cell"


def timed(times: Times, folder: Path, *argv: str) -> str:
    """Run Python with arguments in a folder, add what it took, and return what it printed."""
    own = {"NBCACHE_DIR": str(folder / ".store"), "NBCACHE_KEY_DIR": str(folder / ".keys")}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *argv],
        cwd=folder,
        env={**os.environ, **own},
        stdout=subprocess.PIPE,
        text=True,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    times.add(seconds, cpu)
    return done.stdout


def save_fifty(path: Path, number: int) -> None:
    """Write 50 cells that build on one another; the last one's text holds the number."""
    sources = ["x0 = 1"] + [f"x{i} = x{i - 1} + {i}\nprint(x{i})" for i in range(1, 49)]
    sources.append(f"print('last', x48)  \nround_ = {number}")
    cells = [v4.new_code_cell(source, id=f"c{i}") for i, source in enumerate(sources)]
    nbformat.write(v4.new_notebook(cells=cells), path)


def time_edits(rounds: int, folder: Path) -> Table:
    """Edit the last of 50 cells, run, and start a bare kernel, in turn; only that cell may run."""
    bare, edited = Times(BARE_KERNEL), Times(EDITED, BARE_KERNEL)
    notebook, out = folder / "fifty.ipynb", folder / "out.ipynb"
    run = ("-m", "nbcache.cli", "run", notebook.name, "-o", out.name)
    save_fifty(notebook, -1)
    timed(Times("fill"), folder, *run)
    for number in range(rounds):
        timed(bare, folder, "-c", BARE)
        save_fifty(notebook, number)
        told = json.loads(timed(edited, folder, *run, "--json").splitlines()[-1])
        assert (told["served"], told["of"]) == (49, 50), told
    return Table("the last of 50 cells edited", {one.name: one for one in (bare, edited)})


def time_unchanged(rounds: int, notebook: Path) -> Table:
    """Run an unchanged notebook with nbclient and with nbcache in turn; its bytes stay the same."""
    plain, unchanged = Times(PLAIN_RUN), Times(UNCHANGED, PLAIN_RUN)
    folder, out = notebook.parent, notebook.parent / "out-nbcache.ipynb"
    run = ("-m", "nbcache.cli", "run", notebook.name, "-o", out.name, "--trust")
    for _ in range(2):  # the second run may find files that the first one made
        timed(Times("fill"), folder, *run)
    first = None
    for _ in range(rounds):
        timed(plain, folder, "-c", PLAIN, notebook.name, "out-plain.ipynb")
        timed(unchanged, folder, *run)
        first = first or out.read_bytes()
        assert out.read_bytes() == first
    return Table(f"unchanged: {notebook.name}", {one.name: one for one in (plain, unchanged)})


def main() -> None:
    """Print the tables."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        tell(time_edits(rounds, Path(folder)), into="headless-edit.json")
    for number, path in enumerate(sys.argv[2:]):
        tell(time_unchanged(rounds, Path(path).resolve()), into=f"headless-{number}.json")


if __name__ == "__main__":
    main()
