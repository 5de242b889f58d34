"""What runs again after an edit, and whether the result is right: nbcache and jupyter-cache.

Run it by hand: ``python tests/benchmarks/edits.py``. It prints a Markdown table. Both tools get
the same notebook and the same edits; plain execution of the edited notebook is the oracle.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import v4

SOURCES = (
    "import helper\nn = 3",
    "squares = [i * i for i in range(n)]",
    "rows = open('data.csv').read().split()\nprint(len(rows), rows[-1])",
    "print(helper.shout('sum'), sum(squares))",
    "print('done')",
)


def _nothing(nb: Any, folder: Path) -> None:
    """Change nothing."""


def _comment(nb: Any, folder: Path) -> None:
    nb.cells[1].source = "# squares of small numbers\n" + nb.cells[1].source


def _tag(nb: Any, folder: Path) -> None:
    nb.cells[1].metadata["tags"] = ["hide-input"]


def _last_cell(nb: Any, folder: Path) -> None:
    nb.cells[-1].source = "print('all done')"


def _first_cell(nb: Any, folder: Path) -> None:
    nb.cells[0].source = nb.cells[0].source.replace("n = 3", "n = 4")


def _helper(nb: Any, folder: Path) -> None:
    (folder / "helper.py").write_text("def shout(text):\n    return text.upper() + '!'\n")


def _data(nb: Any, folder: Path) -> None:
    (folder / "data.csv").write_text("a\nb\nc\nd\n")


EDITS: dict[str, Callable[[Any, Path], None]] = {
    "nothing": _nothing,
    "a comment": _comment,
    "a cell's tag": _tag,
    "the last cell": _last_cell,
    "a value in the first cell": _first_cell,
    "a helper module": _helper,
    "a data file": _data,
}


@dataclass(frozen=True)
class Result:
    """How many of the cells ran again, and whether the outputs were those of a plain run."""

    ran: int
    is_right: bool


def _outputs(nb: Any) -> list[str]:
    return ["".join(o.get("text", "") for o in c.outputs) for c in nb.cells]


def _plain(path: Path) -> list[str]:
    nb = nbformat.read(path, as_version=4)
    NotebookClient(nb, resources={"metadata": {"path": str(path.parent)}}).execute()
    return _outputs(nb)


def _with_nbcache(path: Path) -> Callable[[], tuple[int, list[str]]]:
    own = {"NBCACHE_DIR": str(path.parent / "store"), "NBCACHE_KEY_DIR": str(path.parent / "keys")}

    def run() -> tuple[int, list[str]]:
        out = path.parent / "out.ipynb"
        command = [sys.executable, "-m", "nbcache.cli", "run", str(path), "-o", str(out), "--json"]
        done = subprocess.run(
            command, env={**os.environ, **own}, capture_output=True, text=True, check=True
        )
        told = [json.loads(line) for line in done.stdout.splitlines()]
        ran = sum(one["type"] == "cell" and one["state"] != "hit" for one in told)
        return ran, _outputs(nbformat.read(out, as_version=4))

    return run


def _with_jupyter_cache(path: Path) -> Callable[[], tuple[int, list[str]]]:
    from jupyter_cache import get_cache
    from jupyter_cache.executors import load_executor

    cache = get_cache(str(path.parent / "jupyter-cache"))
    cache.add_nb_to_project(str(path))

    def run() -> tuple[int, list[str]]:
        executor = load_executor("local-serial", cache=cache)
        result = executor.run_and_cache()
        cells = len(nbformat.read(path, as_version=4).cells)
        _, merged = cache.merge_match_into_notebook(nbformat.read(path, as_version=4))
        return cells * len(result.succeeded), _outputs(merged)

    return run


TOOLS = {"nbcache": _with_nbcache, "jupyter-cache": _with_jupyter_cache}


def _try(tool: str, edit: Callable[[Any, Path], None]) -> Result:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "helper.py").write_text("def shout(text):\n    return text.upper()\n")
        (folder / "data.csv").write_text("a\nb\nc\n")
        cells = [v4.new_code_cell(source, id=f"c{i}") for i, source in enumerate(SOURCES)]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nb = v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        path = folder / "paper.ipynb"
        nbformat.write(nb, path)
        run = TOOLS[tool](path)
        run()
        edited = copy.deepcopy(nb)
        edit(edited, folder)
        nbformat.write(edited, path)
        ran, outputs = run()
        return Result(ran, outputs == _plain(path))


def main() -> None:
    """Print the table."""
    of = len(SOURCES)
    print(f"| edited | {' | '.join(TOOLS)} |\n|---|{'---|' * len(TOOLS)}")
    for name, edit in EDITS.items():
        told = []
        for tool in TOOLS:
            result = _try(tool, edit)
            told.append(f"{result.ran} of {of} ran, {'right' if result.is_right else '**wrong**'}")
        print(f"| {name} | {' | '.join(told)} |", flush=True)


if __name__ == "__main__":
    main()
