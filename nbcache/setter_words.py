"""Words of code that may set something where no text tells what and where, such as ``setattr``."""

from __future__ import annotations

import re

SETTERS = frozenset({"setattr", "delattr", "exec", "eval", "vars", "globals", "locals", "compile"})
"""Functions of Python's own that may."""

MEMBERS = frozenset({
    "__dict__", "__setattr__", "__delattr__", "mock", "patch", "monkeypatch", "MonkeyPatch",
    "runpy", "run_path", "run_module", "run_cell", "run_line_magic", "run_code", "safe_execfile",
})  # fmt: skip
"""Modules, attributes and methods that may."""

_WORDS = re.compile(
    rf"(?<![.\w])({'|'.join(sorted(SETTERS))})\s*\("
    rf"|\b({'|'.join(sorted(MEMBERS))})\b|^\s*%(run|pylab|edit|rerun|recall|macro)\b",
    re.MULTILINE,
)
_BEYOND_NAMES = re.compile(r"[\])]\.\w+\s*=[^=]|\.__class__\.")
"""Attributes that are assigned of what an index or a call gives."""


def names_setters(text: str) -> bool:
    """Tell whether a text has such a word."""
    return bool(_WORDS.search(text))


def may_set_unseen(text: str) -> bool:
    """Tell, without parsing it, whether a text may set something out of sight."""
    return names_setters(text) or bool(_BEYOND_NAMES.search(text))
