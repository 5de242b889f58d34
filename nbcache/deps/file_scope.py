"""Which files count, which folders are watched, and how a path is written in an entry."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.machinery import PathFinder
from itertools import islice
from os import fspath as _fspath
from os import getcwd as _getcwd
from os import readlink as _readlink
from os import scandir as _scandir
from os import stat as _stat
from typing import Any

from nbcache.deps.own_folders import OwnFolders
from nbcache.deps.places import OWN_FOLDER, owner_of
from nbcache.errors import NotReplayable

_MOST_FOLDERS = 64
_MOST_ENTRIES = 4096
_COMPILED = f"{os.sep}__pycache__{os.sep}"
_SYSTEM = ("/proc", "/sys", "/dev", "/usr/share/fonts", "/var/cache/fontconfig")
_NOT_ENTERED = frozenset({"__pycache__", "node_modules", "site-packages"})
_subfolders: dict[str, tuple[int, list[str]]] = {}


@lru_cache(maxsize=1)
def _session_folders() -> tuple[str, ...]:
    """Return folders of Jupyter, IPython, matplotlib's and the fonts' caches."""
    home = os.path.expanduser("~")
    names = [".ipython", ".jupyter", ".local/share/jupyter", ".cache/matplotlib"]
    names += [".cache/fontconfig", ".fonts", ".local/share/fonts", "Library/Jupyter"]
    folders = [os.path.join(home, name) for name in names]
    given = ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR")
    folders += [os.environ[name] for name in given if os.environ.get(name)]
    if os.environ.get("MPLCONFIGDIR"):
        folders.append(os.environ["MPLCONFIGDIR"])
    return tuple(folder.rstrip(os.sep) + os.sep for folder in (*folders, *_SYSTEM))


class Scope(OwnFolders):
    """Decides whether a path counts; ``own`` are the folders of nbcache's stores."""

    def __init__(self, own: Sequence[str | os.PathLike[str]] = ()) -> None:
        super().__init__(own)
        owner_of(OWN_FOLDER)
        _session_folders()  # now, since a run that is watched would seem to read the variables
        self._cells = os.path.join(tempfile.gettempdir(), "ipykernel_")
        self._import_path: tuple[str, ...] = ()
        self._importing: list[str] = []

    def counts(self, path: str) -> bool:
        """Tell whether ``path`` may be a dependency."""
        inside = path + os.sep
        if self.is_own(path) or path.startswith(self._cells):
            return False
        if _COMPILED in inside or inside.startswith(_session_folders()):
            return False
        return owner_of(path) == "user"

    def folders(self, paths: Iterable[str] = ()) -> list[str]:
        """Return the folders to watch: the working directory's tree, and those of ``paths``."""
        found = dict.fromkeys(self.tree(_getcwd()))
        for path in paths:
            whole = absolute(path)
            folder = whole if whole and os.path.isdir(whole) else os.path.dirname(whole or "")
            if folder and self.counts(folder) and os.path.isdir(folder):
                found[folder] = None
        return list(found)

    def tree(self, root: str) -> list[str]:
        """Return a folder and those below it that count, nearest first, if they are not many."""
        folders = [root]
        for folder in folders:
            if len(folders) >= _MOST_FOLDERS:
                break
            folders += [below for below in _folders_below(folder) if self.counts(below)]
        return folders[:_MOST_FOLDERS]

    def prime_imports(self) -> None:
        """Let the import system list folders now, so that an import in the run need not.

        Only those of the user: what happens in an installation's does not count.
        """
        path = tuple(filter(_is_text, sys.path))
        if path != self._import_path:
            self._import_path = path
            self._importing = [one for one in path if not one or self.counts(one)]
        entries = [one for one in self._importing if _is_unlisted(one)]
        if entries:
            PathFinder.find_spec("nbcache_no_such_module", entries)


def _is_text(entry: object) -> bool:
    return isinstance(entry, str)


def _is_unlisted(entry: str) -> bool:
    """Tell whether the import system would list a folder of ``sys.path`` at its next search."""
    finder = sys.path_importer_cache.get(entry or _getcwd())
    try:
        return bool(getattr(finder, "_path_mtime", None) != _stat(entry or ".").st_mtime)
    except OSError:
        return False


def _folders_below(folder: str) -> list[str]:
    try:
        changed_at = _stat(folder).st_mtime_ns
        known = _subfolders.get(folder)
        if known is None or known[0] != changed_at:
            with _scandir(folder) as entries:
                first = list(islice(entries, _MOST_ENTRIES))
            below = [entry.path for entry in first if _is_entered(entry)]
            known = _subfolders[folder] = changed_at, sorted(below)
    except OSError:
        return []
    return known[1]


def _is_entered(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or entry.name in _NOT_ENTERED:
        return False
    return entry.is_dir(follow_symlinks=False)


def _checked(path: Any) -> Any:
    """Return a path whose conversion runs no code of the user: that would run it twice.

    Raises:
        NotReplayable: it is of a class of the user's own.
    """
    convert = getattr(type(path), "__fspath__", None)
    code = getattr(convert, "__code__", None)
    if code is not None and owner_of(code.co_filename) == "user":
        raise NotReplayable(f"it opens a file through its own path class `{type(path).__name__}`")
    return path


def absolute(path: Any, folder_descriptor: Any = None) -> str | None:
    """Return the absolute form of what was given as a path, None for descriptors and nonsense."""
    if isinstance(path, int):
        return None
    try:
        text = os.fsdecode(_fspath(_checked(path)))
    except TypeError:
        return None
    if not text or "\0" in text:
        return None
    if isinstance(folder_descriptor, int) and not os.path.isabs(text):
        try:
            start = _readlink(f"/proc/self/fd/{folder_descriptor}")
        except OSError:
            return None
    else:
        start = _getcwd()
    return os.path.normpath(os.path.join(start, text))


def relative(path: str, start: str) -> str:
    """Return ``path`` relative to ``start`` if it lies below, with forward slashes."""
    if path == start:
        return "."
    if path.startswith(start.rstrip(os.sep) + os.sep):
        path = path[len(start.rstrip(os.sep)) + 1 :]
    return path.replace(os.sep, "/") if sys.platform == "win32" else path


def is_above(path: str, start: str) -> bool:
    """Tell whether ``path`` is the folder ``start`` or one that holds it: it exists."""
    return (start + os.sep).startswith(path.rstrip(os.sep) + os.sep)
