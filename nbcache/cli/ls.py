"""``jupyter nbcache ls``, ``show`` and ``clear``: what is stored, and forgetting it."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nbcache.badge import record_of
from nbcache.cli.amounts import age, size
from nbcache.cli.exits import OK, USAGE, CommandError
from nbcache.cli.status import age_and_expiry
from nbcache.duration import format_duration
from nbcache.entry import Entry
from nbcache.lineage import drop_lineages
from nbcache.policy import DEFAULT, expires_at
from nbcache.report import align, format_bytes
from nbcache.store.rows import CELL, Row, rows_of

HEADERS = ("key", "age", "expires", "size", "cost", "notebook", "source")
NUMBERS = ("age", "expires", "size", "cost")
_SHORT_KEY = 12


def add_list_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``ls``."""
    parser.set_defaults(command=list_entries)
    parser.add_argument("--notebook", metavar="NB", help="only what this notebook stored")


def add_show_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``show``."""
    parser.set_defaults(command=show_entry)
    parser.add_argument("key", metavar="KEY", help="a key, or as much of its beginning as is clear")


def add_clear_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``clear``."""
    parser.description = (parser.description or "") + (
        "\nSay which: a notebook, an age, or --all. Several conditions must all hold."
    )
    parser.set_defaults(command=clear_entries)
    add = parser.add_argument
    add("notebook", nargs="?", metavar="NB", help="only what this notebook stored")
    add("which", nargs="?", metavar="CELL",
        help="only this cell's: its number among those that run, its id, or its text")  # fmt: skip
    add("--cell", dest="which_cell", metavar="CELL", help="the same as an option")
    add("--older", "--older-than", metavar="AGE", type=age,
        help="only what was stored longer ago: 7d, 12h")  # fmt: skip
    add("--larger", "--larger-than", metavar="SIZE", type=size, help="only what is larger: 1GB")
    add("--expired", action="store_true", help="only what has expired")
    add("--all", action="store_true", help="everything")
    add("--dry-run", action="store_true", help="say what would be forgotten, and keep it")


def list_entries(args: argparse.Namespace) -> int:
    """List what is stored, the newest first."""
    from nbcache.store.opening import open_store

    rows = _rows(open_store(args.store), args.notebook)
    if args.json:
        print(json.dumps([_brief(row) for row in rows], indent=1))
    elif rows:
        now = time.time()
        print(align(HEADERS, [_shown(row, now) for row in rows], NUMBERS))
        print(f"\n{_count(rows)}")
    else:
        print(f"Nothing is stored{' for this notebook' if args.notebook else ''}.")
    return OK


def show_entry(args: argparse.Namespace) -> int:
    """Show all that is known of the runs under one key, apart from their values."""
    from nbcache.store.opening import open_store

    store = open_store(args.store)
    keys = sorted({row.key for row in store.rows(prefix=args.key) if row.kind == CELL})
    if not keys:
        raise CommandError(f"Nothing is stored under {args.key}. `ls` shows the keys.", USAGE)
    if len(keys) > 1:
        listed = ", ".join(key[:_SHORT_KEY] for key in keys[:8])
        raise CommandError(f"{args.key} is not clear: {len(keys)} keys begin so ({listed}).", USAGE)
    entries = [entry for entry in store.find(keys[0]) if entry.name.startswith(args.key)]
    if args.json:
        print(json.dumps([asdict(entry) for entry in entries], indent=1))
    else:
        print("\n\n".join(_told(entry, time.time()) for entry in entries))
    return OK


def clear_entries(args: argparse.Namespace) -> int:
    """Forget what all the given conditions choose."""
    conditions = (args.notebook, args.expired, args.all, args.older, args.larger)
    if all(one in (None, False) for one in conditions):
        message = "clear what? Name a notebook, --older, --larger, --expired or --all."
        raise CommandError(message, USAGE)
    from nbcache.store.opening import open_store

    store, now = open_store(args.store), time.time()
    named = _rows_of_cell(store, args) if args.which or args.which_cell else None
    rows = _rows(store, args.notebook) if named is None else named
    chosen = [row for row in rows if _is_chosen(row, args, now)]
    if not args.dry_run:
        for entry in chosen:
            store.remove(entry)
        drop_lineages(store, [row.name for row in chosen])
        store.collect()
    if args.json:
        told = {"removed": [_brief(entry) for entry in chosen], "dry_run": args.dry_run}
        print(json.dumps(told, indent=1))
    else:
        print(f"{'Would forget' if args.dry_run else 'Forgot'} {_count(chosen)}.")
    return OK


def _is_chosen(row: Row, args: argparse.Namespace, now: float) -> bool:
    if args.older is not None and now - row.stored_at <= args.older:
        return False
    if args.larger is not None and row.size_bytes <= args.larger:
        return False
    expiry = row.expires_at
    return not args.expired or (expiry is not None and expiry <= now)


def _rows_of_cell(store: Any, args: argparse.Namespace) -> list[Row]:
    """Return what one cell of a notebook stored."""
    from nbcache.cli.notebook_files import read_notebook
    from nbcache.cli.why import find_cell, rows_of_cell

    if not args.notebook:
        raise CommandError("--cell: name the notebook, too.", USAGE)
    notebook = Path(args.notebook)
    _, cell = find_cell(read_notebook(notebook), args.which or args.which_cell)
    return rows_of_cell(cell, store, notebook)


def _rows(store: Any, notebook: str | None = None) -> list[Row]:
    """Return what cells and calls stored, of one notebook if it is named, the newest first."""
    rows = [row for row in rows_of(store) if row.kind == CELL]
    return rows if notebook is None else list(filter(of_notebook(notebook), rows))


def of_notebook(notebook: str) -> Callable[[Any], bool]:
    """Return a test for what a notebook stored, by its name or by its recorded keys."""
    from nbcache.cli.notebook_files import read_notebook

    names = {notebook, os.path.abspath(notebook), os.path.realpath(notebook)}
    keys: set[Any] = set()
    if os.path.exists(notebook):
        nb = read_notebook(Path(notebook))
        keys = {record_of(cell.metadata).get("key") for cell in nb.cells}
    return lambda entry: entry.notebook in names or entry.key in keys


def _shown(row: Row, now: float) -> tuple[str, ...]:
    return (
        row.key[:_SHORT_KEY],
        *age_and_expiry(row.stored_at, row.expires_at, now),
        format_bytes(row.size_bytes),
        format_duration(row.cost),
        os.path.basename(row.notebook) or "-",
        row.title,
    )


def _brief(row: Row) -> dict[str, Any]:
    return {
        "key": row.key,
        "variant": row.variant,
        "notebook": row.notebook,
        "title": row.title,
        "stored_at": row.stored_at,
        "expires_at": row.expires_at,
        "size_bytes": row.size_bytes,
        "cost": row.cost,
    }


def _count(rows: Sequence[Row]) -> str:
    noun = "stored run" if len(rows) == 1 else "stored runs"
    return f"{len(rows)} {noun}, {format_bytes(sum(row.size_bytes for row in rows))}"


def _told(entry: Entry, now: float) -> str:
    age, expires = age_and_expiry(entry.stored_at, expires_at(entry, DEFAULT), now)
    lines = [
        f"{entry.title}",
        f"  key       {entry.key}",
        f"  variant   {entry.variant}",
        f"  notebook  {entry.notebook or '-'}",
        f"  age       {age}",
        f"  expires   {expires}",
        f"  size      {format_bytes(entry.size_bytes)}",
        f"  cost      {format_duration(entry.cost)}",
        f"  outputs   {len(entry.outputs)}",
    ]
    lines += _section("signed by", entry.origin)
    lines += _section("notes", dict.fromkeys(entry.notes, ""))
    lines += _section("parts", entry.parts)
    lines += _section("late dependencies", entry.late)
    lines += _section("versions", entry.versions)
    return "\n".join(lines)


def _section(heading: str, items: Mapping[str, Any]) -> list[str]:
    if not items:
        return []
    return [
        f"  {heading}",
        *(f"    {name}  {_short(value)}".rstrip() for name, value in items.items()),
    ]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 100 else text[:99] + "…"
