"""What else of the process a call may see: what users' code did to libraries, and the interpreter.

A notebook's history tells what its cells put into libraries or had them do, and a script's own
text what it does. Local modules are looked at in both.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from nbcache.cell.names import Names
from nbcache.deps.consulted import interpreter_parts
from nbcache.deps.local import loaded_local_names, memory_digest, read_source
from nbcache.earlier_calls import EarlierCalls
from nbcache.heap.walk import Walk
from nbcache.library_patches import LibraryPatches
from nbcache.replay.needs import uses_of
from nbcache.witnesses import spelled_names

_PARSERS = frozenset({"argparse", "optparse", "getopt", "click", "typer", "fire", "docopt", "absl"})
"""Modules that read a program's arguments out of sight."""

_CONSULTED = _PARSERS | {"gc", "socket", "decimal", "scipy"}


class Earlier:
    """What the code of one namespace did to libraries."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        self._patches, self._calls = LibraryPatches(), EarlierCalls()
        self._lock = threading.Lock()

    def need_all(self, walk: Walk) -> None:
        """Make all that may bear on a call an input of it."""
        texts = self._texts()
        with self._lock:
            self._patches.need_all(walk, texts)
            self._patches.need_used(walk, uses_of((), walk, Names()))
            self._calls.need_all(walk, texts, walk.imports, ())

    def mark(self) -> object:
        """Return what stays equal while nobody did anything to a library; None if unsure."""
        texts = self._texts()
        with self._lock:
            calls = self._calls.mark(self.namespace, texts)
            if calls is None or self._patches.has_any(self.namespace, texts):
                return None
        return calls, [(name, memory_digest(name)) for name in loaded_local_names()]

    def _texts(self) -> Sequence[str]:
        """Return the cells of a notebook up to the running one, or the text of a script."""
        cells = self.namespace.get("_ih")
        if isinstance(cells, list):
            return cells
        return [read_source(str(self.namespace.get("__file__", "")))]


_known: list[Earlier] = []
_MOST = 16
"""Namespaces that are remembered: a notebook's, and those of modules with cached functions."""


def earlier_in(namespace: dict[str, Any]) -> Earlier:
    """Return what is known of a namespace."""
    for known in _known:
        if known.namespace is namespace:
            return known
    _known[:] = [Earlier(namespace), *_known[: _MOST - 1]]
    return _known[0]


def consulted_parts(walk: Walk) -> Mapping[str, str]:
    """Return the parts of a call's key that stand for state of the interpreter."""
    modules = {name.partition(".")[0] for name in walk.packages | walk.imports}
    return interpreter_parts(spelled_names(walk), modules & _CONSULTED & sys.modules.keys())
