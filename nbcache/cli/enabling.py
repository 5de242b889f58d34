"""``jupyter nbcache enable`` and ``disable``: nbcache in every kernel, without ``%load_ext``."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from nbcache.checkup import startup_file
from nbcache.cli.exits import ERROR, OK, CommandError

_TEXT = """\
# Written by `jupyter nbcache enable`; `jupyter nbcache disable` removes it.
# A kernel without nbcache, or with a broken one, starts as always.
try:
    {calls}
except ImportError:
    pass
except Exception as error:
    __import__("sys").stderr.write(f"nbcache was not loaded: {{error}}\\n")
"""
_LOAD = 'get_ipython().run_line_magic("load_ext", "nbcache")'
_AUTO = (
    'vars(__import__("nbcache.extension").extension.extension_of(get_ipython()).asking)'
    ".update(auto=True, min_time={:g})"
)
_ABOUT = """
Writes one small startup file of IPython: for this environment (--sys-prefix, the default) or
for this user (--user). Kernels and terminals that start from then on have %%cache. With --auto
every cell is cached that ran for at least --min-time seconds; that is what makes Quarto, MyST
and nbconvert rebuild only what changed."""


def add_enable_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``enable``."""
    parser.description = (parser.description or "") + "\n" + _ABOUT
    _add_place(parser)
    parser.add_argument("--auto", action="store_true", help="cache every cell, not only %%%%cache")
    parser.add_argument(
        "--min-time", metavar="S", type=_seconds, default=0.5,
        help="with --auto: store cells that ran at least so many seconds (default: 0.5)",
    )  # fmt: skip
    parser.set_defaults(command=enable)


def add_disable_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``disable``."""
    _add_place(parser)
    parser.set_defaults(command=disable)


def _add_place(parser: argparse.ArgumentParser) -> None:
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "--sys-prefix", action="store_true", help="in this environment (the default)"
    )
    place.add_argument("--user", action="store_true", help="for this user, in all environments")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds.") from None
    if not value >= 0:
        raise argparse.ArgumentTypeError("give a number of seconds from 0 on.")
    return value


def startup_text(*, auto: bool, min_time: float) -> str:
    """Return the startup file: it binds no name, and never stops a kernel."""
    calls = [_LOAD]
    if auto:
        calls.append(_AUTO.format(min_time))
    return _TEXT.format(calls="\n    ".join(calls))


def enable(args: argparse.Namespace) -> int:
    """Write the startup file, whole, and say where."""
    path = startup_file(for_user=args.user)
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(startup_text(auto=args.auto, min_time=args.min_time), encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        hint = "" if args.user else " Use --user to write into your home folder instead."
        raise CommandError(f"{path} cannot be written: {error.strerror}.{hint}", ERROR) from None
    what = "knows %%cache"
    if args.auto:
        what = f"caches cells that take {args.min_time:g} s or longer, except those that used the"
        what += " network, started a process or wrote files"
    _tell(args, path, "enabled", f"Every kernel that starts from now on {what}: wrote {path}")
    return OK


def disable(args: argparse.Namespace) -> int:
    """Remove the startup file; one that is not there is no error."""
    path = startup_file(for_user=args.user)
    try:
        path.unlink()
    except FileNotFoundError:
        _tell(args, path, "was not enabled", f"Nothing to do: there is no {path}")
        return OK
    except OSError as error:
        raise CommandError(f"{path} cannot be removed: {error.strerror}.", ERROR) from None
    _tell(args, path, "disabled", f"Kernels that start from now on are plain: removed {path}")
    return OK


def _tell(args: argparse.Namespace, path: Path, state: str, sentence: str) -> None:
    told: dict[str, object] = {"state": state, "file": str(path)}
    if state == "enabled":
        told |= {"auto": args.auto, "min_time": args.min_time if args.auto else None}
    print(json.dumps(told) if args.json else sentence)
