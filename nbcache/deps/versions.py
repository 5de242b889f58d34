"""Versions of installed distributions, by their metadata folders' names: quick, no parsing."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from os import listdir as _listdir
from os import stat as _stat

_open = open  # captured now: our own reads are no user's reads
_USUAL_NAMES = {
    "IPython": "ipython", "PIL": "pillow", "attr": "attrs", "bs4": "beautifulsoup4",
    "cv2": "opencv-python", "dateutil": "python-dateutil", "mpl_toolkits": "matplotlib",
    "pylab": "matplotlib", "skimage": "scikit-image", "sklearn": "scikit-learn",
    "yaml": "pyyaml", "zmq": "pyzmq",
}  # fmt: skip
_METADATA = re.compile(r"^(?P<name>[^-]+)-(?P<version>[^-]+)(?:-py[^-]*)?\.(?:dist|egg)-info$")
_folders: dict[str, tuple[int, dict[str, str]]] = {}


def normal_name(name: str) -> str:
    """Return a distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_version(distribution: str) -> str | None:
    """Return the version that the import path offers now, None if there is none."""
    name = normal_name(distribution)
    for folder in sys.path:
        version = _versions_in(folder or os.curdir).get(name)
        if version is not None:
            return version
    return None


def _versions_in(folder: str) -> dict[str, str]:
    try:
        changed_at = _stat(folder).st_mtime_ns
    except OSError:
        return {}
    known = _folders.get(folder)
    if known is None or known[0] != changed_at:
        try:
            names = _listdir(folder)
        except OSError:
            return {}
        matches = filter(None, map(_METADATA.match, names))
        found = {normal_name(match["name"]): match["version"] for match in matches}
        known = _folders[folder] = (changed_at, found)
    return known[1]


@lru_cache(maxsize=4096)
def distribution_of(top_level: str) -> str | None:
    """Return the distribution that brings the module ``top_level``, None for none.

    The slow way over all metadata is taken only if none has the module's own name.
    """
    if top_level in sys.stdlib_module_names or _has_no_file(top_level):
        return None
    for name in (_USUAL_NAMES.get(top_level), top_level):
        if name is not None and installed_version(name) is not None:
            return normal_name(name)
    found = (_METADATA.match(name) for folder, name in _metadata() if _brings(folder, top_level))
    return next((normal_name(match["name"]) for match in found if match), None)


def _has_no_file(top_level: str) -> bool:
    """Tell whether a module is loaded that was made in memory, as Cython's own are."""
    values = getattr(sys.modules.get(top_level), "__dict__", None)
    return values is not None and not values.get("__file__") and "__path__" not in values


def _metadata() -> Iterator[tuple[str, str]]:
    """Yield the folders of metadata on the import path, each with its name."""
    for folder in sys.path:
        with suppress(OSError):
            for name in sorted(_listdir(folder or os.curdir)):
                if _METADATA.match(name):
                    yield os.path.join(folder, name), name


def _brings(folder: str, top_level: str) -> bool:
    """Tell whether the distribution of this metadata brings a module: it says so, or lists it.

    Searching the list as text takes a fraction of what ``importlib.metadata`` takes to parse it.
    """
    declared = _text(folder, "top_level.txt").split()
    if declared:
        return top_level in declared
    listed = _text(folder, "RECORD")
    if top_level not in listed:
        return False
    pattern = rf"^{re.escape(top_level)}(/|(\.[^/,\n]+)?\.(py|so|pyd),)"
    return re.search(pattern, listed, re.MULTILINE) is not None


def _text(folder: str, name: str) -> str:
    try:
        with _open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            return str(file.read())
    except OSError:
        return ""


class Versions:
    """The versions this process runs: as seen first, whatever is installed over them later."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def used_by(self, modules: Iterable[str]) -> dict[str, str]:
        """Return distribution → version for the top levels of the names of ``modules``."""
        found: dict[str, str] = {}
        for top in sorted({name.partition(".")[0] for name in modules}):
            name = distribution_of(top)
            version = None if name is None else self.current(name)
            if name is not None and version is not None:
                found[name] = self._seen[name] = version
        return found

    def current(self, distribution: str) -> str | None:
        """Return the version of ``distribution`` that counts in this process."""
        return self._seen.get(distribution) or installed_version(distribution)
