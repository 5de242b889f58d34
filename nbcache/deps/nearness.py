"""Whether a run may come near decimal contexts, the locale or loggers: all are read out of sight.

They count unless all that a run reaches is known to leave them alone. A text or module that
nobody knows may do anything.
"""

from __future__ import annotations

import re
import types
from collections.abc import Collection, Iterable
from functools import lru_cache
from opcode import opmap

_FREE = frozenset(
    {"", "builtins", "math", "cmath", "itertools", "functools", "operator", "collections", "heapq"}
    | {"bisect", "random", "os", "posix", "posixpath", "io", "_io", "pathlib", "glob", "shutil"}
    | {"json", "textwrap", "dataclasses", "enum", "abc", "contextlib", "hashlib", "base64", "uuid"}
)
"""Modules that neither make decimals nor ask for the locale."""

_TOLD = re.compile(
    r"\b(eval|exec|compile|__import__|globals|locals|vars|get_ipython|\w*decimal\w*"
    r"|__(?!(init|post_init|name|file|doc|len|eq|hash|call|enter|exit|iter|next|slots)__)\w+__)\b"
    r"|[%!]|locale|format|str[fp]|\{[^}]*:|\bopen\b|read_text|\bencod",
    re.IGNORECASE,
)
"""Words that may lead anywhere, formats that may obey the locale, and lines of the shell."""


def may_read(source: str, reached: Collection[str] | None) -> bool:
    """Tell whether a run of a text that reaches some modules may read contexts or the locale."""
    if not source or reached is None:
        return True
    return not _FREE.issuperset(name.partition(".")[0] for name in reached) or _is_told(source)


def near_words(codes: Iterable[types.CodeType]) -> list[str]:
    """Return the words in code that may lead near; ``format`` where it formats anything."""
    found: set[str] = set()
    for code in codes:
        found.update(word for word in code.co_names if _is_told(word) or _OF_LOGGERS.search(word))
        if not _FORMATTING.isdisjoint(code.co_code[::2]):
            found.add("format")
    return sorted(found)


_OF_LOGGERS = re.compile(
    r"\b(level|handlers?|propagate|disabled?|filters|manager|root|parent|lastResort|getHandler\w*"
    r"|getLevelNamesMapping|getChildren|loggerDict|_levelToName|_nameToLevel|vars|getattr|\w*eval"
    r"|exec|attrgetter|__\w+__)\b"
)
"""Words that tell what a logger is made to be, beside the questions that are watched."""


def asks_loggers(source: str, reached: Collection[str] | None) -> bool:
    """Tell whether a run of a text that reaches some modules may look at settings of loggers."""
    if not source or reached is None:
        return False
    tops = {name.partition(".")[0] for name in reached}
    return "logging" in tops and _OF_LOGGERS.search(source) is not None


_FORMATTING = frozenset(number for name, number in opmap.items() if name.startswith("FORMAT_"))


@lru_cache(maxsize=4096)
def _is_told(source: str) -> bool:
    return bool(_TOLD.search(source))
