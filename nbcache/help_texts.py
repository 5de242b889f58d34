"""What the magics say of themselves: their commands and options, from the tables that rule them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nbcache.options import OPTIONS

HELP_WORDS: Final = frozenset({"--help", "-h", "?"})

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "table": ("", "a table of this notebook's cells"),
    "why": (
        "[CELL|NAME]",
        "why a cell (its number, id or a part of its text; default: the last) hit or ran,"
        " and what it would do now; for a variable, the cells that write and read it",
    ),
    "graph": ("", "the cells, what they take from each other, and what each would be now"),
    "verify": (
        "[CELL|all]",
        "run a cell that would be served, compare it with what is stored, say what differs",
    ),
    "refresh": (
        "[CELL|CELL+|stale|all]",
        "run that cell, that and those which depend on it (2+), those which are stale or"
        " expired, or every cell past the cache the next time",
    ),
    "clear": ("[CELL|older=7d|all]", "forget what is stored"),
    "pin": ("[CELL|all]", "serve a cell's stored result whatever changes"),
    "unpin": ("[CELL|all]", "let a pinned result go again"),
    "commit": ("[GROUP]", "store the results of the cells with group=GROUP now"),
    "rollback": ("[GROUP]", "forget the results of the cells with group=GROUP"),
    "config": (
        "[KEY=VALUE ...]",
        "each setting and where it comes from; set some for this session;"
        " --help-all tells what each means",
    ),
    "stats": ("", "how many cells were served, and the time that saved"),
    "auto": ("on|off [min_time=0.5s]", "cache every cell that runs at least that long"),
    "panel": ("", "the table with buttons, where the front end has widgets"),
    "doctor": ("", "whether everything that nbcache needs here is in order"),
    "help": ("[COMMAND]", "this text"),
}
"""Every word of ``%nbcache``: its arguments, and what it does."""


def nbcache_help(command: str = "") -> str:
    """Return the help of ``%nbcache``, or of one of its words."""
    if command in COMMANDS:
        return "\n".join(_of_command(command)) + "\n\nWith --json it prints data for programs."
    lines = ["Show and steer the cache.", ""]
    for name in COMMANDS:
        lines += _of_command(name)
    return "\n".join([*lines, "", "Each takes --json and --help."])


def _of_command(name: str) -> list[str]:
    arguments, told = COMMANDS[name]
    word = "" if name == "table" else name
    return [" ".join(part for part in ("%nbcache", word, arguments) if part), f"    {told}"]


def unknown_command(word: str) -> str:
    """Return what is said of a word that ``%nbcache`` does not know."""
    import difflib  # a slip is rare

    near = difflib.get_close_matches(word.lower(), COMMANDS, n=1, cutoff=0.5)
    hint = f" Did you mean `%nbcache {near[0]}`?" if near else ""
    return f"`%nbcache {word}` is unknown.{hint} Commands: {', '.join(COMMANDS)}."


def cache_help() -> str:
    """Return the help of ``%%cache``."""
    lines = [
        "Cache this cell: serve its stored run when nothing that it depends on has changed.",
        "",
        "Options are ``key=value`` or ``--key value``; flags need no value:",
        "",
    ]
    width = max(map(len, OPTIONS)) + 2
    for option in OPTIONS.values():
        words = f" ({', '.join(option.choices)})" if option.choices else ""
        lines.append(f"  {option.name:<{width}}{option.help}{words}")
    return "\n".join(
        [
            *lines,
            "",
            "The same options may stand in a comment before the first statement:",
            "``# nbcache: ttl=60``, or in the cell's metadata ``nbcache``.",
        ]
    )
