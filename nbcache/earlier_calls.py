"""What earlier cells had libraries do for good: ``sklearn.set_config(…)``, ``codecs.register(…)``.

The state of a library is not walked. But the text tells a call that sets something: its name
says so, or it stands alone and is handed nothing of the notebook, or it is handed a library's
module to change. Such calls, and the present values of the variables in them, are an input of
every later cell that reaches the library; those of the standard library, of every later cell.
"""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nbcache.cell.still import ATOMS, is_still
from nbcache.deps.local import (
    loaded_local_names,
    meaning_digest,
    memory_digest,
    read_source,
    source_path,
)
from nbcache.heap.walk import Walk
from nbcache.library_setters import Setter, setters_reached
from nbcache.library_state import SetState
from nbcache.library_touches import TRACKED, marks_in, touched_by, touched_packages
from nbcache.patchers import names_of, patched_packages
from nbcache.setting_names import parts_run
from nbcache.setting_words import sets_nothing

_MAY_SET = re.compile(r"[(\[]|^\s*@", re.MULTILINE)
"""Without a call, an index or a decorator, no text sets anything in a library."""

_LIMITS = {
    "setrecursionlimit": "getrecursionlimit",
    "set_int_max_str_digits": "get_int_max_str_digits",
}
"""What sets a limit of the interpreter that is met without a word of it → what tells it."""


_modules: dict[tuple[str, str], frozenset[str]] = {}
"""Local module and digest of its source → the libraries in which it sets something."""


class EarlierCalls:
    """Follows the history of one shell; each text is read once."""

    def __init__(self) -> None:
        self._seen = 0
        self._calls: dict[str, dict[str, frozenset[str]]] = {}
        self._setters: dict[str, dict[str, Setter]] = {}
        self._limits: dict[str, str] = {}
        self._kept = 0

    def need_all(
        self,
        walk: Walk,
        history: Sequence[str],
        imports: Iterable[str],
        nodes: Sequence[ast.stmt],
    ) -> None:
        """Make the calls into the libraries that a cell reaches an input of it."""
        self._read_new(walk.namespace, history)
        for now in self._limits.values():  # any later cell may live on it
            if now == "getrecursionlimit" and is_flat(nodes, walk.namespace):
                continue
            limit = str(getattr(sys, now, str)()).encode()
            walk.roots[f"sys.{now}()"] = hashlib.blake2b(limit, digest_size=16).digest()
        reached = walk.packages | {name.partition(".")[0] for name in imports}
        for package, calls in self._calls.items():
            if package in reached:
                self._need(walk, package, _but_own(calls, nodes) if package in TRACKED else calls)
            elif package in sys.stdlib_module_names:
                self._need(walk, package, calls)
        for package, setters in self._setters.items():
            if package in reached:
                walk.roots[f"settings of {package}"] = SetState(setters.values()).digest()
        for name, digest, packages in self._touching_modules():
            if packages & reached or packages & sys.stdlib_module_names:
                walk.roots[f"what {name} does to libraries"] = bytes.fromhex(digest)
        walk.run()

    def mark(self, namespace: dict[str, Any], history: Sequence[str]) -> int | None:
        """Return what is another number after any further call; None once a limit was set."""
        self._read_new(namespace, history)
        return None if self._limits else self._kept

    def _read_new(self, namespace: dict[str, Any], history: Sequence[str]) -> None:
        if len(history) < self._seen:
            self._seen = 0
        results = namespace.get("_oh", {})
        for number, text in enumerate(history[self._seen :], self._seen):
            self._read(text, namespace, has_result=number in results)
            self._limits |= {name: now for name, now in _LIMITS.items() if name in text}
        self._seen = len(history)

    def _touching_modules(self) -> Iterator[tuple[str, str, frozenset[str]]]:
        """Yield the local modules that set something in libraries, and in which."""
        for name in loaded_local_names():
            text = memory_digest(name) or ""
            if (name, text) not in _modules:
                _modules[name, text] = _touched_by_module(name)
            if _modules[name, text]:
                yield name, meaning_digest(name) or "", _modules[name, text]

    @staticmethod
    def _need(walk: Walk, package: str, calls: dict[str, frozenset[str]]) -> None:
        if not calls:
            return
        text = "\0".join(calls).encode()
        label = f"earlier calls of {package}"
        walk.roots[label] = hashlib.blake2b(text, digest_size=16).digest()
        for name in sorted(frozenset.union(*calls.values())):
            if name in walk.namespace:
                walk.need(name)

    def _read(self, text: str, namespace: dict[str, Any], *, has_result: bool) -> None:
        """Keep the calls of a cell that ran, but for those that are there for their results."""
        if not _MAY_SET.search(text):
            return
        try:
            tree, marks, statements = marks_in(text)
        except (SyntaxError, ValueError, RecursionError):
            return
        for package, node in touched_by(marks, namespace):
            if not sets_nothing(package, node, is_shown=has_result and node is tree.body[-1]):
                self._keep(package, node)
        for node, parts in statements:
            for package in sorted(patched_packages(parts, namespace)):
                self._keep(package, node)

        self._keep_setters(tree.body, namespace)

    def _keep_setters(self, statements: list[ast.stmt], namespace: dict[str, Any]) -> None:
        """Keep what statements may set in libraries, by whatever functions they come to them."""
        parts = [part for one in statements for part in parts_run(one)]
        for setter in setters_reached(parts, namespace):
            if setter.is_native:
                for node in statements:
                    self._keep(setter.package, node)
            elif SetState([setter]).is_settable:
                self._kept += 1
                self._setters.setdefault(setter.package, {})[setter.label] = setter

    def _keep(self, package: str, node: ast.stmt) -> None:
        self._kept += 1
        found = self._calls.setdefault(package, {})
        shown = ast.unparse(node)
        found.pop(shown, None)  # a repeated call counts where it came last
        found[shown] = names_of(node)


def _but_own(
    calls: dict[str, frozenset[str]], nodes: Sequence[ast.stmt]
) -> dict[str, frozenset[str]]:
    """Return the calls but for those of backends that a cell begins with, run or not.

    After anything but an import, the cell may have seen what stood before.
    """
    own = set()
    for node in nodes:
        text = ast.unparse(node)
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            if not _BACKEND.match(text):
                break
            own.add(text)
    return {text: names for text, names in calls.items() if text not in own}


_BACKEND = re.compile(r"\w+\.(use|switch_backend|ion|ioff)\([^()]*\)$")
"""A call that sets the same however often it is made."""


def is_flat(nodes: Sequence[ast.stmt], namespace: Mapping[str, Any]) -> bool:
    """Tell whether a cell computes plain values and nothing else: it cannot go deep."""

    def is_atom(name: str) -> bool:
        return name in namespace and type(namespace[name]) in ATOMS

    def is_pythons(name: str) -> bool:
        return name not in namespace

    return is_still(nodes, is_atom, lambda name: True, is_pythons)


def _touched_by_module(name: str) -> frozenset[str]:
    try:
        tree = ast.parse(read_source(source_path(name)))
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()
    found = touched_packages(tree, vars(sys.modules[name]), attributes=True)
    return frozenset(package for package, _ in found)
