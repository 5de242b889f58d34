"""Which modules a cell asks for, and which names of local ones: by imports, by the code reached."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import lru_cache

from nbcache.cell.bytecode import code_reads
from nbcache.cell.members import Members, joined, members_in
from nbcache.cell.names import Names
from nbcache.cell.parts import parts_of
from nbcache.deps.local import loaded_local_names
from nbcache.heap.kinds.functions import ANY_MODULE
from nbcache.heap.walk import Walk

Asked = dict[str, frozenset[str] | None]
"""Module → the names asked of it; None for all."""


_NO_NAMES = Names()


def reached_modules(walk: Walk, names: Names = _NO_NAMES) -> set[str]:
    """Return the modules that code imports or reaches; all local ones where nobody knows."""
    return imported_modules(walk, names) | set(walk.modules)


def imported_modules(walk: Walk, names: Names = _NO_NAMES) -> set[str]:
    """Return the modules that code may import, and the packages of its values."""
    found = walk.packages | set(names.imports)
    anything = ANY_MODULE in found or names.hidden or "__import__" in names.reads
    if anything or not _PICKLERS.isdisjoint(found):
        found |= set(loaded_local_names())
    return found - {ANY_MODULE}


_PICKLERS = frozenset({"pickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve"})
"""Modules that load what names any module."""


def module_needs(nodes: Sequence[ast.stmt], walk: Walk, names: Names) -> Asked:
    """Return the names asked of modules, where that is known; of others all counts.

    Code that was reached by its value is part of the key already.
    """
    if names.hidden or walk.hidden or ANY_MODULE in walk.packages or "__import__" in names.reads:
        return {}
    imported = {} if names.magics else _imported(nodes, uses_of(nodes, walk, names))
    unclear = set(names.imports) - imported.keys()
    unclear |= walk.imports | walk.packages
    unclear |= {name for name, is_whole in walk.modules.items() if is_whole}
    found = joined(dict.fromkeys(walk.modules, frozenset[str]()), imported)
    return {module: found[module] for module in found.keys() - unclear}


def members_of(nodes: Sequence[ast.stmt], names: Names) -> Members:
    """Return what the text of a cell takes from each name; nothing is known beside magics."""
    return {} if names.magics or names.hidden else _members(tuple(nodes))


@lru_cache(maxsize=128)
def _members(nodes: tuple[ast.stmt, ...]) -> Members:
    return members_in(nodes)


def uses_of(nodes: Sequence[ast.stmt], walk: Walk, names: Names) -> Members:
    """Return what the cell, and functions that it reaches, take from each name."""
    found = dict(_members(tuple(nodes)))
    for function in walk.functions.values():
        if function.__globals__ is walk.namespace:
            found = joined(found, code_reads(function.__code__).members)
    return found | dict.fromkeys(names.strings)


def _imported(nodes: Sequence[ast.stmt], uses: Members) -> Asked:
    """Return what the imports of a cell ask of modules; a name that nobody uses asks nothing."""
    found: Asked = {}
    for node in parts_of(nodes, ast.Import, ast.ImportFrom):
        for alias in node.names:
            found = joined(found, _asked_by(node, alias, uses))
    return found


def _asked_by(node: ast.Import | ast.ImportFrom, alias: ast.alias, uses: Members) -> Asked:
    used = uses.get(alias.asname or alias.name, frozenset())
    if isinstance(node, ast.Import):
        if alias.asname is None and "." in alias.name:
            steps = alias.name.split(".")
            return {".".join(steps[: count + 1]): None for count in range(len(steps))}
        return {alias.name: used} | _below(alias.name, used)
    if node.level or alias.name == "*":
        return {node.module or "": None}
    inner = f"{node.module}.{alias.name}"
    return {node.module or "": frozenset({alias.name}), inner: used} | _below(inner, used)


def _below(module: str, members: frozenset[str] | None) -> Asked:
    """Return the parts of a package that are taken as its members: all of each counts."""
    return {f"{module}.{member}": None for member in members or ()}
