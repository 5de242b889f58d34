"""Libraries that a file of the user's hides by now: ``statistics.py`` written beside the notebook.

The first import of a name takes what stands first on the import path. A run that used a library's
module is no longer what a run would give once a local one of that name stands before it.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterable, Sequence

from nbcache.deps.places import is_local
from nbcache.locality import is_local_module

_HERE = frozenset({"", "."})
_KERNELS = frozenset({
    "abc", "argparse", "ast", "asyncio", "atexit", "base64", "codecs", "collections",
    "concurrent", "contextlib", "copy", "dataclasses", "datetime", "enum", "functools", "getpass",
    "hashlib", "importlib", "inspect", "io", "itertools", "json", "keyword", "linecache", "locale",
    "logging", "math", "numbers", "operator", "os", "pathlib", "pickle", "platform", "queue",
    "random", "re", "select", "shutil", "signal", "site", "socket", "string", "struct",
    "subprocess", "tempfile", "textwrap", "threading", "token", "tokenize", "traceback", "types",
    "typing", "unicodedata", "urllib", "uuid", "warnings", "weakref", "zipfile", "zlib",
})  # fmt: skip
"""What every kernel has loaded before the user's first cell."""


def libraries_among(names: Iterable[str]) -> list[str]:
    """Return the packages of loaded modules that are libraries and might be hidden."""
    packages = {name.partition(".")[0] for name in names}.difference(
        _KERNELS, sys.builtin_module_names
    )
    return sorted(name for name in packages if name in sys.modules and not is_local_module(name))


def hidden_library(names: Sequence[str], *, are_loaded: bool) -> str | None:
    """Return None if each name still stands for a library, else one sentence.

    ``are_loaded``: what this process has loaded counts, and is found without a search.
    """
    place = () if are_loaded else (os.getcwd(), *sys.path)
    for name in names:
        if are_loaded:
            is_loaded = name in sys.modules
            is_local_now = is_local_module(name) if is_loaded else _found_before_libraries(name)
        else:
            is_local_now = _found_lately(name, place)
        if is_local_now:
            return f"`{name}` is a local module now, which hides the library"
    return None


@functools.lru_cache(maxsize=512)
def _found_lately(name: str, place: tuple[object, ...]) -> bool:
    """Return the same for all cells of a notebook, until ``forget_places``."""
    return _found_before_libraries(name)


def forget_places() -> None:
    """Search anew from now on: files may have come since."""
    _found_lately.cache_clear()


def _found_before_libraries(name: str) -> bool:
    """Tell whether the first folder of the import path that has a module is the user's own."""
    for folder in sys.path:
        place = os.path.join(os.path.abspath(folder) if folder in _HERE else folder, name)
        if os.path.exists(f"{place}.py") or os.path.exists(os.path.join(place, "__init__.py")):
            return is_local(place)
    return False
