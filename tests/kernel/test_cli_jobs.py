"""`jupyter nbcache run --jobs` and `--sweep`: several runs at once over one store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

SOURCES = (
    "n = 1",
    "import time\ntime.sleep(1)\nbase = 10\nprint('computed')",
    "print(base + n)",
)


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    cells = [v4.new_code_cell(source, id=f"c{i}") for i, source in enumerate(SOURCES)]
    cells[0].metadata["tags"] = ["parameters"]
    path = tmp_path / "sweep.ipynb"
    nbformat.write(v4.new_notebook(cells=cells), path)
    return path


def _run(notebook: Path, *argv: str) -> list[dict[str, Any]]:
    names = [notebook.name, *(one for one in argv if one.endswith(".ipynb"))]
    argv = tuple(one for one in argv if one not in names)
    own = {"NBCACHE_DIR": "store", "NBCACHE_KEY_DIR": str(notebook.parent / "keys")}
    done = subprocess.run(
        [sys.executable, "-m", "nbcache.cli", "run", *names, "--json", "-o", "out", *argv],
        cwd=notebook.parent,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def _printed(notebook: Path, name: str) -> str:
    nb = nbformat.read(notebook.parent / "out" / name, as_version=4)
    return nb.cells[-1].outputs[0].text


def _computed(told: list[dict[str, Any]]) -> int:
    """Return how often the cell that all runs share was not served."""
    return sum(
        one["type"] == "cell" and one["number"] == 3 and one["state"] != "hit" for one in told
    )


def test_a_sweep_computes_common_cells_once(notebook: Path) -> None:
    """Runs of a sweep share the store: the first computes a common cell, the others wait."""
    told = _run(notebook, "--sweep", "n=1,2,3", "--jobs", "3")
    assert [_printed(notebook, f"sweep-n={n}.ipynb") for n in (1, 2, 3)] == ["11\n", "12\n", "13\n"]
    assert _computed(told) == 1


def test_notebooks_hand_on_within_a_sweep(notebook: Path) -> None:
    """What one gives is the next one's parameter, for each combination; others run beside."""
    for name, sources in {"one": ("k = 1", "a = k + 1"), "two": ("a = 0", "print(a)")}.items():
        cells = [v4.new_code_cell(source, id=f"c{i}") for i, source in enumerate(sources)]
        cells[0].metadata["tags"] = ["parameters"]
        cells[1].metadata["tags"] = ["outputs"]
        nbformat.write(v4.new_notebook(cells=cells), notebook.parent / f"{name}.ipynb")
    told = _run(notebook, "one.ipynb", "two.ipynb", "--sweep", "k=1,5", "--jobs", "2")
    assert [_printed(notebook, f"two-k={k}.ipynb") for k in (1, 5)] == ["2\n", "6\n"]
    assert _printed(notebook, "sweep-k=1.ipynb") == "11\n"
    assert sum(one["type"] == "total" for one in told) == 6
    _run(notebook, "one.ipynb", "two.ipynb", "--jobs", "2", "-p", "k=8")
    assert _printed(notebook, "two.ipynb") == "9\n"


def test_a_dask_cluster_shares_the_store(notebook: Path) -> None:
    """The runs go to the workers of a cluster that exists, and compute common cells once."""
    distributed = pytest.importorskip("distributed", reason="distributed runs the cluster")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:
        address = cluster.scheduler_address.replace("tcp://", "dask://")
        told = _run(notebook, "--sweep", "n=1,2", "--jobs", address)
    assert [_printed(notebook, f"sweep-n={n}.ipynb") for n in (1, 2)] == ["11\n", "12\n"]
    assert _computed(told) == 1
