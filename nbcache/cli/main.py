"""The entry of ``jupyter nbcache``: parses, calls one command, and returns its exit code."""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from nbcache.cli.exits import ERROR, EXIT_CODES, INTERRUPTED, OK, USAGE, CommandError
from nbcache.errors import CacheError, CacheWarning

_COMMANDS = (
    ("run", "run notebooks with every cell cached", "run:add_arguments"),
    ("status", "which cells of a notebook would be served", "status:add_arguments"),
    ("why", "what moved for a cell since it was stored", "why:add_why_arguments"),
    ("diff", "what differs between two stored runs", "why:add_diff_arguments"),
    ("ls", "list what is stored", "ls:add_list_arguments"),
    ("show", "show one stored run", "ls:add_show_arguments"),
    ("clear", "forget stored runs", "ls:add_clear_arguments"),
    ("prune", "keep the store within bounds", "prune:add_arguments"),
    ("du", "how much each notebook stored", "totals:add_du_arguments"),
    ("stats", "how often cells were served, and the time that saved", "totals:add_stats_arguments"),
    ("refresh", "run a notebook past the cache and store it anew", "run:add_refresh_arguments"),
    ("export", "a document with outputs from the cache", "export:add_arguments"),
    ("enable", "load nbcache in every kernel", "enabling:add_enable_arguments"),
    ("disable", "load nbcache in no kernel by itself", "enabling:add_disable_arguments"),
    ("doctor", "check the installation", "doctor:add_arguments"),
    ("push", "send entries to a shared store", "sharing:add_push_arguments"),
    ("pull", "fetch entries of a shared store", "sharing:add_pull_arguments"),
    ("sync", "fetch and send what is missing", "sharing:add_sync_arguments"),
    ("bundle", "a notebook and its results in one file", "bundle:add_bundle_arguments"),
    ("unbundle", "open such a file", "bundle:add_unbundle_arguments"),
    ("trust", "whose entries are loaded", "trust:add_trust_arguments"),
    ("verify", "check every stored entry", "trust:add_verify_arguments"),
    ("completion", "print the shell's completion script", "completion:add_arguments"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = make_parser(_named_in(words))
    try:
        args, unknown = parser.parse_known_args(words)
        if unknown:
            _refuse(parser, words[0], unknown)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else USAGE
    if args.help_all:
        args = argparse.Namespace(command=_help_all, json=False, store=None)
    if not hasattr(args, "command"):
        parser.print_help(sys.stderr)
        return USAGE
    try:
        return _dispatch(args)
    except BrokenPipeError:
        # The reader went away (`| head`): nothing more can be said, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERROR


def _dispatch(args: argparse.Namespace) -> int:
    """Run the command; what stops it becomes a message and a code."""
    try:
        if args.store:
            from nbcache.cli.places import place_of

            args.store = place_of(args.store)
        with _warning_plainly():
            code: int = args.command(args)
        sys.stdout.flush()
    except CommandError as problem:
        return _fail(str(problem), problem.code, args)
    except CacheError as problem:
        return _fail(str(problem), ERROR, args)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED, args)
    return code


@contextmanager
def _warning_plainly() -> Iterator[None]:
    """Show our own warnings as a line for people, without a place in our code."""
    with warnings.catch_warnings():
        others: Any = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any) -> None:
            if issubclass(category, CacheWarning):
                print(f"nbcache: {message}", file=sys.stderr)
            else:
                others(message, category, *rest)

        warnings.showwarning = show  # type: ignore[assignment]
        yield


def _refuse(parser: argparse.ArgumentParser, name: str, unknown: Sequence[str]) -> None:
    """End with the usage of the command that does not know the arguments."""
    choices = next((a.choices for a in parser._actions if isinstance(a.choices, dict)), None) or {}
    chosen: argparse.ArgumentParser = dict(choices).get(name, parser)
    chosen.error(f"unrecognized arguments: {' '.join(unknown)}")


def _help_all(_: argparse.Namespace) -> int:
    """Print the help of every command, and of every setting."""
    from nbcache.traits import NBCache

    parser = make_parser()
    parser.print_help()
    found = next(a for a in parser._actions if isinstance(a.choices, dict)).choices or {}
    for command in dict(found).values():
        print(f"\n{command.format_help()}")
    print("\nSettings, in a config file of IPython or Jupyter as c.NBCache.NAME = VALUE:\n")
    print(NBCache.class_get_help())
    return OK


def _named_in(words: Sequence[str]) -> str:
    """Return the command that the line begins with; empty if it begins with something else."""
    known = [name for name, _, _ in _COMMANDS]
    return words[0] if words and words[0] in known else ""


def make_parser(only: str = "") -> argparse.ArgumentParser:
    """Return the parser of all commands, or of ``only`` one."""
    parser = argparse.ArgumentParser(
        prog="jupyter nbcache",
        description="The cell cache of Jupyter, on the command line.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--help-all", action="store_true", help="help for all commands and settings"
    )
    parser.add_argument("--version", action="version", version=f"nbcache {_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, summary, declared in _COMMANDS:
        if only not in ("", name):
            continue  # each costs a millisecond
        command = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module, _, function = declared.partition(":")
        getattr(import_module(f"nbcache.cli.{module}"), function)(command)
        command.add_argument("--json", action="store_true", help="print JSON for programs")
        command.add_argument(
            "--store",
            metavar="DIR",
            help="the store's folder, or its name in [tool.nbcache.stores]"
            " (default: NBCACHE_DIR, or the user's)",
        )
    return parser


def _version() -> str:
    # The package's root leads to the magics; a door may not import another door.
    return str(import_module("nbcache").__version__)


def _fail(message: str, code: int, args: argparse.Namespace) -> int:
    """Say what went wrong, as JSON on stdout or as a line on stderr."""
    if args.json:
        print(json.dumps({"type": "error", "message": message, "exit_code": code}))
    else:
        print(f"nbcache: {message}", file=sys.stderr)
    return code
