"""``jupyter nbcache why`` and ``diff``: what moved between two runs of a cell."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nbcache.badge import record_of
from nbcache.cli.exits import OK, USAGE, CommandError
from nbcache.cli.freshness import inside, present_state
from nbcache.cli.status import CellStatus, states_of
from nbcache.deps.differences import late_differences
from nbcache.entry import Entry
from nbcache.moved import moved_parts
from nbcache.store.rows import Row, rows_of

_SHORT_KEY = 12


def add_why_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``why``."""
    parser.description = (parser.description or "") + (
        "\nNo kernel is started: the cell's source, the files, variables and libraries that its"
        "\nstored run used are compared with those of now, and that run with the one before it."
    )
    parser.set_defaults(command=explain_cell)
    parser.add_argument("notebook", type=Path, metavar="NB", help="the notebook to look at")
    parser.add_argument(
        "cell", metavar="CELL", help="the cell's number among those that run, its id, or its text"
    )


def add_diff_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``diff``."""
    parser.set_defaults(command=compare_keys)
    for name in ("old", "new"):
        parser.add_argument(name, metavar="KEY", help="a key, or as much of it as is clear")


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of one cell of a notebook file."""

    number: int
    title: str
    state: str
    key: str
    reasons: tuple[str, ...]
    before: tuple[str, ...]
    before_key: str = ""


def explain_cell(args: argparse.Namespace) -> int:
    """Say what moved for one cell since it was stored, and why it was stored anew then."""
    from nbcache.cli.notebook_files import read_notebook
    from nbcache.store.opening import open_store

    nb = read_notebook(args.notebook)
    number, cell = find_cell(nb, args.cell)
    refused: list[str] = []
    store = open_store(args.store, tell=refused.append)
    with inside(args.notebook):
        told = judge_cell(number, cell, _runs_of(cell, store, args.notebook))
    if told.state == "hit":
        told = _beside_others(told, states_of(args.notebook, nb, store, time.time()))
    told = told if told.key else replace(told, reasons=(*told.reasons, *refused))
    print(json.dumps(_plain(told), indent=1) if args.json else _text(told))
    return OK


def _beside_others(told: Told, states: Sequence[CellStatus]) -> Told:
    """Say what moved in the cells above one that itself is as it was stored."""
    found = next((one for one in states if one.number == told.number), None)
    if found is None or found.state != "stale":
        return told
    return replace(told, state="stale", reasons=tuple(found.reasons))


def find_cell(nb: Any, which: str) -> tuple[int, Any]:
    """Return number and cell by number among the cells that run, id, or part of text."""
    from nbcache.cli.notebook_files import runnable_cells

    cells = [(number, cell) for number, (_, cell) in enumerate(runnable_cells(nb), 1)]
    for test in (
        lambda number, cell: str(number) == which,
        lambda number, cell: cell.get("id") == which,
        lambda number, cell: which in cell.source,
    ):
        found = [item for item in cells if test(*item)]
        if found:
            return found[0]
    raise CommandError(f"No cell answers to {which!r}: the notebook runs {len(cells)}.", USAGE)


def rows_of_cell(cell: Any, store: Any, notebook: Path) -> list[Row]:
    """Return what a cell stored, the newest first; what has its recorded key leads."""
    from nbcache.cli.notebook_files import title_of
    from nbcache.cli.sources import source_digest

    key, source = record_of(cell.metadata).get("key"), source_digest(cell.source)
    title, names = title_of(cell.source), {str(notebook), str(notebook.resolve())}
    alike = [
        row
        for row in rows_of(store)
        if row.source == source or (row.title == title and row.notebook in names) or row.key == key
    ]
    return sorted(alike, key=lambda row: row.key != key) if key else alike


def _runs_of(cell: Any, store: Any, notebook: Path) -> list[Entry]:
    """Return the stored runs of a cell in that order."""
    rows = rows_of_cell(cell, store, notebook)
    return [entry for row in rows if (entry := _read(store, row)) is not None]


def _read(store: Any, row: Row) -> Entry | None:
    """Return the entry of a row, None when it is gone."""
    entries: Sequence[Entry] = store.find(row.key)
    return next((entry for entry in entries if entry.name == row.name), None)


def judge_cell(number: int, cell: Any, runs: Sequence[Entry]) -> Told:
    """Compare a cell with its last stored run, and that run with the one before it."""
    from nbcache.cli.notebook_files import title_of

    title, recorded = title_of(cell.source), record_of(cell.metadata)
    if not runs:
        state = str(recorded.get("state", "missing"))
        state = state if state in ("bypass", "error") else "missing"
        return Told(number, title, state, "", ("Nothing is stored for this cell.",), ())
    last, *earlier = runs
    older = next((entry for entry in earlier if entry.stored_at < last.stored_at), None)
    before = [] if older is None else entry_differences(older, last)
    state, reasons = present_state(cell.source, last, time.time())
    reasons = reasons or ["Nothing that shows without a kernel has changed since it was stored."]
    return Told(
        number, title, state, last.key, tuple(reasons), tuple(before), older.key if older else ""
    )


def entry_differences(old: Entry, new: Entry) -> list[str]:
    """Say what differs between two stored runs: parts of the key, then late dependencies."""
    found = moved_parts(old.parts, new.parts, old.about, new.about)
    return found + late_differences(old.late, new.late)


def compare_keys(args: argparse.Namespace) -> int:
    """Say what differs between the runs under two keys."""
    from nbcache.store.opening import open_store

    store = open_store(args.store)
    old, new = (_entry_of(store, name) for name in (args.old, args.new))
    reasons = entry_differences(old, new)
    if args.json:
        told = {"old": old.name, "new": new.name, "equal": not reasons, "reasons": reasons}
        print(json.dumps(told, indent=1))
        return OK
    print(f"{old.key[:_SHORT_KEY]} `{old.title}` → {new.key[:_SHORT_KEY]} `{new.title}`")
    print(_bullets(reasons or ["They depend on the same."]))
    return OK


def _entry_of(store: Any, name: str) -> Entry:
    found = store.rows(prefix=name)
    entry = _read(store, found[0]) if found else None
    if entry is None:
        raise CommandError(f"Nothing is stored under {name}. `ls` shows the keys.", USAGE)
    if len({entry.key for entry in found}) > 1:
        raise CommandError(f"{name} is not clear: several keys begin so.", USAGE)
    return entry


def _plain(told: Told) -> dict[str, Any]:
    return {
        "cell": told.number,
        "title": told.title,
        "state": told.state,
        "key": told.key,
        "reasons": list(told.reasons),
        "before": {"key": told.before_key, "reasons": list(told.before)},
    }


def _text(told: Told) -> str:
    lines = [f"Cell {told.number} `{told.title}`: {told.state}", _bullets(told.reasons)]
    if told.before:
        lines += ["", "It was stored anew, beside an earlier run, because", _bullets(told.before)]
    return "\n".join(lines + (["", f"Key {told.key}"] if told.key else []))


def _bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"  - {sentence}" for sentence in sentences)
