"""Documents: `jupyter nbcache export`, nbconvert's --execute and papermill's engine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

from nbcache.export.printed import find_browser

pytest.importorskip("nbconvert", reason="nbconvert makes the documents")

SOURCES = (
    "n = 3",
    "%%cache ttl=1h\nimport time\ntime.sleep(0.2)\nsquares = [i * i for i in range(n)]",
    "print(sum(squares))",
)


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    cells = [v4.new_code_cell(source, id=f"c{i}") for i, source in enumerate(SOURCES)]
    cells[0].metadata["tags"] = ["parameters"]
    cells.append(
        v4.new_code_cell("import sqlite3\nopen_here = sqlite3.connect(':memory:')", id="d")
    )
    path = tmp_path / "paper.ipynb"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def _call(notebook: Path, *argv: str) -> str:
    own = {"NBCACHE_DIR": str(notebook.parent / "store")}
    own["NBCACHE_KEY_DIR"] = str(notebook.parent / "keys")
    done = subprocess.run(
        [sys.executable, "-m", *argv],
        cwd=notebook.parent,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _states(path: Path) -> list[str]:
    nb: Any = nbformat.read(path, as_version=4)
    nbformat.validate(nb)
    return [c.metadata.get("nbcache", {}).get("state", "") for c in nb.cells]


def test_a_page_has_badges_and_a_footer(notebook: Path) -> None:
    """The page shows state, moment and cost at each cell; stripped, nothing of ours is left."""
    said = _call(notebook, "nbcache.cli", "export", notebook.name)
    assert "wrote paper.html" in said
    page = (notebook.parent / "paper.html").read_text()
    assert page.count('data-state="hit"') == 3
    assert page.count('data-state="bypass"') == 1
    assert "3 of 4 code cells came from the nbcache store; they ran " in page
    assert ">5<" in page.replace("\n", "") or "5\n" in page
    _call(notebook, "nbcache.cli", "export", notebook.name, "--strip", "-o", "bare.html")
    assert "nbcache" not in (notebook.parent / "bare.html").read_text()
    _call(notebook, "nbcache.cli", "export", notebook.name, "--to", "script", "-o", "paper.py")
    compile((notebook.parent / "paper.py").read_text(), "paper.py", "exec")
    _call(notebook, "nbcache.cli", "export", notebook.name, "--to", "notebook", "-o", "out.ipynb")
    assert _states(notebook.parent / "out.ipynb") == ["hit", "hit", "hit", "bypass"]


def test_a_pdf_is_printed_by_an_installed_browser(tmp_path: Path) -> None:
    """Without LaTeX, PDF is what an installed Chromium prints; without either, an error says so."""
    note = v4.new_notebook(cells=[v4.new_markdown_cell("# Paper", id="a")])
    nbformat.write(note, tmp_path / "note.ipynb")
    export = [
        sys.executable,
        "-m",
        "nbcache.cli",
        "export",
        "note.ipynb",
        "--no-run",
        "--to",
        "pdf",
    ]
    bare = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(export, cwd=tmp_path, env=bare, capture_output=True, check=False)
    assert (done.returncode, b"Chromium" in done.stderr) == (2, True)
    if not find_browser():
        pytest.skip("no Chromium or Chrome is installed")
    subprocess.run(export, cwd=tmp_path, capture_output=True, check=True)
    assert (tmp_path / "note.pdf").read_bytes().startswith(b"%PDF")


def test_nbconvert_executes_from_the_cache(notebook: Path) -> None:
    """The preprocessor serves unchanged cells, and records what became of each."""
    command = ["nbconvert", "--to", "notebook", "--output", "executed.ipynb", notebook.name]
    command += ["--ExecutePreprocessor.enabled=False"]
    command += ["--Exporter.preprocessors=nbcache.export.execute.CachedExecutePreprocessor"]
    for _ in range(2):
        _call(notebook, *command)
    assert _states(notebook.parent / "executed.ipynb") == ["hit", "hit", "hit", "bypass"]
    listed = _call(notebook, "nbcache.cli", "stats", "--json")
    assert '"served": 3' in listed


def test_papermill_executes_from_the_cache(notebook: Path) -> None:
    """The engine serves unchanged cells; another parameter runs what depends on it."""
    pytest.importorskip("papermill", reason="papermill has the engine")
    code = (
        "import sys, papermill\n"
        "from papermill.engines import papermill_engines\n"
        "from nbcache.export.engine import NbcacheEngine\n"
        "papermill_engines.register('nbcache', NbcacheEngine)\n"
        "papermill.execute_notebook('paper.ipynb', sys.argv[1], {'n': int(sys.argv[2])},\n"
        "    engine_name='nbcache', progress_bar=False)\n"
    )
    (notebook.parent / "mill.py").write_text(code)
    for name, number in (("a.ipynb", "3"), ("b.ipynb", "3"), ("c.ipynb", "4")):
        _call(notebook, "mill", name, number)
    assert _states(notebook.parent / "b.ipynb") == ["hit", "hit", "hit", "hit", "bypass"]
    printed = nbformat.read(notebook.parent / "c.ipynb", as_version=4).cells[3].outputs[0].text
    assert printed == "14\n"
    assert '"served": 6' in _call(notebook, "nbcache.cli", "stats", "--json")
