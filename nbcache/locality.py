"""Which modules are the user's own, and which belong to Python or an installed distribution."""

from __future__ import annotations

import functools
import importlib
import importlib.machinery
import os
import site
import sys
import sysconfig
import types


@functools.lru_cache(maxsize=1)
def installed_folders() -> tuple[str, ...]:
    """Return the folders that hold the standard library and installed distributions."""
    paths = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    paths |= set(getattr(site, "getsitepackages", list)()) | {site.getusersitepackages()}
    return tuple(os.path.realpath(path) + os.sep for path in paths if path)


def is_local_file(path: str | None) -> bool:
    """Tell whether a source file lies outside the standard library and site-packages."""
    if not path or path.startswith("<"):
        return False
    if not os.path.isabs(path) and not is_there(path):
        return False  # a label of code that was made in memory
    real = os.path.realpath(path)
    if "site-packages" in real or "dist-packages" in real:
        return False
    return not real.startswith(installed_folders()) and not real.startswith(_OWN)


def is_there(path: str) -> bool:
    """Tell whether a path names something, or a member of an archive."""
    return os.path.exists(path) or bool(archive_of(path))


def archive_of(path: str) -> str:
    """Return the file in which what a path names must lie, as a module in an archive does."""
    while path and not os.path.exists(path):
        parent = os.path.dirname(path)
        path = "" if parent == path else parent
    return path if os.path.isfile(path) else ""


def is_made(module: object) -> bool:
    """Tell whether a module was made by hand: it has neither a file nor a loader.

    Those that a library's C code makes for itself, such as ``torch._C._cpu``, do not count.
    """
    if type(module) is not types.ModuleType or module.__name__ in ("__main__", "__mp_main__"):
        return False
    values = vars(module)
    if any(values.get(name) for name in ("__spec__", "__loader__", "__file__")):
        return False
    parent = sys.modules.get(str(module.__name__).rpartition(".")[0])
    return not str(getattr(parent, "__file__", "")).endswith(_COMPILED)


_COMPILED = tuple(importlib.machinery.EXTENSION_SUFFIXES)
_OWN = os.path.dirname(os.path.realpath(__file__)) + os.sep


def is_local_module(name: str | None) -> bool:
    """Tell whether a loaded module is the user's own code (the notebook itself is not)."""
    if not name or name == "__main__":
        return False
    return _is_local(name, id(sys.modules.get(name)))


@functools.lru_cache(maxsize=4096)
def _is_local(name: str, identity: int) -> bool:
    module = sys.modules.get(name)
    if not isinstance(module, types.ModuleType):
        return False
    return is_made(module) or is_local_file(getattr(module, "__file__", None))


def is_importable(obj: object, module: str | None, qualname: str | None) -> bool:
    """Tell whether ``module.qualname`` is this very object in this process."""
    if not module or not qualname or module == "__main__" or "<" in qualname:
        return False
    found: object = sys.modules.get(module) or _imported(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
        if found is None:
            return False
    return found is obj


@functools.cache
def _imported(name: str) -> object:
    """Return a module of a loaded library that was not imported itself: it may name a class so."""
    package, _, inner = name.partition(".")
    if not inner or package not in sys.modules or is_local_module(package):
        return None
    try:
        return importlib.import_module(name)
    except Exception:
        return None
