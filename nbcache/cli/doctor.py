"""``jupyter nbcache doctor``: whether everything that nbcache needs is in order."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from nbcache.checkup import as_table, is_well, look_around
from nbcache.cli.exits import ERROR, OK


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``doctor``."""
    parser.set_defaults(command=examine)


def examine(args: argparse.Namespace) -> int:
    """Show every finding; exit 1 if one of them is a problem."""
    found = list(look_around(args.store))
    told = {"ok": is_well(found), "findings": [asdict(finding) for finding in found]}
    print(json.dumps(told, indent=1) if args.json else as_table(found))
    return OK if is_well(found) else ERROR
