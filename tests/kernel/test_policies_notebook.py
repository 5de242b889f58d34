"""The notebook that walks through both mapping tables runs to its end."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "policies.ipynb"


def test_every_row_holds(tmp_path, monkeypatch):
    """All cells run, those that are cached are, and the checks in them hold."""
    monkeypatch.setenv("NBCACHE_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("NBCACHE_KEY_DIR", str(tmp_path / "keys"))
    for name in ("NBCACHE_RUN_ID", "NBCACHE_REFRESH", "NBCACHE_DISABLE"):
        monkeypatch.delenv(name, raising=False)
    nb = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(nb, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    assert all(cell.get("execution_count") for cell in nb.cells if cell.cell_type == "code")
