"""What Jupyter's own config files say of ``c.NBCache``; IPython's come with its shell."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nbcache.errors import OptionError

NAMES = ("jupyter_config", "jupyter_nbcache_config")
"""The files that are looked for, without their suffixes."""

LASTS_S = 1.0
"""Seconds for which every cell is not asked again: people edit these files, cells do not."""

Said = Sequence[tuple[str, Mapping[str, Any]]]
"""What each file says, by its path."""

_SUFFIXES = (".json", ".py")
_FILES = frozenset(name + suffix for name in NAMES for suffix in _SUFFIXES)
_SETTLED_NS = 2_000_000_000
_listed: dict[str, tuple[int, frozenset[str]]] = {}
_known: dict[str, tuple[int, Mapping[str, Any]]] = {}


class Lately:
    """What the files said when they were last looked at, at most ``LASTS_S`` ago."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = float("-inf")
        self._said: Said = ()

    def settings(self) -> Said:
        """Return what the files say.

        Raises:
            OptionError: a file cannot be read; it is named.
        """
        now = self._clock()
        if now >= self._until:
            self._said, self._until = jupyter_settings(), now + LASTS_S
        return self._said


def jupyter_settings() -> list[tuple[str, Mapping[str, Any]]]:
    """Return what the files say, each with its path, weakest first.

    A file that does not name the class is not run.

    Raises:
        OptionError: a file cannot be read; it is named.
    """
    folders = _folders(os.environ.get("JUPYTER_CONFIG_DIR", ""))
    if not any(map(_files_in, folders)):
        return []
    paths = [
        os.path.join(folder, name + suffix)
        for name in NAMES
        for folder in folders
        for suffix in _SUFFIXES
        if name + suffix in _files_in(folder)
    ]
    found = [(path, _read(path)) for path in paths]
    return [(path, options) for path, options in found if options]


@functools.lru_cache(maxsize=4)
def _folders(_: str) -> list[str]:
    from jupyter_core.paths import jupyter_config_path

    return [folder for folder in reversed(jupyter_config_path()) if os.path.isdir(folder)]


def _files_in(folder: str) -> frozenset[str]:
    """Return which of the files a folder holds, listed again only when it was changed."""
    try:
        changed_at = os.stat(folder).st_mtime_ns
        known = _listed.get(folder)
        if known is not None and known[0] == changed_at:
            return known[1]
        found = _FILES.intersection(os.listdir(folder))
    except OSError:
        return frozenset()
    if time.time_ns() - changed_at > _SETTLED_NS:  # else it may change again at the same moment
        _listed[folder] = changed_at, found
    return found


def _read(path: str) -> Mapping[str, Any]:
    try:
        changed_at = os.stat(path).st_mtime_ns
    except OSError:
        return {}
    known = _known.get(path)
    if known is None or known[0] != changed_at:
        known = _known[path] = changed_at, _load(path)
    return known[1]


def _load(path: str) -> Mapping[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            if "NBCache" not in file.read():
                return {}
        from traitlets.config.loader import JSONFileConfigLoader, PyFileConfigLoader

        loader = JSONFileConfigLoader if path.endswith(".json") else PyFileConfigLoader
        config = loader(os.path.basename(path), os.path.dirname(path)).load_config()
    except Exception as error:
        raise OptionError(f"{path}: {type(error).__name__}: {error}") from None
    return dict(config.get("NBCache", {}))
