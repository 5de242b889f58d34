"""``jupyter nbcache trust`` and ``verify``: whose entries are loaded, whether ours are whole."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING

from nbcache.cli.exits import ERROR, OK, USAGE, CommandError
from nbcache.errors import StoreError
from nbcache.report import align, format_age

if TYPE_CHECKING:
    from nbcache.store.identity import Identity

_ABOUT = """
An entry is loaded by unpickling, which can run code: so only entries that you, or people whom you
trust, have signed are loaded.
  show          print your own public key, to send to colleagues
  list          whom you trust
  add NAME KEY  load entries that KEY signed; ask its owner for it, not the store
  revoke NAME   load none any more, fetched ones included (they stay, unread, until `clear` or
                `trust add` again; what you computed from them yourself is yours)"""


def add_trust_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``trust``."""
    parser.description = (parser.description or "") + "\n" + _ABOUT
    parser.set_defaults(command=trust)
    parser.add_argument("what", choices=("show", "list", "add", "revoke"), help="see above")
    parser.add_argument("name", nargs="?", metavar="NAME", help="a colleague's name, as you like")
    parser.add_argument("key", nargs="?", metavar="KEY", help="the colleague's public key")


def trust(args: argparse.Namespace) -> int:
    """Show, list, add or revoke."""
    from nbcache.store.identity import Identity, key_text, parse_key

    identity = Identity()
    if args.what == "show":
        text = key_text(identity.public)
        print(json.dumps({"public": text}) if args.json else text)
    elif args.what == "list":
        _show(identity, args)
    elif args.what == "add":
        if not args.name or not args.key:
            raise CommandError("trust add needs a name and a key: trust add Ada KEY", USAGE)
        try:
            public = parse_key(args.key)
        except StoreError as problem:
            raise CommandError(str(problem), USAGE) from None
        identity.trust(args.name, public)
        _say(args, f"Entries that {args.name} signed are loaded from now on.")
    else:
        if not args.name:
            raise CommandError("trust revoke needs a name: `trust list` shows them.", USAGE)
        if not identity.revoke(args.name):
            raise CommandError(f"{args.name} was not trusted. `trust list` shows who is.", USAGE)
        _say(args, f"No entries of {args.name} are loaded any more, fetched ones included.")
    return OK


def _show(identity: Identity, args: argparse.Namespace) -> None:
    trusted = identity.trusted()
    if args.json:
        told = [
            {"name": one.name, "public": one.public, "added_at": one.added_at} for one in trusted
        ]
        print(json.dumps(told, indent=1))
    elif trusted:
        now = time.time()
        rows = [(one.name, one.public, format_age(now - one.added_at)) for one in trusted]
        print(align(("name", "key", "added"), rows, ("added",)))
    else:
        print("Nobody besides you: entries of others are not loaded.")


def _say(args: argparse.Namespace, sentence: str) -> None:
    print(json.dumps({"told": sentence}) if args.json else sentence)


def add_verify_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``verify``."""
    parser.description = (
        "Read every stored entry to its last byte and check signature and digests.\n"
        "Damaged entries are never served; --remove deletes them. Nothing is unpickled."
    )
    parser.set_defaults(command=verify)
    parser.add_argument("--remove", action="store_true", help="delete the entries that are damaged")


def verify(args: argparse.Namespace) -> int:
    """Check every entry; exit 1 if one does not hold."""
    from nbcache.store.opening import open_store

    problems: list[str] = []
    store = open_store(args.store, tell=problems.append)
    count = 0
    for entry in list(store.entries()):
        count += 1
        try:
            store.read_all(entry)
        except StoreError as problem:
            problems.append(f"{entry.name}: {problem}")
            if args.remove:
                store.remove(entry)
    if args.remove and problems:
        store.collect()
    if args.json:
        print(json.dumps({"entries": count, "problems": problems}, indent=1))
    else:
        for told in problems:
            print(told)
        entries = "entry" if count == 1 else "entries"
        found = "problem" if len(problems) == 1 else "problems"
        print(f"{count} {entries}, {len(problems)} {found}")
    return ERROR if problems else OK
