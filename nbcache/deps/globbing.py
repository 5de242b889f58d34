"""What a pattern asks of a folder: only the names that match it, and whether they are folders.

``glob`` and ``pathlib`` list whole folders and choose among the names in Python; the frames on the
stack tell what they choose. Where they do not, the whole listing counts.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, NamedTuple

from nbcache.deps.digests import text_digest
from nbcache.deps.places import owner_of

_FARTHEST = 24


class Choice(NamedTuple):
    """A regular expression and its flags, folders only or all, and names that begin with a dot."""

    pattern: str
    flags: int
    folders_only: bool
    with_hidden: bool

    def key(self) -> str:
        """Return the choice as text."""
        return json.dumps(list(self))

    @classmethod
    def of_key(cls, key: str) -> Choice:
        """Return the choice that a text tells."""
        return cls(*json.loads(key))

    def digest(self, names: Iterable[str] | None) -> str | None:
        """Return a digest of the chosen ones of a folder's names, folders' with a slash."""
        if names is None:
            return None
        matches = re.compile(self.pattern, self.flags).fullmatch
        found = []
        for name in names:
            is_hidden = name.startswith(".") and not self.with_hidden
            is_other = self.folders_only and not name.endswith("/")
            if not (is_hidden or is_other) and matches(name.rstrip("/")):
                found.append(name)
        return text_digest("\0".join(found))


_ANY = "(?s:.*)"


def choice_of(frame: FrameType | None) -> Choice | None:
    """Return what those who list a folder choose of its names, None if that is not known."""
    for _ in range(_FARTHEST):
        if frame is None or owner_of(frame.f_code.co_filename) not in {"own", "standard"}:
            return None
        file, name = os.path.basename(frame.f_code.co_filename), frame.f_code.co_name
        held: Any = frame.f_locals
        if file == "glob.py" and name in _OF_GLOB:
            return _OF_GLOB[name](held)
        if file in {"pathlib.py", "_local.py"} and name in _OF_PATHS:
            return _OF_PATHS[name](held)
        frame = frame.f_back
    return None


def _chosen(held: Any) -> Choice | None:
    """Return the choice of ``glob._glob1``."""
    pattern, hidden = held.get("pattern"), bool(held.get("include_hidden"))
    if not isinstance(pattern, str) or os.path.normcase("A") != "A":
        return None
    translated = fnmatch.translate(pattern)
    return Choice(translated, 0, bool(held.get("dironly")), hidden or pattern[:1] == ".")


def _folders(held: Any) -> Choice | None:
    """Return the choice of ``glob._rlistdir``: where it goes on; files too if it is the last."""
    is_all = not held.get("dironly")
    return None if is_all else Choice(_ANY, 0, True, True)


def _all_folders(held: Any) -> Choice:
    """Return the choice of what goes down into all folders."""
    return Choice(_ANY, 0, True, True)


def _unknown(held: Any) -> Choice | None:
    """Return None: the pattern is of whole paths."""
    return None


def _matched(held: Any) -> Choice | None:
    """Return the choice of pathlib's selectors, which keep a compiled pattern's method."""
    owner = held.get("self")
    match = held.get("match") if owner is None else getattr(owner, "match", None)
    only = held.get("dir_only") if owner is None else getattr(owner, "dironly", None)
    compiled = getattr(match, "__self__", None)
    if not isinstance(compiled, re.Pattern) or not isinstance(compiled.pattern, str):
        return None
    if getattr(match, "__name__", "") not in {"match", "fullmatch"} or only is None:
        return None
    return Choice(compiled.pattern, int(compiled.flags & ~re.UNICODE), bool(only), True)


_Teller = Callable[[Any], "Choice | None"]
_OF_GLOB: dict[str, _Teller] = {
    "_glob1": _chosen,
    "_rlistdir": _folders,
    "select_wildcard": _matched,
    "select_recursive": _unknown,
}
_OF_PATHS: dict[str, _Teller] = {"_select_from": _matched, "_iterate_directories": _all_folders}
