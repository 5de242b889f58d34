"""What earlier cells had libraries do for good: ``sklearn.set_config(…)``, ``codecs.register(…)``.

The state of a library is not walked. But the text tells a call that sets something: its name
says so, or it stands alone and is handed nothing of the notebook, or it is handed a library's
module to change. Such calls, and the present values of the variables in them, are an input of
every later cell that reaches the library; those of the standard library, of every later cell.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import re
import sys
import types
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
from nbcache.library_effects import (
    RECORDED_PACKAGES,
    is_library_target,
    package_holding,
    package_of,
    target_steps,
)
from nbcache.patchers import names_of, patched_packages, patching_parts
from nbcache.setting_words import LASTING, SETS, may_set, sets_nothing

_WRITES = re.compile(r"(save|dump|write|export|show|close|to_)\w*$")
"""Methods that write out what they belong to: ``Image.new("L", (1, 1)).save("a.png")``."""

_MAY_SET = re.compile(r"[(\[]|^\s*@", re.MULTILINE)
"""Without a call, an index or a decorator, no text sets anything in a library."""

_TRACKED = RECORDED_PACKAGES - {"torch", "polars", "pyarrow", "requests", "json", "asyncio"}
"""Packages whose settings the trackers record."""

_LIMITS = {
    "setrecursionlimit": "getrecursionlimit",
    "set_int_max_str_digits": "get_int_max_str_digits",
}
"""What sets a limit of the interpreter that is met without a word of it → what tells it."""

_OURS = __name__.partition(".")[0]
_SETTERS = frozenset({"setattr", "delattr", "vars"})


_modules: dict[tuple[str, str], frozenset[str]] = {}
"""Local module and digest of its source → the libraries in which it sets something."""


class EarlierCalls:
    """Follows the history of one shell; each text is read once."""

    def __init__(self) -> None:
        self._seen = 0
        self._calls: dict[str, dict[str, frozenset[str]]] = {}
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
                self._need(walk, package, _but_own(calls, nodes) if package in _TRACKED else calls)
            elif package in sys.stdlib_module_names:
                self._need(walk, package, calls)
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
            marks, statements, last = _marks_in(text)
        except (SyntaxError, ValueError, RecursionError):
            return
        for package, node in _touched_by(marks, namespace):
            if not sets_nothing(package, node, is_shown=has_result and node is last):
                self._keep(package, node)
        for node, parts in statements:
            for package in sorted(patched_packages(parts, namespace)):
                self._keep(package, node)

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


def touched_packages(
    tree: ast.Module, namespace: dict[str, Any], *, attributes: bool = False
) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the libraries whose state a text sets out of sight, with the statement that does.

    ``attributes`` counts assignments to attributes as well, which are followed by their values
    where the notebook makes them.
    """
    yield from _touched_by(_marks(tree, attributes=attributes), namespace)


_Marks = tuple[tuple[ast.expr, ast.stmt], ...]
"""Targets and calls that may set something, each with the statement that it is part of."""

_Patchers = tuple[tuple[ast.stmt, Sequence[ast.AST]], ...]
"""Statements that may put something into a class, with the parts that would."""


@functools.lru_cache(maxsize=256)
def _marks_in(text: str) -> tuple[_Marks, _Patchers, ast.stmt | None]:
    """Return what in a cell may set something, and its last statement."""
    tree = ast.parse(text)
    parts = [(node, patching_parts(node)) for node in tree.body]
    patchers = tuple(one for one in parts if one[1])
    return tuple(_marks(tree, attributes=False)), patchers, tree.body[-1] if tree.body else None


def _marks(tree: ast.Module, *, attributes: bool) -> Iterator[tuple[ast.expr, ast.stmt]]:
    targets = (ast.Attribute, ast.Subscript) if attributes else (ast.Subscript,)
    for statement in tree.body:
        for node in ast.walk(statement):
            if isinstance(node, targets) and not isinstance(node.ctx, ast.Load):
                yield node, statement
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                yield node.value, statement
            elif isinstance(node, ast.Call) and may_set(_last_step(node)):
                yield node, statement


def _touched_by(
    marks: Iterable[tuple[ast.expr, ast.stmt]], namespace: dict[str, Any]
) -> Iterator[tuple[str, ast.stmt]]:
    for node, statement in marks:
        if isinstance(node, ast.Call):
            package = _touched(node, namespace)
        else:
            package = _of_target(node, namespace)
        if package:
            yield package, statement


def _of_target(node: ast.expr, namespace: dict[str, Any]) -> str:
    steps = target_steps(node)
    root = namespace.get(steps[0]) if steps else None
    if is_library_target(steps, namespace):
        return package_of(root)
    return package_holding(root) if len(steps) > 1 else ""


def _last_step(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _touched(call: ast.Call, namespace: dict[str, Any]) -> str:
    """Return the package that a call begins with, or whose module it is handed."""
    steps, given = _chain(call)
    root = namespace.get(steps[0]) if steps else None
    package = package_of(root) or package_holding(root)
    if package == _OURS:  # which changes no value
        return ""
    if package:
        sets = any(map(SETS.match, steps)) and package not in _TRACKED
        sets = sets or bool(LASTING.match(steps[-1])) or package == "copyreg"
        if not sets and _writes_result(call):
            return ""
        is_handed = any(isinstance(part, ast.Name) for one in given for part in ast.walk(one))
        return package if sets or not (is_handed or package in RECORDED_PACKAGES) else ""
    if not steps or not (steps[0] in _SETTERS or type(root) is types.FunctionType):
        return ""
    modules = [namespace.get(one.id) for one in given if isinstance(one, ast.Name)]
    found = [package_of(one) for one in modules if type(one) is types.ModuleType]
    return next(filter(None, found), "")


def _writes_result(call: ast.Call) -> bool:
    """Tell whether a call has the result of another one written."""
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Call)
        and bool(_WRITES.match(function.attr))
    )


def _chain(node: ast.expr) -> tuple[list[str], list[ast.expr]]:
    """Return the names of ``a.b(c).d(e)`` from the left, and all that its calls are given."""
    steps: list[str] = []
    given: list[ast.expr] = []
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Call):
            given += [*node.args, *(keyword.value for keyword in node.keywords)]
            node = node.func
        elif isinstance(node, (ast.Attribute, ast.Subscript)):
            steps.append(node.attr if isinstance(node, ast.Attribute) else "[]")
            node = node.value
        else:
            return [], given
    return [node.id, *reversed(steps)], given
