"""What a cell consults of ``sys``: its arguments, and what its text names."""

from __future__ import annotations

import gc
import logging
import os
import re
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any

from nbcache.deps.digests import text_digest
from nbcache.deps.streams import NUMPYS, state_digest

Read = Callable[[], Any]
_LAUNCHERS = ("ipykernel_launcher", "ipython", "__main__")


def _filters() -> list[str]:
    return [
        f"{a} {getattr(b, 'pattern', b)} {c} {getattr(d, 'pattern', d)}"
        for a, b, c, d, _ in warnings.filters
    ]


def _parameters() -> list[str]:
    parameters = getattr(sys.modules.get("matplotlib"), "rcParams", {})
    return sorted(map(repr, dict.items(parameters)))


def _loggers() -> list[str]:
    named = [logging.root, *logging.root.manager.loggerDict.values()]
    return [
        f"{one.name} {one.level} {one.disabled} {one.propagate} "
        + " ".join(f"{type(handler).__qualname__} {handler.level}" for handler in one.handlers)
        for one in named
        if isinstance(one, logging.Logger) and (one.level or one.handlers or one.disabled)
    ]


_NAMED: dict[str, tuple[str, Read]] = {
    "warnings.filters": (r"\bwarnings\.filters\b", _filters),
    "loggers": (
        r"\blog(g\w*)?\b.*\.(level|handlers|hasHandlers|propagate|disabled)\b",
        lambda: sorted(_loggers()),
    ),
    "os.environ": (r"environb?\._data\b", lambda: sorted(os.environ.items())),
    "rcParams": (r"\bdict\.\w+\([^)]*\brc", _parameters),
    "sys.path": (r"sys\.path\b(?!\.(append|insert|extend|remove)\b)", lambda: list(sys.path)),
    "sys.getrecursionlimit()": (r"getrecursionlimit\b|RecursionError\b", sys.getrecursionlimit),
    "sys.get_int_max_str_digits()": (
        r"get_int_max_str_digits\b",
        getattr(sys, "get_int_max_str_digits", int),
    ),
    "the thread's name": (
        r"\b(current_thread|main_thread)\b",
        lambda: (threading.main_thread().name, threading.current_thread().name),
    ),
    "sys.getswitchinterval()": (r"getswitchinterval\b", sys.getswitchinterval),
}


def _contexts() -> list[str]:
    decimal: Any = sys.modules["decimal"]
    made = (decimal.DefaultContext, decimal.BasicContext, decimal.ExtendedContext)
    return [re.sub(r"flags=\[[^]]*\]", "", repr(context)) for context in made]


def _polars() -> list[tuple[str, Any]]:
    return sorted(sys.modules["polars"].Config.state(if_set=True).items())


_OF_MODULES: dict[str, tuple[str, Read]] = {
    "gc": ("gc", lambda: (gc.isenabled(), gc.get_threshold(), gc.get_debug(), len(gc.callbacks))),
    "socket": ("socket.getdefaulttimeout()", socket.getdefaulttimeout),
    "decimal": ("decimal's contexts", _contexts),
    "polars": ("polars' settings", _polars),
}
"""Module → the state in it that no tracker follows, for cells that reach the module."""


_NO_PROGRAMS = frozenset(
    {"builtins", "math", "cmath", "random", "statistics", "itertools", "functools", "operator"}
    | {"collections", "json", "re", "string", "textwrap", "datetime", "calendar", "time", "decimal"}
    | {"fractions", "numbers", "enum", "dataclasses", "typing", "copy", "pprint", "pathlib", "glob"}
    | {"os", "posix", "posixpath", "io", "_io", "csv", "hashlib", "base64", "uuid", "heapq"}
    | {"bisect", "abc", "types", "contextlib", "numpy", "pandas", "polars", "scipy", "sklearn"}
    | {"matplotlib", "pyarrow", "networkx", "sympy", "PIL", "yaml", "xarray", "seaborn", ""}
)
"""Modules that read no arguments; any other may be a program, or help one to read them."""


def _reaches_programs(modules: Collection[str]) -> bool:
    return not _NO_PROGRAMS.issuperset(name.partition(".")[0] for name in modules)


def interpreter_parts(text: str, modules: Collection[str] = ()) -> dict[str, str]:
    """Return key parts with their digests; ``modules`` are those that the cell reaches.

    Arguments that a notebook set count in cells that reach any module that may read them
    (``parser.parse_args()`` does so out of sight); those that a kernel was started with, in cells
    that name them alone: they hold the kernel's own connection file.
    """
    parts = {}
    if "argv" in text or (_reaches_programs(modules) and not _are_the_kernels(sys.argv)):
        parts["sys.argv"] = text_digest(repr(sys.argv))
    for name in _named_in(text):
        parts[name] = text_digest(repr(_NAMED[name][1]()))
    for module in _OF_MODULES.keys() & modules & sys.modules.keys():
        name, read = _OF_MODULES[module]
        parts[name] = text_digest(repr(read()))
    if NUMPYS.is_loaded() and _copies_distributions(text, modules):
        parts["where numpy's random stream stands"] = state_digest(NUMPYS.state())
    return parts


_COPIES = re.compile(
    r"deepcopy|\bcopy\.copy|pickle|(?<!json\.)(?<!yaml\.)\bdumps?\b|\bclone\b|get_?state|__dict__"
    r"|\.random_state\b(?!\s*=[^=])|\bvars\b"
)


def _copies_distributions(text: str, modules: Collection[str]) -> bool:
    """Tell whether a copy of scipy's distributions may be made, with the stream that they hold."""
    reaches = any(name.partition(".")[0] == "scipy" for name in modules)
    return reaches and bool(_COPIES.search(text))


@lru_cache(maxsize=256)
def _named_in(text: str) -> tuple[str, ...]:
    """Return what of the interpreter a text names."""
    return tuple(name for name, (pattern, _) in _NAMED.items() if re.search(pattern, text))


def _are_the_kernels(arguments: list[str]) -> bool:
    """Tell whether ``sys.argv`` is what the kernel's process was started with."""
    if not arguments or not os.path.basename(str(arguments[0])).startswith(_LAUNCHERS):
        return False
    return arguments[1:] == sys.orig_argv[len(sys.orig_argv) - len(arguments) + 1 :]
