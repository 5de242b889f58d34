"""Words of calls that set something in a library for good, as its names tell them."""

from __future__ import annotations

import ast
import os
import re

from nbcache.deps.process_state import PLACES

SETS = re.compile(
    r"_?(un)?(register|configure?|install|patch|init|enable|disable|use|reset|add)(_|$)"
    r"|_?(un)?set\w*|basicConfig|(start|signal|update|append|extend|insert|clear)$"
)
"""Names of what sets something."""

_ON_THE_GIVEN = {
    "networkx": re.compile(r"add_(path|cycle|star)$|set_(node|edge)_attributes$"),
    "statsmodels": re.compile(r"add_(constant|trend|lag)$"),
}
"""Functions of libraries that change, or make, the graph or table that they are handed."""


def changes_the_given(package: str, name: str) -> bool:
    """Tell whether a function sets nothing in its library, whatever its name says."""
    known = _ON_THE_GIVEN.get(package)
    return known is not None and known.match(name) is not None


_OF_MOCKS = frozenset({"object", "dict", "multiple"})
"""Functions of ``unittest.mock.patch``."""

LASTING = re.compile(
    rf"({'|'.join(name for owner, name in PLACES if owner is os)}|setLoggerClass|addfont"
    r"|setLogRecordFactory|install_opener|set_display|enable|set_default_printstyle|switch_backend"
    r"|captureWarnings|use|ion|ioff)$|(un)?register(_|$)"
)
"""Functions of the packages that trackers record, whose settings they do not."""

_INERT = frozenset({
    "base64", "binascii", "bisect", "calendar", "cmath", "collections", "colorsys", "dataclasses",
    "datetime", "difflib", "enum", "fractions", "getpass", "hashlib", "heapq", "html", "ipaddress",
    "itertools", "keyword", "numbers", "operator", "platform", "re", "reprlib", "secrets", "shlex",
    "socket", "statistics", "string", "struct", "textwrap", "unicodedata", "uuid", "zlib",
    "zoneinfo",
})  # fmt: skip
"""Modules of Python's own that nothing sets but what says so in its name."""

_ANSWERING = frozenset({"mpmath", "networkx", "scipy", "sklearn", "statsmodels", "sympy"})
"""Libraries of which this holds for calls whose results are shown."""


def may_set(name: str) -> bool:
    """Tell whether something of this name may set something."""
    return name in _OF_MOCKS or bool(LASTING.match(name) or SETS.match(name))


def may_set_somehow(name: str) -> bool:
    """Tell the same of what is looked at before and after: it may well be told too often."""
    is_none = name in _NOUNS or name.startswith(ASKING)
    return not is_none and (may_set(name) or bool(_SOMEHOW.match(name)))


ASKING = ("get_", "is_", "has_", "show_", "print_", "list_")
_NOUNS = frozenset({"settings", "setting", "Settings", "options", "option", "default", "theme"})

_SOMEHOW = re.compile(
    r"(de)?activate|reconfigure|(\w+_)?config(uration)?$|seed|switch|week_|prefer_|go_o|init|setup"
    r"|option|default|mode$|theme|style|locale|start|stop|load_|clear|swap|toggle|allow|mute|silence"
    r"|push_|pop_|update_|\w+_limits$|extension$|autolog|log_?in$|authenticate"
    r"|Initiali[sz]e|Setup|Configure|(En|Dis)able"
)


def lasts(name: str) -> bool:
    """Tell whether a function of a recorded package changes what its tracker does not see."""
    return bool(_LASTS.match(name))


_LASTS = re.compile(
    r"(un|de)?register(_|$)|addfont$|set_(default_printstyle|display|epoch|random_seed)$"
    r"|set_(cpu_count|io_thread_count|memory_pool|timezone_db_path)$"
    r"|add_safe_globals$|install_opener$"
)


def sets_natively(name: str) -> bool:
    """Tell whether a function written in C of this name sets something in its library."""
    return bool(_NATIVE.match(name))


_NATIVE = re.compile(r"(un)?(set|register)(_|[A-Z]|err)|register$|(en|dis)able(_|[A-Z]|$)|use[A-Z]")


def sets_nothing(package: str, statement: ast.stmt, *, is_shown: bool) -> bool:
    """Tell whether a statement with a call of a package is there for its result alone.

    What is not known to be so may set anything. ``is_shown``: its result was shown.
    """
    if package not in _INERT and not (is_shown and package in _ANSWERING):
        return False
    for part in ast.walk(statement):
        if isinstance(part, (ast.Attribute, ast.Subscript)) and not isinstance(part.ctx, ast.Load):
            return False
        if may_set(part.attr if isinstance(part, ast.Attribute) else getattr(part, "id", "")):
            return False
    return True
