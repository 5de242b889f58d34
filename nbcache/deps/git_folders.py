"""Where git keeps what it tells of a repository: also of work trees and submodules."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

_open = open  # captured now: our own reads are no user's reads
_MOST_FOLDERS = 64
_POINTER = "gitdir: "


def git_folders(paths: Iterable[str | None], variables: Mapping[str, str]) -> list[str]:
    """Return the folders that git reads for commands in or about some paths."""
    given = [variables.get("GIT_DIR"), variables.get("GIT_COMMON_DIR")]
    found = [one for one in given if one]
    found += [one for path in paths if path for one in _above(path)]
    kept = dict.fromkeys(one for path in found for one in (path, _shared(path)))
    return list(dict.fromkeys(one for path in kept for one in _with_branches(path)))


def _above(path: str) -> Iterator[str]:
    """Yield what keeps the repository of a path, and the file that points there."""
    while path:
        place = os.path.join(path, ".git")
        if os.path.isdir(place):
            yield place
            return
        pointed = _text(place)
        if pointed.startswith(_POINTER):
            yield place
            yield os.path.join(path, pointed.removeprefix(_POINTER))
            return
        parent = os.path.dirname(path)
        path = "" if parent == path else parent


def _shared(folder: str) -> str:
    """Return what a work tree shares with the others, the folder itself where it has none."""
    name = _text(os.path.join(folder, "commondir"))
    return os.path.normpath(os.path.join(folder, name)) if name else folder


def _with_branches(folder: str) -> Iterator[str]:
    yield folder
    yield os.path.join(folder, "index")  # which there is not before the first file is added
    below = os.walk(os.path.join(folder, "refs"))
    yield from (one for one, _, _ in islice(below, _MOST_FOLDERS))


def _text(path: str) -> str:
    try:
        with _open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read(4096).strip()
    except OSError:
        return ""


def asks_work_tree(text: str) -> bool:
    """Tell whether a command of git compares the files of its work tree."""
    return bool(_COMPARES.search(text))


_COMPARES = re.compile(
    r"\bgit\b[^;|&\n]*\s(status|diff\S*|ls-files|describe|add|commit|update-index)\b"
)


def work_tree(path: str) -> str:
    """Return the top of the work tree that a path lies in, nothing if it lies in none."""
    while path and not os.path.lexists(os.path.join(path, ".git")):
        path = "" if os.path.dirname(path) == path else os.path.dirname(path)
    return path
