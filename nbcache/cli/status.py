"""``jupyter nbcache status``: which cells of a notebook would be served."""

from __future__ import annotations

import argparse
import ast
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from nbcache.badge import record_of, settings_of
from nbcache.cell.pragma import find_pragmas
from nbcache.cli.exits import MISSING, OK, STALE
from nbcache.cli.freshness import causes, inside, present_state
from nbcache.cli.literals import Literals
from nbcache.duration import format_duration
from nbcache.entry import Entry
from nbcache.errors import OptionError
from nbcache.options import parse_options
from nbcache.policy import DEFAULT, expires_at
from nbcache.report import align, format_age, format_bytes
from nbcache.store.rows import rows_of

_ABOUT = """
For a notebook that `run -o` executed, each cell's recorded key is looked up: `hit` is stored
and not expired, `stale` was edited since, or a file, module or library that it used changed, or it
reads what a stale cell above it leaves; `missing` is stored no more, `bypass` and `error`
could not be stored, `off` was left alone. No kernel is started.

For a notebook that was never executed so, this tells what is stored for each cell's source,
whatever its inputs were, by this notebook or by another; `off` are cells that are not to be
cached, and those without code."""

HEADERS = ("cell", "state", "age", "expires", "size", "cost", "source")
NUMBERS = ("age", "expires", "size", "cost")
_RAN_WITHOUT = frozenset({"bypass", "error"})


@dataclass(frozen=True, slots=True)
class CellStatus:
    """One cell as the store sees it; moments are Unix times, ``cost`` is seconds."""

    number: int
    state: str
    title: str
    key: str = ""
    stored_at: float | None = None
    expires_at: float | None = None
    size_bytes: int = 0
    cost: float = 0.0
    reasons: tuple[str, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``status``."""
    parser.description = (parser.description or "") + "\n" + _ABOUT
    parser.set_defaults(command=run)
    parser.add_argument("notebook", type=Path, metavar="NB", help="the notebook to look at")
    parser.add_argument(
        "--check", action="store_true", help="exit 3 if a cell is stale or expired, 4 if missing"
    )


def run(args: argparse.Namespace) -> int:
    """Show the state of every cell; with ``--check`` the exit code tells it too."""
    from nbcache.cli.notebook_files import read_notebook
    from nbcache.store.opening import open_store

    now = time.time()
    told = states_of(args.notebook, read_notebook(args.notebook), open_store(args.store), now)
    print(_as_json(args.notebook, told) if args.json else _as_text(told, now))
    return exit_code(told) if args.check else OK


def states_of(notebook: Path, nb: Any, store: Any, now: float) -> list[CellStatus]:
    """Return the state of every cell that a run executes, as far as it shows without a kernel."""
    from nbcache.cli.sources import source_digest

    if any(record_of(cell.metadata) for cell in nb.cells):
        found = recorded_entries(nb, store.find)
    else:
        found = named_entries(nb, _stored_for(nb, store, notebook), source_digest)
    with inside(notebook):
        return judge(nb, found, now)


def _stored_for(nb: Any, store: Any, notebook: Path) -> Iterator[Entry]:
    """Yield what a notebook's cells stored, then what others of the same source did."""
    from nbcache.cli.sources import source_digest

    names = {str(notebook), str(notebook.resolve())}
    sources = {source_digest(cell.source) for cell in nb.cells if cell.cell_type == "code"}
    rows = [row for row in rows_of(store) if row.source and not row.made_by]
    own = [row.key for row in rows if row.notebook in names]
    others = [row.key for row in rows if row.notebook not in names and row.source in sources]
    for key in dict.fromkeys([*own, *others]):
        yield from sorted(store.find(key), key=lambda entry: entry.notebook not in names)


def recorded_entries(nb: Any, find: Callable[[str], Sequence[Entry]]) -> dict[int, Sequence[Entry]]:
    """Return the entries under the keys that a run recorded, by the cell's index."""
    keys = {index: record_of(cell.metadata).get("key") for index, cell in enumerate(nb.cells)}
    return {index: find(key) for index, key in keys.items() if isinstance(key, str)}


def named_entries(
    nb: Any, entries: Iterable[Entry], digest: Callable[[str], str]
) -> dict[int, Sequence[Entry]]:
    """Return the entries that have a cell's source, or had before an edit, by the cell's index.

    A cell that was edited is known by its first line, if no other cell has what it stored.
    """
    from nbcache.cli.notebook_files import title_of

    by_source: dict[str, list[Entry]] = {}
    by_title: dict[str, list[Entry]] = {}
    sources = {index: digest(c.source) for index, c in enumerate(nb.cells) if is_to_cache(c)}
    for entry in sorted(entries, key=lambda entry: -entry.stored_at):
        source = entry.parts.get("source", "")
        by_source.setdefault(source, []).append(entry)
        if source not in sources.values():
            by_title.setdefault(entry.title, []).append(entry)
    return {
        index: by_source.get(source) or by_title.get(title_of(nb.cells[index].source)) or ()
        for index, source in sources.items()
    }


def is_to_cache(cell: Any) -> bool:
    """Tell whether a cell has code, and neither its text nor its metadata switches caching off."""
    if cell.cell_type != "code" or "no-cache" in cell.metadata.get("tags", ()):
        return False
    settings = settings_of(cell.metadata)
    if settings is False or (isinstance(settings, Mapping) and settings.get("off")):
        return False
    for pragma in find_pragmas(cell.source):
        with suppress(OptionError):
            if parse_options(pragma.text).get("off"):
                return False
    with suppress(SyntaxError, ValueError):
        return bool(ast.parse(cell.source).body)
    return True


def judge(
    nb: Any,
    found: Mapping[int, Sequence[Entry]],
    now: float,
) -> list[CellStatus]:
    """Return the state of every cell that a run executes."""
    from nbcache.cli.notebook_files import runnable_cells, title_of

    cells, chosen, literals = [], dict(found), Literals()
    for number, (index, cell) in enumerate(runnable_cells(nb), 1):
        title = title_of(cell.source)
        recorded = record_of(cell.metadata)
        state = str(recorded.get("state", ""))
        if index in found:
            chosen[index] = literals.choose(found[index])
        entry = next(iter(chosen.get(index, ())), None)
        if entry is not None:
            cells.append(_of_entry(number, cell.source, entry, now, literals.news(entry)))
        elif state in _RAN_WITHOUT or index not in found:
            cells.append(CellStatus(number, state if state in _RAN_WITHOUT else "off", title))
        else:
            cells.append(CellStatus(number, "missing", title, recorded.get("key", "")))
        literals.read(cell.source, entry)
    return _with_causes(nb, chosen, cells)


def _with_causes(
    nb: Any, found: Mapping[int, Sequence[Entry]], cells: Sequence[CellStatus]
) -> list[CellStatus]:
    """Call a cell stale that reads what a stale, expired or missing one above it leaves."""
    from nbcache.cli.notebook_files import runnable_cells

    known = [
        (f"cell {cell.number}", source.source, next(iter(found.get(index, ())), None), cell.state)
        for cell, (index, source) in zip(cells, runnable_cells(nb), strict=True)
    ]
    return [
        replace(
            cell,
            state="stale" if cause and cell.state == "hit" else cell.state,
            reasons=(*cell.reasons, cause) if cause else cell.reasons,
        )
        for cell, cause in zip(cells, causes(known), strict=True)
    ]


def _of_entry(
    number: int, text: str, entry: Entry, now: float, moved: Sequence[str] = ()
) -> CellStatus:
    from nbcache.cli.notebook_files import title_of

    state, reasons = present_state(text, entry, now)
    if moved:
        state, reasons = "stale", [*reasons, *moved]
    return CellStatus(
        number,
        state,
        title_of(text),
        entry.key,
        entry.stored_at,
        expires_at(entry, DEFAULT),
        entry.size_bytes,
        entry.cost,
        tuple(reasons),
    )


def exit_code(cells: Sequence[CellStatus]) -> int:
    """Return 4 if something is missing, else 3 if something is stale or expired, else 0."""
    states = {cell.state for cell in cells}
    if "missing" in states:
        return MISSING
    return STALE if states & {"stale", "expired"} else OK


def _as_json(notebook: Path, cells: Sequence[CellStatus]) -> str:
    told = {
        "notebook": str(notebook),
        "fresh": exit_code(cells) == OK,
        "cells": [asdict(cell) for cell in cells],
    }
    return json.dumps(told, indent=1)


def _as_text(cells: Sequence[CellStatus], now: float) -> str:
    if not cells:
        return "The notebook has no cell to run."
    counts = {state: sum(c.state == state for c in cells) for state in {c.state for c in cells}}
    total = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    rows = [_row(cell, now) for cell in cells]
    told = [f"cell {cell.number}: {reason}" for cell in cells for reason in cell.reasons]
    return "\n".join([align(HEADERS, rows, NUMBERS), "", *told, f"{len(cells)} cells: {total}"])


def _row(cell: CellStatus, now: float) -> tuple[str, ...]:
    return (
        str(cell.number),
        cell.state,
        *age_and_expiry(cell.stored_at, cell.expires_at, now),
        format_bytes(cell.size_bytes) if cell.size_bytes else "-",
        format_duration(cell.cost) if cell.cost else "-",
        cell.title,
    )


def age_and_expiry(stored_at: float | None, expiry: float | None, now: float) -> tuple[str, str]:
    """Return the two columns that tell how old a stored run is and how long it may be used."""
    if stored_at is None:
        return "-", "-"
    age = format_age(now - stored_at)
    if expiry is None:
        return age, "never"
    return age, f"in {format_age(expiry - now)}" if expiry > now else "expired"
