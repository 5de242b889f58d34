"""A stored run's outputs on a notebook whose code is the same and whose text cells are not."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from nbcache.badge import MARK
from nbcache.lineage import NotRecalled

_LEFT_BY_RUN = ("outputs", "execution_count")


def graft(
    source: Path,
    values: Mapping[str, Any],
    body: bytes,
    is_same: Callable[[str, str], bool] = operator.eq,
) -> bytes:
    """Return the notebook's bytes as a run would leave them, given those of the stored run.

    ``is_same`` tells whether two texts of a cell are the same code.

    Raises:
        NotRecalled: the cells that run are not the same.
    """
    from nbcache.cli.notebook_files import bytes_of, read_notebook
    from nbcache.cli.parameters import inject

    nb = read_notebook(source)
    inject(nb, values)
    stored = read_notebook_text(body)
    fresh, old = list(_runnable(nb)), list(_runnable(stored))
    pairs = zip(fresh, old, strict=False)
    if len(fresh) != len(old) or not all(is_same(a.source, b.source) for a, b in pairs):
        raise NotRecalled("the cells are not those of the stored run")
    for cell, ran in zip(fresh, old, strict=True):
        for name in _LEFT_BY_RUN:
            cell[name] = ran[name]
        cell.metadata.pop(MARK, None)
        if MARK in ran.metadata:
            cell.metadata[MARK] = ran.metadata[MARK]
    if "language_info" in stored.metadata:
        nb.metadata["language_info"] = stored.metadata["language_info"]
    return bytes_of(nb)


def read_notebook_text(body: bytes) -> Any:
    """Return a notebook of format 4 from the bytes that a run left."""
    from nbformat import from_dict
    from nbformat.v4.rwbase import rejoin_lines

    return rejoin_lines(from_dict(json.loads(body)))


def _runnable(nb: Any) -> Iterator[Any]:
    from nbcache.cli.notebook_files import runnable_cells

    return (cell for _, cell in runnable_cells(nb))
