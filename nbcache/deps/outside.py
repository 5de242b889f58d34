"""What an entry's late dependencies say about the world outside of a kernel.

Some late dependencies (streams, options, variables) are states of a kernel, which follow from
the cells before; the others (files, sources, versions, environment) can be compared by any
process that stands where the kernel would. Whatever this module does not know counts as moved.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nbcache.deps.file_looks import file_news
from nbcache.deps.finding import module_news
from nbcache.deps.own_folders import OwnFolders
from nbcache.deps.shadows import forget_places
from nbcache.deps.variables import variable_news
from nbcache.deps.zone import zone_news

_STATES = frozenset({"names", "randomness"})
_AMBIENT_STATES = frozenset({
    "warnings", "logging", "interpreter", "numpy_printing", "numpy_errors", "pandas", "decimal",
    "locale", "matplotlib", "matplotlib_colors", "display",
})  # fmt: skip
_ELSEWHERE = frozenset({"to", "sys.path"})
"""Marks of a run that changed the folder or the import path: later paths would mislead us."""


class Outside:
    """Compares late dependencies as a new kernel in ``folder`` would; ``own`` are our stores."""

    def __init__(self, folder: str, own: Iterable[str] = ()) -> None:
        self._folder = folder
        self._own = OwnFolders(tuple(own))

    def moved(self, lates: Iterable[Mapping[str, Any]]) -> str | None:
        """Return None if all hold, else one sentence: what moved, or what only a kernel knows."""
        forget_places()
        with _standing_in(self._folder):
            for late in lates:
                try:
                    sentence = self._moved(late)
                except Exception as error:
                    return f"what was recorded could not be compared ({error!r})"
                if sentence is not None:
                    return sentence
        return None

    def _moved(self, late: Mapping[str, Any]) -> str | None:
        for name, recorded in late.items():
            if name == "files":
                sentence = file_news(recorded, self._own)
            elif name == "modules":
                sentence = module_news(recorded)
            elif name == "ambient":
                sentence = self._ambient(recorded)
            else:
                sentence = None if name in _STATES else f"only a kernel can compare its {name}"
            if sentence is not None:
                return sentence
        return None

    def _ambient(self, recorded: Mapping[str, Any]) -> str | None:
        for name, part in recorded.items():
            sentence = None
            if name == "environment":
                sentence = variable_news(part)
            elif name == "zone":
                sentence = zone_news(part)
            elif name == "folder":
                sentence = self._standing(part)
            elif name not in _AMBIENT_STATES:
                sentence = f"only a kernel can compare its {name}"
            if sentence is not None:
                return sentence
        return None

    def _standing(self, part: Mapping[str, Any]) -> str | None:
        if _ELSEWHERE & part.keys():
            return "a cell changes the working directory or the import path"
        return None if part.get("cwd", os.getcwd()) == os.getcwd() else "the folder is another"


@contextmanager
def _standing_in(folder: str) -> Iterator[None]:
    """Work in ``folder`` with the import path that a kernel there would have."""
    here, path = os.getcwd(), list(sys.path)
    os.chdir(folder)
    sys.path[:] = [folder, *path[1:]]
    try:
        yield
    finally:
        sys.path[:] = path
        os.chdir(here)
