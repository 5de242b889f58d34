"""What Jupyter's own config files say of ``c.NBCache``; IPython's come with its shell."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from typing import Any

from nbcache.errors import OptionError

NAMES = ("jupyter_config", "jupyter_nbcache_config")
"""The files that are looked for, without their suffixes."""

_known: dict[str, tuple[int, Mapping[str, Any]]] = {}


def jupyter_settings() -> list[tuple[str, Mapping[str, Any]]]:
    """Return what the files say, each with its path, weakest first.

    A file that does not name the class is not run.

    Raises:
        OptionError: a file cannot be read; it is named.
    """
    found = [(path, _read(path)) for path in _paths(os.environ.get("JUPYTER_CONFIG_DIR", ""))]
    return [(path, options) for path, options in found if options]


@functools.lru_cache(maxsize=4)
def _paths(_: str) -> list[str]:
    from jupyter_core.paths import jupyter_config_path

    folders = [folder for folder in reversed(jupyter_config_path()) if os.path.isdir(folder)]
    return [
        os.path.join(folder, name + suffix)
        for name in NAMES
        for folder in folders
        for suffix in (".json", ".py")
    ]


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
