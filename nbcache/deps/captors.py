"""Where the standard library and IPython keep functions of their own from before any patch."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib import import_module
from typing import Any

from nbcache.deps.wrapped import Place, original_of

_CLASSES = (
    ("pathlib", "_NormalAccessor"),
    ("glob", "_GlobberBase"),
    ("glob", "_StringGlobber"),
    ("glob", "_Globber"),
)
"""pathlib's accessor (3.10) and glob's walkers (3.13 on) copy functions of ``os``."""

_SHELL = "IPython.core.interactiveshell"
"""A cell's own ``open`` opens through this, ``tempfile`` through ``_io``."""


def places_of(module: str, name: str) -> tuple[Place, ...]:
    """Return the places of the function ``name``: its module and those that copied it."""
    return _all_places(module, name, _SHELL in sys.modules)


@lru_cache(maxsize=128)
def _all_places(module: str, name: str, has_shell: bool) -> tuple[Place, ...]:
    owner = import_module(module)
    if not hasattr(owner, name):
        return ()
    loaded = ("_io", _SHELL) if has_shell else ("_io",)
    return ((owner, name), *_copies(original_of(getattr(owner, name)), loaded))


def _copies(wanted: Any, loaded: tuple[str, ...]) -> tuple[Place, ...]:
    owners: list[Any] = [sys.modules[known] for known in loaded]
    for known, kind in _CLASSES:
        owners.append(getattr(import_module(known), kind, None))
    found: list[Place] = []
    for owner in owners:
        for key, value in list(getattr(owner, "__dict__", {}).items()):
            inner = value.__func__ if isinstance(value, staticmethod) else value
            if original_of(inner) is wanted:
                found.append((owner, key))
    return tuple(found)
