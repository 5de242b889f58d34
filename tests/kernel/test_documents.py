"""The example documents: built twice, edited, built again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "notebooks" / "documents"


def _call(folder: Path, *argv: str) -> str:
    own = {
        "NBCACHE_DIR": str(folder / "store"),
        "NBCACHE_KEY_DIR": str(folder / "keys"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    done = subprocess.run(
        [sys.executable, "-m", *argv],
        cwd=folder,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _counts(folder: Path) -> tuple[int, int]:
    told: dict[str, Any] = json.loads(_call(folder, "nbcache.cli", "stats", "--json"))
    return told["served"], told["ran"]


def test_a_sphinx_document_runs_only_what_changed(tmp_path: Path) -> None:
    """MyST-NB executes all cells each time; unchanged ones come from the kernel's cache."""
    pytest.importorskip("myst_nb", reason="MyST-NB builds the document")
    source = tmp_path / "doc"
    shutil.copytree(EXAMPLES / "myst-nb", source)
    _call(tmp_path, "nbcache.cli", "enable", "--user", "--auto", "--min-time", "0")

    def build() -> str:
        _call(tmp_path, "sphinx", "-E", "-q", str(source), str(tmp_path / "out"))
        return (tmp_path / "out" / "index.html").read_text()

    assert "sum of squares: 285" in build()
    assert _counts(tmp_path) == (0, 2)
    page = build()
    assert _counts(tmp_path) == (2, 2)
    assert "sum of squares: 285" in page
    text = (source / "index.md").read_text()
    (source / "index.md").write_text(text.replace("sum of squares:", "sum of all squares:"))
    assert "sum of all squares: 285" in build()
    assert _counts(tmp_path) == (3, 3)
