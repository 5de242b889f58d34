"""``jupyter nbcache push``, ``pull`` and ``sync``: entries to and from a shared store."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nbcache.cli.exits import ERROR, OK
from nbcache.cli.places import shared_place_of
from nbcache.errors import StoreError, StoreUnavailable
from nbcache.tidying import tidy

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
    sent, kept = _send(store, args)
    return _report(args, {"sent": sent, "fetched": [], "refused": kept}, ("sent",))


def pull(args: argparse.Namespace) -> int:
    """Fetch the entries of the shared store that are not here."""
    store = open_shared(args.remote, args.store)
    fetched, refused = _fetch(store, args)
    tidy(args.store)
    return _report(args, {"sent": [], "fetched": fetched, "refused": refused}, ("fetched",))


def sync(args: argparse.Namespace) -> int:
    """Fetch what is missing here, then send what is missing there."""
    store = open_shared(args.remote, args.store)
    fetched, refused = _fetch(store, args)
    sent, kept = _send(store, args)
    if not args.dry_run:
        store.flush()
    tidy(args.store)
    told = {"sent": sent, "fetched": fetched, "refused": [*refused, *kept]}
    return _report(args, told, ("fetched", "sent"))


def open_shared(url: str, local: str | None) -> Any:
    """Return the shared store of a URL or name, or of a folder that several machines mount.

    Raises:
        CommandError: it is no URL of a store.
    """
    from nbcache.store.opening import find_location, open_store

    environ = {**os.environ, "NBCACHE_DIR": local or find_location()}
    return open_store(shared_place_of(url), environ=environ)


def _send(store: Any, args: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Return what was sent, and why other entries were not."""
    from nbcache.cli.ls import of_notebook

    there = set(store.remote.names())
    notebook = getattr(args, "notebook", None)
    rows = store.rows() if notebook is None else filter(of_notebook(notebook), store.rows())
    wanted = [row.name for row in rows if row.name not in there]
    if args.dry_run:
        return wanted, []

    def send(name: str) -> bool:
        store.push(name)
        store.outbox.discard(name)
        return True

    return _each(wanted, send)


def _fetch(store: Any, args: argparse.Namespace) -> tuple[list[str], list[str]]:
    here = {row.name for row in store.rows()}
    wanted = [name for name in store.remote.names() if name not in here]
    return (wanted, []) if args.dry_run else _each(wanted, store.pull)


def _each(names: Sequence[str], act: Callable[[str], Any]) -> tuple[list[str], list[str]]:
    """Return the names that ``act`` did, and why it did not do the others: each reason once.

    One entry that is refused does not hold up the others; a store that cannot be reached does.
    """
    done: list[str] = []
    refused: dict[str, list[str]] = {}
    for name in names:
        try:
            if act(name):
                done.append(name)
        except StoreUnavailable:
            raise
        except StoreError as problem:
            refused.setdefault(str(problem).replace(name, "…"), []).append(name)
    return done, [_tell(reason, of) for reason, of in refused.items()]


def _tell(reason: str, names: Sequence[str]) -> str:
    others = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    return reason.replace("…", names[0] + others, 1)


def _report(
    args: argparse.Namespace, told: Mapping[str, Sequence[str]], shown: Sequence[str]
) -> int:
    """Tell what went where; entries that were refused make the exit code 1."""
    if args.json:
        print(json.dumps({**told, "dry_run": args.dry_run}, indent=1))
    else:
        would = "would be " if args.dry_run else ""
        for what in shown:
            count = len(told[what])
            print(f"{count} {'entry' if count == 1 else 'entries'} {would}{what}")
        for reason in told["refused"]:
            print(f"refused: {reason}")
    return ERROR if told["refused"] else OK
