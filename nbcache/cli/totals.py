"""``jupyter nbcache du`` and ``stats``: how much is stored, and how much it saved."""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any

from nbcache.cli.exits import OK
from nbcache.duration import format_duration
from nbcache.report import align, format_age, format_bytes
from nbcache.store.rows import rows_of

_DU = ("notebook", "cells", "runs", "size", "cost", "last stored")
_STATS = ("notebook", "served", "ran", "hit ratio", "saved", "last used")


def add_du_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``du``."""
    parser.set_defaults(command=show_sizes)


def add_stats_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``stats``."""
    parser.set_defaults(command=show_savings)


def show_sizes(args: argparse.Namespace) -> int:
    """Show what each notebook stored, the largest first."""
    from nbcache.store.opening import open_store

    store, now = open_store(args.store), time.time()
    by_notebook: dict[str, list[Any]] = {}
    for row in rows_of(store):
        by_notebook.setdefault(row.notebook, []).append(row)
    rows = [_sizes(name, entries) for name, entries in by_notebook.items()]
    rows.sort(key=lambda row: -row["size_bytes"])
    total = {"runs": sum(r["runs"] for r in rows), "size_bytes": sum(r["size_bytes"] for r in rows)}
    if args.json:
        print(json.dumps({"store": store.label, **total, "notebooks": rows}, indent=1))
        return OK
    shown = [
        (
            _name(row["notebook"]),
            str(row["cells"]),
            str(row["runs"]),
            format_bytes(row["size_bytes"]),
            format_duration(row["cost"]),
            format_age(now - row["last_stored_at"]),
        )
        for row in rows
    ]
    if shown:
        print(align(_DU, shown, _DU[1:]) + "\n")
    noun = "stored run" if total["runs"] == 1 else "stored runs"
    print(f"{store.label}: {total['runs']} {noun}, {format_bytes(total['size_bytes'])}")
    return OK


def _sizes(notebook: str, entries: list[Any]) -> dict[str, Any]:
    return {
        "notebook": notebook,
        "cells": len({entry.source for entry in entries} - {""}),
        "runs": len(entries),
        "size_bytes": sum(entry.size_bytes for entry in entries),
        "cost": sum(entry.cost for entry in entries),
        "last_stored_at": max(entry.stored_at for entry in entries),
    }


def show_savings(args: argparse.Namespace) -> int:
    """Show how often cells were served and the time that saved, by notebook."""
    from nbcache.store.opening import open_store
    from nbcache.store.usage import read_uses, total_by_notebook

    location, now = open_store(args.store).label, time.time()
    totals = sorted(total_by_notebook(read_uses(location)).values(), key=lambda use: -use.saved)
    served, ran = sum(use.served for use in totals), sum(use.ran for use in totals)
    saved = sum(use.saved for use in totals)
    if args.json:
        rows = [
            {"notebook": u.notebook, "served": u.served, "ran": u.ran, "saved": u.saved,
             "last_used_at": u.at}
            for u in totals
        ]  # fmt: skip
        told = {"store": location, "served": served, "ran": ran, "saved": saved}
        print(json.dumps({**told, "notebooks": rows}, indent=1))
        return OK
    shown = [
        (
            _name(use.notebook),
            str(use.served),
            str(use.ran),
            _ratio(use.served, use.ran),
            format_duration(use.saved),
            format_age(now - use.at),
        )
        for use in totals
    ]
    if shown:
        print(align(_STATS, shown, _STATS[1:]) + "\n")
    ratio = _ratio(served, ran)
    print(f"{served} cells served, {ran} ran ({ratio}); saved {format_duration(saved)} in all")
    return OK


def _ratio(served: int, ran: int) -> str:
    return f"{served / (served + ran):.0%}" if served + ran else "-"


def _name(notebook: str) -> str:
    return os.path.basename(notebook) or "(interactive)"
