"""What a cell consults of ``sys``: its arguments, and what its text names."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from typing import Any

from nbcache.deps.digests import text_digest

_LAUNCHERS = ("ipykernel_launcher", "ipython", "__main__")
_NAMED: dict[str, tuple[str, Callable[[], Any]]] = {
    "sys.path": (r"sys\.path\b(?!\.(append|insert|extend|remove)\b)", lambda: list(sys.path)),
    "sys.getrecursionlimit()": (r"getrecursionlimit\b", sys.getrecursionlimit),
    "sys.get_int_max_str_digits()": (
        r"get_int_max_str_digits\b",
        getattr(sys, "get_int_max_str_digits", int),
    ),
    "sys.getswitchinterval()": (r"getswitchinterval\b", sys.getswitchinterval),
}


def interpreter_parts(text: str) -> dict[str, str]:
    """Return key parts with their digests.

    Arguments that a notebook set count in every cell (``parser.parse_args()`` reads them out of
    sight); those that a kernel was started with, in cells that name them alone: they hold the
    kernel's own connection file.
    """
    parts = {}
    if "argv" in text or not _are_the_kernels(sys.argv):
        parts["sys.argv"] = text_digest(repr(sys.argv))
    for name, (pattern, read) in _NAMED.items():
        if re.search(pattern, text):
            parts[name] = text_digest(repr(read()))
    return parts


def _are_the_kernels(arguments: list[str]) -> bool:
    """Tell whether ``sys.argv`` is what the kernel's process was started with."""
    if not arguments or not os.path.basename(str(arguments[0])).startswith(_LAUNCHERS):
        return False
    return arguments[1:] == sys.orig_argv[len(sys.orig_argv) - len(arguments) + 1 :]
