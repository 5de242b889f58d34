"""``jupyter nbcache prune``: keep the store within its bounds, the most valuable entries last."""

from __future__ import annotations

import argparse
import json

from nbcache.cli.amounts import age, size
from nbcache.cli.exits import OK, USAGE, CommandError
from nbcache.lineage import drop_lineages
from nbcache.report import format_bytes
from nbcache.store.limits import Bounds

_ABOUT = """
What has expired goes first, then entries that cost little to compute for their size and were not
used for long. Pinned results stay."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``prune``."""
    parser.description = (parser.description or "") + "\n" + _ABOUT
    parser.set_defaults(command=prune)
    add = parser.add_argument
    add(
        "--older-than",
        "--max-age",
        dest="max_age",
        metavar="AGE",
        type=age,
        help="what was not used for longer: 30d, 12h",
    )
    add("--max-size", metavar="SIZE", type=size, help="until the store is no larger: 10GB, 500MB")
    add("--expired", action="store_true", help="what has expired")
    add("--dry-run", action="store_true", help="say what would be removed, and keep it")


def prune(args: argparse.Namespace) -> int:
    """Remove what the conditions choose, each on its own."""
    expired_for = 0.0 if args.expired else None
    bounds = Bounds(max_size=args.max_size, max_age=args.max_age, expired_for=expired_for)
    if not bounds:
        raise CommandError("prune what? Give --older-than, --max-size or --expired.", USAGE)
    from nbcache.store.opening import open_store

    store = open_store(args.store)
    pruning = store.prune(bounds, dry_run=args.dry_run)
    if not args.dry_run:
        drop_lineages(store, pruning.removed)
        store.collect()
    if args.json:
        told = {
            "removed": pruning.removed,
            "freed_bytes": pruning.freed,
            "dry_run": args.dry_run,
        }
        print(json.dumps(told, indent=1))
    else:
        verb = "Would remove" if args.dry_run else "Removed"
        noun = "stored run" if len(pruning.removed) == 1 else "stored runs"
        print(f"{verb} {len(pruning.removed)} {noun}, {format_bytes(pruning.freed)}.")
    return OK
