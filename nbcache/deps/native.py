"""Whether code that no patch sees could have listed a folder: child processes, native libraries.

The system tells that a folder was opened, not by whom: another kernel and any Python that
imports from the folder open it too. Where nothing of this process could, it was one of them.
"""

from __future__ import annotations

import glob
import sys
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any

from nbcache.deps.arrivals import loaded_mark
from nbcache.deps.places import owner_of

try:
    import resource

    _resource: Any = resource
except ImportError:  # Windows, where no folder is watched
    _resource = None

_LIST_NOTHING = frozenset({
    "IPython", "PIL", "_brotli", "_pydevd_bundle", "_pydevd_frame_eval", "_yaml", "bottleneck",
    "_cyutility", "charset_normalizer", "contourpy", "cryptography", "debugpy", "gmpy2", "greenlet",
    "h5py", "kiwisolver", "lmfit", "lxml", "lz4", "markupsafe", "matplotlib", "msgpack", "numexpr",
    "numpy", "orjson",
    "pandas", "patsy", "psutil", "pydantic_core", "regex", "rpds", "scipy", "shapely", "simplejson",
    "sklearn", "sqlalchemy", "statsmodels", "tornado", "ujson", "uvloop", "wrapt", "xxhash", "yaml",
    "zmq", "zstandard",
})  # fmt: skip
"""Packages whose native code lists no folder: their Python does it, if anybody."""

_LIST_NOTHING_IN = frozenset({"lib", "_compute", "_acero", "_csv", "_json", "_feather", "_hdfs"})
"""Modules of pyarrow that list no folder; its file systems and datasets do."""

_LIST_BY_PATTERN = frozenset({
    "polars", "_polars_runtime", "_polars_runtime_32", "_polars_runtime_64",
    "_polars_runtime_compat", "duckdb", "_duckdb", "pyarrow",
})  # fmt: skip
"""Packages whose native code lists what their watched functions were given, and nothing else."""


class Strangers:
    """Remembers how many child processes there were, to tell whether one lived meanwhile."""

    def __init__(self) -> None:
        self._ended = _ended_children()

    def could_list(self, *, was_given: bool = False) -> bool:
        """Whether a child process or a native library of this process could list a folder.

        ``was_given`` leaves out the libraries whose functions were seen to be given a pattern.
        """
        listers = native_listers(loaded_mark())
        return bool(listers - _LIST_BY_PATTERN if was_given else listers) or self._had_children()

    def _had_children(self) -> bool:
        if _ended_children() != self._ended:
            return True
        lists = glob.glob("/proc/self/task/*/children")
        return not lists or any(map(_has_text, lists))


def _ended_children() -> Any:
    return None if _resource is None else _resource.getrusage(_resource.RUSAGE_CHILDREN)


def _has_text(path: str) -> bool:
    try:
        with open(path, encoding="ascii") as file:
            return bool(file.read(1))
    except OSError:  # the thread ended
        return False


@lru_cache(maxsize=1)
def native_listers(mark: tuple[int, str]) -> frozenset[str]:
    """Return the packages of loaded native modules that may list folders, of these modules."""
    found = filter(_may_list, list(sys.modules.items()))
    return frozenset(name.partition(".")[0] for name, _ in found)


def _may_list(item: tuple[str, Any]) -> bool:
    name, module = item
    path = getattr(module, "__file__", None)
    if not isinstance(path, str) or not path.endswith(tuple(EXTENSION_SUFFIXES)):
        return False
    top, _, rest = name.partition(".")
    if owner_of(path) in {"standard", "own"} or top in _LIST_NOTHING:
        return False
    return not (top == "pyarrow" and rest in _LIST_NOTHING_IN)
