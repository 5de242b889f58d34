"""What files and folders show to whoever compares them with what a run was seen to use."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from os import getcwd as _getcwd
from os import readlink as _readlink
from os import scandir as _scandir
from os import stat as _stat
from os import stat_result
from os.path import islink as _islink
from os.path import realpath as _realpath
from typing import Any

from nbcache.deps.digests import file_digest, text_digest
from nbcache.deps.globbing import Choice
from nbcache.deps.own_folders import OwnFolders

_NOTEBOOK_FOLDER = ".ipynb_checkpoints"


def status_of(path: str) -> stat_result | None:
    """Return the status of what ``path`` names, None if there is nothing."""
    try:
        return _stat(path)
    except (OSError, ValueError):
        return None


def kind_of(status: stat_result | None) -> str:
    """Return ``missing``, ``file``, ``folder`` or ``other``."""
    if status is None:
        return "missing"
    if stat.S_ISREG(status.st_mode):
        return "file"
    return "folder" if stat.S_ISDIR(status.st_mode) else "other"


def content_of(path: str) -> Any:
    """Return ``[size, digest]`` of a file, ``folder`` or ``other``, None if it is missing."""
    status = status_of(path)
    kind = kind_of(status)
    if kind == "file":
        return list(file_digest(path))
    return None if kind == "missing" else kind


def time_of(path: str) -> Any:
    """Return ``[TIMED, size, time]`` of a file without reading it, else as ``content_of``."""
    status = status_of(path)
    if status is None or kind_of(status) != "file":
        return content_of(path)
    return [TIMED, status.st_size, status.st_mtime_ns]


TIMED = "mtime"


def look_at(path: str, aspect: str) -> Any:
    """Return what a look shows of a path.

    The aspects are ``kind``, ``size``, ``mode``, ``time``, ``link`` and ``place``, which is what
    another path for the same file shares with it; ``stamp`` is a time that only stands for content.
    """
    status = status_of(path)
    if aspect == "link":
        return _readlink(path) if _islink(path) else "no link"
    if aspect == "place" and status is not None:
        return [_realpath(path), status.st_nlink]
    if status is None and _islink(path):
        return "a link to nothing"
    if aspect == "kind" or status is None:
        return kind_of(status)
    mode = stat.S_IMODE(status.st_mode)
    if aspect == "mode":
        return mode
    return status.st_size if aspect == "size" else [status.st_size, status.st_mtime_ns, mode]


def names_in(folder: str, own: OwnFolders) -> list[str] | None:
    """Return the sorted names in a folder, those of folders with a slash, None if missing."""
    try:
        with _scandir(folder) as entries:
            found = [(entry.name, entry.is_dir(), entry.path) for entry in entries]
    except OSError:
        return None
    return sorted(name + "/" * is_dir for name, is_dir, path in found if not own.is_own(path))


def names_digest(names: Iterable[str] | None, *, native: bool = False) -> str | None:
    """Return a digest of names; a native listing leaves out Jupyter's own folder and Python's.

    Python's folder of bytecode comes and goes as modules are imported, which lists folders.
    """
    if names is None:
        return None
    hidden = {f"{_NOTEBOOK_FOLDER}/", "__pycache__/"} if native else set()
    return text_digest("\0".join(name for name in names if name not in hidden))


def file_news(late: Mapping[str, Any], own: OwnFolders) -> str | None:
    """Return None if the files of a recorded run are as it saw them, else what moved."""
    start = _getcwd()
    for part, compare in _COMPARISONS.items():
        for path, wanted in late.get(part, {}).items():
            whole = os.path.normpath(os.path.join(start, path))
            sentence = compare(whole, path, wanted, own)
            if sentence is not None:
                return sentence
    return None


def _compare_content(path: str, shown: str, wanted: Any, own: OwnFolders) -> str | None:
    is_timed = isinstance(wanted, list) and wanted[0] == TIMED
    now = time_of(path) if is_timed else content_of(path)
    if now == wanted:
        return None
    if now is None:
        return f"`{shown}` is gone"
    return f"`{shown}` exists now" if wanted is None else f"`{shown}` changed on disk"


def _compare_written(path: str, shown: str, wanted: Any, own: OwnFolders) -> str | None:
    sentence = _compare_content(path, shown, wanted, own)
    return None if sentence is None else sentence.replace("` ", "`, which the cell wrote, ", 1)


def _compare_look(path: str, shown: str, wanted: Any, own: OwnFolders) -> str | None:
    for aspect, then in wanted.items():
        now = look_at(path, aspect)
        if now != then:
            if "missing" in (now, then):
                return f"`{shown}` {'is gone' if now == 'missing' else 'exists now'}"
            return f"`{shown}` changed on disk ({aspect})"
    return None


def _compare_listing(path: str, shown: str, wanted: Any, own: OwnFolders) -> str | None:
    now = names_digest(names_in(path, own), native=wanted["native"])
    return None if now == wanted["names"] else f"the contents of the folder `{shown}` changed"


def _compare_choices(path: str, shown: str, wanted: Any, own: OwnFolders) -> str | None:
    names = names_in(path, own)
    is_same = all(Choice.of_key(key).digest(names) == then for key, then in wanted.items())
    return None if is_same else f"the contents of the folder `{shown}` changed"


_COMPARISONS = {
    "read": _compare_content,
    "looked": _compare_look,
    "listed": _compare_listing,
    "globbed": _compare_choices,
    "wrote": _compare_written,
}
