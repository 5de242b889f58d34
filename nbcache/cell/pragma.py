"""How caching is asked for in a cell's own text: ``%%cache …`` or ``# nbcache: …``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

MAGIC = re.compile(r"^[ \t]*%%cache(?:[ \t]+(.*?))?[ \t]*$")
COMMENT = re.compile(r"^[ \t]*#\|?[ \t]*nbcache[ \t]*(?::[ \t]*(.*?))?[ \t]*$")
_CELL_MAGIC = re.compile(r"^[ \t]*%%([^\W\d]\w*)")
_AROUND_PYTHON = frozenset({"time", "timeit", "capture", "prun"})
"""Cell magics below which a ``%%cache`` line asks for the whole cell, as it would above them."""

_WORDS = {"on": "", "true": "", "yes": "", "off": "off", "false": "off", "no": "off"}


@dataclass(frozen=True, slots=True)
class Pragma:
    """One request for caching: the text of its options, how and on which line it is spelled.

    ``text`` is ``off`` for ``# nbcache: off`` and empty for ``# nbcache`` or ``# nbcache: on``.
    """

    text: str
    spelling: Literal["magic", "comment"]
    lineno: int


def find_pragmas(raw: str) -> tuple[Pragma, ...]:
    """Return all requests before the first statement, the ``%%cache`` line first."""
    if "cache" not in raw:
        return ()
    magic: list[Pragma] = []
    comments: list[Pragma] = []
    above = ""
    for lineno, line in enumerate(raw.splitlines(), 1):
        if not line.strip():
            continue
        found = MAGIC.match(line)
        other = _CELL_MAGIC.match(line)
        if found and (not above or above in _AROUND_PYTHON) and not magic:
            magic.append(Pragma(found[1] or "", "magic", lineno))
        elif line.lstrip().startswith("#"):
            comment = COMMENT.match(line)
            if comment:
                comments.append(_from_comment(comment[1] or "", lineno))
        elif other and not above:
            above = other[1]
        else:
            break
    return (*magic, *comments)


def _from_comment(text: str, lineno: int) -> Pragma:
    """Return a comment's request; ``on`` and ``off`` are words of their own there."""
    return Pragma(_WORDS.get(text.lower(), text), "comment", lineno)


def find_pragma(raw: str) -> Pragma | None:
    """Return the strongest request for caching in a cell's text, or None."""
    found = find_pragmas(raw)
    return found[0] if found else None


def hide_cache_line(lines: list[str]) -> list[str]:
    """Turn a leading ``%%cache`` line into a comment, so that line numbers stay right.

    Above another cell magic the line goes away, with whatever stands between the two:
    IPython knows a cell magic only by the first line. ``%%cache?`` asks for help and stays.
    """
    first = _first_code(lines, 0)
    found = MAGIC.match(lines[first].rstrip("\r\n")) if first < len(lines) else None
    if found is None:
        return lines
    following = _first_code(lines, first + 1)
    if following < len(lines) and _CELL_MAGIC.match(lines[following]):
        return lines[following:]
    ending = lines[first][len(lines[first].rstrip("\r\n")) :]
    options = f": {found[1]}" if found[1] else ""
    return [*lines[:first], f"# nbcache{options}{ending}", *lines[first + 1 :]]


def _first_code(lines: list[str], start: int) -> int:
    """Return the index of the first line from ``start`` that is neither blank nor a comment."""
    for index in range(start, len(lines)):
        text = lines[index].strip()
        if text and not text.startswith("#"):
            return index
    return len(lines)
