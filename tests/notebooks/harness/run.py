"""Runs one notebook in a new kernel, plain or with nbcache, and writes down all that came of it.

Run by hand: ``python -m harness.run NB --mode plain --work DIR --out FILE``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

PROBE = Path(__file__).with_name("probe.py")
SCRUBBED = ("NBCACHE_", "PYTEST_", "COV_", "JUPYTER_", "JPY_", "IPYTHON", "PYTHON")
ONE_THREAD = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "POLARS_MAX", "LOKY_MAX_CPU")
SEED = "import random, numpy\nrandom.seed(0)\nnumpy.random.seed(0)"
CELL_TIMEOUT = 900


@dataclass(frozen=True, slots=True)
class Task:
    """What to run and how: ``store`` is nbcache's folder, None for a plain run."""

    notebook: Path
    work: Path
    hash_seed: int
    store: Path | None = None


def fresh_folder(task: Task) -> Path:
    """Lay the notebook's folder anew at the same place and return it."""
    shutil.rmtree(task.work, ignore_errors=True)
    shutil.copytree(task.notebook.parent, task.work)
    return task.work


def environment(task: Task, private: Path) -> dict[str, str]:
    """Return the kernel's environment: alike in all modes but for nbcache's own switches."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(SCRUBBED) or name == "PYTHONPATH"  # it says which nbcache is tested
    }
    env.update({f"{name}_NUM_THREADS": "1" for name in ONE_THREAD[:4]})
    env.update({"POLARS_MAX_THREADS": "1", "LOKY_MAX_CPU_COUNT": "1"})
    env.update(
        PYTHONHASHSEED=str(task.hash_seed),
        IPYTHONDIR=str(private / "ipython"),
        JUPYTER_CONFIG_DIR=str(private / "jupyter"),
        JUPYTER_RUNTIME_DIR=str(private / "runtime"),
        TZ="UTC",
        COLUMNS="80",
    )
    if task.store is not None:
        env.update(
            NBCACHE_DIR=str(task.store),
            NBCACHE_AUTO="1",
            NBCACHE_MIN_TIME="0",
            NBCACHE_TRUST_ALL="1",
        )
    return env


async def request(client: NotebookClient, code: str, timeout: float = 300) -> dict[str, Any]:
    """Run ``code`` silently: no history, no output in a cell, nothing for a cache to take."""
    message = client.kc.execute(code, silent=True, store_history=False, allow_stdin=False)
    while True:
        reply = await client.kc.get_shell_msg(timeout=timeout)
        if reply["parent_header"].get("msg_id") == message:
            break
    content: dict[str, Any] = reply["content"]
    if content["status"] != "ok":
        raise RuntimeError("\n".join(content.get("traceback", [str(content)])))
    return content


async def run_cells(client: NotebookClient, report: dict[str, Any]) -> None:
    """Run the code cells in order, noting each one's time and nbcache's event."""
    replies: dict[int, dict[str, Any]] = {}

    def note_reply(cell: Any, cell_index: int, execute_reply: dict[str, Any]) -> None:
        replies[cell_index] = execute_reply.get("metadata", {})

    client.on_cell_executed = note_reply
    for index, cell in enumerate(client.nb.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        started = time.perf_counter()
        await client.async_execute_cell(cell, index)
        report["cells"].append(
            {
                "index": index,
                "source": cell.source,
                "seconds": time.perf_counter() - started,
                "execution_count": cell.execution_count,
                "outputs": cell.outputs,
                "event": replies.get(index, {}).get("nbcache"),
            }
        )


async def run(task: Task) -> dict[str, Any]:
    """Run the notebook and return cells with outputs, times and events, and the namespace."""
    notebook = nbformat.read(task.notebook, as_version=4)
    folder = fresh_folder(task)
    report: dict[str, Any] = {"notebook": str(task.notebook), "cells": [], "died": None}
    with tempfile.TemporaryDirectory() as name:
        private = Path(name)
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT,
            kernel_name="python3",
            allow_errors=True,
            resources={"metadata": {"path": str(folder)}},
        )
        # A mimicked Output widget answers the kernel in the middle of a cell, and ipykernel 7
        # sometimes loses the cell's reply then: leave such output where the cell puts it.
        client.comm_open_handlers = {"jupyter.widget": lambda message: None}
        async with client.async_setup_kernel(env=environment(task, private), cwd=str(folder)):
            await in_kernel(client, task, report, private / "namespace.json")
    report["widgets"] = dict(notebook.metadata.get("widgets", {}))
    return report


async def in_kernel(
    client: NotebookClient, task: Task, report: dict[str, Any], target: Path
) -> None:
    """Load, seed, run all cells and probe, in one kernel."""
    if task.store is not None:
        await request(client, "%load_ext nbcache")
    await request(client, f"exec({SEED!r}, {{}})")
    started = time.perf_counter()
    try:
        await run_cells(client, report)
        report["seconds"] = time.perf_counter() - started
        names = {"TARGET": str(target), "FOLDER": str(task.work)}
        probe = f"import runpy; runpy.run_path({str(PROBE)!r}, {names!r}, 'nbcache_probe')"
        await request(client, f"exec({probe!r}, {{}})")
        report["namespace"] = json.loads(target.read_text(encoding="utf-8"))
    except DeadKernelError as error:
        report["died"] = str(error)
        report.setdefault("seconds", time.perf_counter() - started)
        report.setdefault("namespace", {"names": {}, "ambient": {}, "files": {}})


def main() -> None:
    """Run one notebook as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="the folder to run in")
    parser.add_argument("--out", type=Path, required=True, help="where the report goes")
    parser.add_argument("--store", type=Path, help="nbcache's folder; without it a plain run")
    parser.add_argument("--hash-seed", type=int, default=1)
    given = parser.parse_args()
    task = Task(given.notebook.resolve(), given.work.resolve(), given.hash_seed, given.store)
    report = asyncio.run(run(task))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report), encoding="utf-8")
    print(f"{given.notebook.name}: {len(report['cells'])} cells, {report['seconds']:.1f} s")
    sys.exit(1 if report["died"] else 0)


if __name__ == "__main__":
    main()
