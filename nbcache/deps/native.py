"""Whether the cell is to blame for what happens to files and folders, or other programs are.

The system tells that a folder was opened, not by whom: another kernel and any Python that
imports from the folder open it too. Where nothing of this process could, it was one of them.
Of files, Linux tells what this very process touched; what it did not is another program's doing,
unless the run may have asked for it: of a child process, or through a connection.
"""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any

from nbcache.deps.arrivals import loaded_mark
from nbcache.deps.fanotify import ITSELF, OwnTouches
from nbcache.deps.patching import Patches
from nbcache.deps.places import owner_of
from nbcache.deps.wrapped import Place

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


_SPEAKING = (
    ("socket", "socket", "connect connect_ex send sendall sendto sendmsg"),
    ("ssl", "SSLSocket", "send sendall write"),
    ("multiprocessing.connection", "_ConnectionBase", "send send_bytes"),
)
"""How Python speaks to other processes: module, class in it, methods."""

_SPEAKERS = frozenset({
    "ipyparallel", "lxml.etree", "multiprocessing.managers", "multiprocessing.shared_memory",
    "pyarrow._flight", "uvloop",
})  # fmt: skip
"""Modules through which other processes are asked out of sight of a socket's methods."""

_SPOKEN = "zmq"
"""What a text names that asks other processes through the kernel's own way of speaking."""


class Strangers:
    """Remembers what this process did itself, and whether it may have asked another to act."""

    def __init__(self, folders: Iterable[str] = (), source: str = "") -> None:
        self._ended = _ended_children()
        self._touches = OwnTouches(folders)
        self._has_spoken = _SPOKEN in source

    def watch(self, patches: Patches) -> None:
        """See whether the run speaks to other processes."""

        def on_speech(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            self._has_spoken = self._has_spoken or not _is_own_end(args[0])

        patches.watch(on_speech, *_speaking_places(loaded_mark()))

    def add(self, folder: str) -> None:
        """Follow what this process touches in one more folder."""
        self._touches.add(folder)

    def close(self) -> None:
        """Follow nothing more."""
        self._touches.close()

    def did(self, name: str, *, is_folder: bool = False) -> bool:
        """Whether another program alone touched the file or folder ``name``, unasked by the run.

        Call it after the event was told: what this process did until now is known then.
        """
        if self._has_spoken or self.may_have_touched(name, is_folder=is_folder):
            return False
        if (
            not _SPEAKERS.isdisjoint(sys.modules)
            or native_listers(loaded_mark()) - _LIST_BY_PATTERN
        ):
            return False
        return not self._had_children()

    def may_have_touched(self, name: str, *, is_folder: bool = False) -> bool:
        """Whether this process touched a file or folder of that name, as far as can be told."""
        own = self._touches.names()
        return own is None or name in own or (is_folder and ITSELF in own)

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


@lru_cache(maxsize=1)
def _speaking_places(mark: tuple[int, str]) -> list[Place]:
    """Return the methods that speak to other processes, of the modules that are loaded."""
    owners = ((getattr(sys.modules.get(module), owner, None), names)
              for module, owner, names in _SPEAKING)  # fmt: skip
    return [(owner, name) for owner, names in owners if owner for name in names.split()]


def _is_own_end(end: Any) -> bool:
    """Tell whether a socket is one of a pair of this process, as event loops wake up by."""
    try:
        return bool(end.getpeername() == "")
    except (OSError, AttributeError, TypeError):
        return False


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
