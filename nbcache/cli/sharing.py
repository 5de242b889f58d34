"""``jupyter nbcache push``, ``pull`` and ``sync``: entries to and from a shared store."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from typing import Any

from nbcache.cli.exits import ERROR, OK
from nbcache.cli.places import shared_place_of
from nbcache.errors import DamagedEntry, ForeignEntry, StoreError, StoreUnavailable

_ABOUT = """
REMOTE is a URL that fsspec knows (s3://bucket/cache, gs://, az://, sftp://host/path, or
file:///folder) or a Redis server (redis://host:6379), or its name in [tool.nbcache.stores] of
pyproject.toml. Entries are signed by you when they are sent; those of others are loaded only
from people whom you trust (`jupyter nbcache trust`)."""


def add_push_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``push``."""
    _add(parser, push, "only what this notebook stored")


def add_pull_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``pull``."""
    _add(parser, pull, None)


def add_sync_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``sync``."""
    _add(parser, sync, None)


def _add(parser: argparse.ArgumentParser, command: Any, notebook: str | None) -> None:
    parser.description = (parser.description or "") + "\n" + _ABOUT
    parser.set_defaults(command=command)
    parser.add_argument("remote", metavar="REMOTE", help="the shared store's URL or name")
    if notebook:
        parser.add_argument("--notebook", metavar="NB", help=notebook)
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")


def push(args: argparse.Namespace) -> int:
    """Send the entries here that the shared store does not have."""
    store = open_shared(args.remote, args.store)
    return _report(args, sent=_send(store, args), fetched=[], refused=[])


def pull(args: argparse.Namespace) -> int:
    """Fetch the entries of the shared store that are not here."""
    store = open_shared(args.remote, args.store)
    fetched, refused = _fetch(store, args)
    return _report(args, sent=[], fetched=fetched, refused=refused)


def sync(args: argparse.Namespace) -> int:
    """Fetch what is missing here, then send what is missing there."""
    store = open_shared(args.remote, args.store)
    fetched, refused = _fetch(store, args)
    sent = _send(store, args)
    if not args.dry_run:
        store.flush()
    return _report(args, sent=sent, fetched=fetched, refused=refused)


def open_shared(url: str, local: str | None) -> Any:
    """Return the shared store of a URL or name, or of a folder that several machines mount.

    Raises:
        CommandError: it is no URL of a store.
    """
    from nbcache.store.opening import find_location, open_store

    environ = {**os.environ, "NBCACHE_DIR": local or find_location()}
    return open_store(shared_place_of(url), environ=environ)


def _send(store: Any, args: argparse.Namespace) -> list[str]:
    from nbcache.cli.ls import of_notebook

    there = set(store.remote.names())
    notebook = getattr(args, "notebook", None)
    rows = store.rows() if notebook is None else filter(of_notebook(notebook), store.rows())
    wanted = [row.name for row in rows if row.name not in there]
    for name in wanted if not args.dry_run else ():
        store.push(name)
        store.outbox.discard(name)
    return wanted


def _fetch(store: Any, args: argparse.Namespace) -> tuple[list[str], list[str]]:
    here = {row.name for row in store.rows()}
    wanted = [name for name in store.remote.names() if name not in here]
    if args.dry_run:
        return wanted, []
    fetched, refused = [], []
    for name in wanted:
        try:
            if store.pull(name) is not None:
                fetched.append(name)
        except StoreUnavailable:
            raise
        except (ForeignEntry, DamagedEntry, StoreError) as problem:
            refused.append(str(problem))
    return fetched, refused


def _report(
    args: argparse.Namespace, *, sent: Sequence[str], fetched: Sequence[str], refused: Sequence[str]
) -> int:
    """Tell what went where; entries that were refused make the exit code 1."""
    if args.json:
        told = {"sent": list(sent), "fetched": list(fetched), "refused": list(refused)}
        print(json.dumps({**told, "dry_run": args.dry_run}, indent=1))
    else:
        would = "would be " if args.dry_run else ""
        for count, what in ((len(fetched), "fetched"), (len(sent), "sent")):
            print(f"{count} {'entry' if count == 1 else 'entries'} {would}{what}")
        for reason in dict.fromkeys(refused):
            print(f"refused: {reason}")
    return ERROR if refused else OK
