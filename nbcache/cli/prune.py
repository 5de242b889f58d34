"""``jupyter nbcache prune``: keep the store within its bounds, the most valuable entries last."""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from collections.abc import Mapping, Sequence

from nbcache.cli.exits import OK, USAGE, CommandError
from nbcache.cli.ls import age
from nbcache.entry import Entry
from nbcache.lineage import drop_lineages
from nbcache.policy import DEFAULT, expires_at
from nbcache.report import format_bytes

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_HALF_LIFE = 30 * 86400.0
"""Seconds without use after which an entry is worth half."""

_ABOUT = """
Entries that cost little to compute, are large, and were not used for long go first."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``prune``."""
    parser.description = (parser.description or "") + "\n" + _ABOUT
    parser.set_defaults(command=prune)
    add = parser.add_argument
    add("--older-than", metavar="AGE", type=age, help="what was not used for longer: 30d, 12h")
    add("--max-size", metavar="SIZE", type=size, help="until the store is no larger: 10GB, 500MB")
    add("--expired", action="store_true", help="what has expired")
    add("--dry-run", action="store_true", help="say what would be removed, and keep it")


def size(text: str) -> int:
    """Return the bytes of a size such as 10GB; raises ``argparse.ArgumentTypeError``."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write 500MB or 10GB.")
    return int(float(found[1]) * _UNITS[found[2].lower()])


def prune(args: argparse.Namespace) -> int:
    """Remove what the conditions choose, each on its own."""
    if args.older_than is None and args.max_size is None and not args.expired:
        raise CommandError("prune what? Give --older-than, --max-size or --expired.", USAGE)
    from nbcache.store.items import list_items
    from nbcache.store.local import ROOT_NAME
    from nbcache.store.opening import open_store

    store, now = open_store(args.store), time.time()
    items = list_items(os.path.join(store.location, ROOT_NAME))
    used_at = {os.path.basename(item.path): item.used_at for item in items}
    chosen = choose(list(store.entries()), used_at, args, now)
    if not args.dry_run:
        for entry in chosen:
            store.remove(entry)
        drop_lineages(store, chosen)
        store.collect()
    freed = sum(entry.size_bytes for entry in chosen)
    if args.json:
        names = [entry.name for entry in chosen]
        told = {"removed": names, "freed_bytes": freed, "dry_run": args.dry_run}
        print(json.dumps(told, indent=1))
    else:
        verb = "Would remove" if args.dry_run else "Removed"
        noun = "stored run" if len(chosen) == 1 else "stored runs"
        print(f"{verb} {len(chosen)} {noun}, {format_bytes(freed)}.")
    return OK


def choose(
    entries: Sequence[Entry], used_at: Mapping[str, float], args: argparse.Namespace, now: float
) -> list[Entry]:
    """Return the entries to remove, the least valuable first; ``used_at`` by entry name."""

    def idle(entry: Entry) -> float:
        return max(0.0, now - used_at.get(entry.name, entry.stored_at))

    def value(entry: Entry) -> float:
        return float(entry.cost * 0.5 ** (idle(entry) / _HALF_LIFE) / max(entry.size_bytes, 1))

    def is_out(entry: Entry) -> bool:
        expiry = expires_at(entry, DEFAULT)
        is_past = args.expired and expiry is not None and expiry <= now
        return bool(is_past or (args.older_than is not None and idle(entry) > args.older_than))

    ordered = sorted(entries, key=value)
    chosen = [entry for entry in ordered if is_out(entry)]
    if args.max_size is None:
        return chosen
    gone = {entry.name for entry in chosen}
    left = sum(entry.size_bytes for entry in entries if entry.name not in gone)
    for entry in (entry for entry in ordered if entry.name not in gone):
        if left <= args.max_size:
            break
        chosen.append(entry)
        left -= entry.size_bytes
    return chosen
