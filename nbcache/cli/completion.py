"""``jupyter nbcache completion``: the script that lets a shell complete our commands."""

from __future__ import annotations

import argparse

from nbcache.cli.exits import OK, USAGE, CommandError

_SHELLS = ("bash", "zsh", "tcsh")
_ABOUT = """
For bash, put into ~/.bashrc:  eval "$(jupyter-nbcache completion bash)"
The script completes `jupyter-nbcache`, the same command spelled with a dash. It is made by the
package shtab, which `pip install nbcache[completion]` brings."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``completion``."""
    parser.description = (parser.description or "") + "\n" + _ABOUT
    parser.set_defaults(command=show_script)
    parser.add_argument("shell", choices=_SHELLS, help="the shell to complete in")


def show_script(args: argparse.Namespace) -> int:
    """Print the script."""
    try:
        import shtab
    except ImportError:
        message = "completion needs the package shtab: python -m pip install shtab"
        raise CommandError(message, USAGE) from None
    from nbcache.cli.main import make_parser

    parser = make_parser()
    parser.prog = "jupyter-nbcache"
    print(shtab.complete(parser, shell=args.shell))
    return OK
