"""The graph of the cells that ran in one kernel, in the order in which they first did."""

from __future__ import annotations

import ast

from nbcache.asking import loads_nbcache, talks_to_nbcache
from nbcache.extension import Extension
from nbcache.forecast import forecast_links
from nbcache.graph.model import Graph, make_graph
from nbcache.ran import Ran

MOST_FILES = 8
"""Files shown of one cell."""


def collect(extension: Extension) -> Graph:
    """Return the graph of a kernel's cells, with what each would be if it ran now."""
    runs = [run for run in _latest(extension.log.runs) if _is_work(extension, run.text)]
    cells = [{"id": run.cell_id, "source": run.text} for run in runs]
    found = forecast_links(extension.shell, cells)
    ledger = extension.session.ledger
    files = []
    for run, (event, _) in zip(runs, found, strict=True):
        about = ledger.about.get(run.cell_id) or ledger.about_key(event.key)
        files.append(tuple(about.get("files", ()))[:MOST_FILES])
    return make_graph([event for event, _ in found], [link for _, link in found], files)


def _latest(runs: list[Ran]) -> list[Ran]:
    """Return the last run of each cell, at the place of its first."""
    latest: dict[str, Ran] = {}
    for run in runs:
        latest[run.cell_id or run.text.strip()] = run
    return list(latest.values())


def _is_work(extension: Extension, text: str) -> bool:
    """Leave out empty cells and those that only give orders to nbcache."""
    try:
        tree = ast.parse(extension.shell.transform_cell(text))
    except (SyntaxError, ValueError, RecursionError):
        return True
    return not (loads_nbcache(tree.body) or talks_to_nbcache(tree.body))
