"""Which names code spells that may lead it to what it sets, and what it assigns to."""

from __future__ import annotations

import ast
import dis
import types
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from nbcache.cell.bytecode import code_reads, nested_codes
from nbcache.cell.magics_text import identifiers
from nbcache.cell.parts import all_parts
from nbcache.library_effects import CHANGERS, target_steps

_LONG = 1_000
"""Characters of a text that is not taken for a name, nor for one with an expression."""


@lru_cache(maxsize=128)
def words_of(nodes: tuple[ast.AST, ...]) -> frozenset[str]:
    """Return the names, attributes and words of short texts in a cell."""
    found: set[str] = set()
    for part in all_parts(nodes):
        if isinstance(part, ast.Name):
            found.add(part.id)
        elif isinstance(part, ast.Attribute):
            found.add(part.attr)
        elif isinstance(part, ast.ImportFrom):
            found |= {one.name for one in part.names}
        elif isinstance(part, ast.Constant) and is_short(value := part.value):
            found |= identifiers(str(value))  # ``getattr(sklearn, "set_config")``
    return frozenset(found)


def is_short(value: Any) -> bool:
    """Tell whether a value is a text that may stand for names."""
    return type(value) is str and len(value) < _LONG


@lru_cache(maxsize=128)
def touched_in(nodes: tuple[ast.AST, ...]) -> frozenset[str]:
    """Return the names at the roots of what a cell assigns to or changes."""
    found: list[ast.AST] = []
    for part in all_parts(nodes):
        if isinstance(part, (ast.Attribute, ast.Subscript)) and not isinstance(part.ctx, ast.Load):
            found.append(part)
        elif isinstance(part, ast.Call) and words_of((part.func,)) & _CHANGING:
            found += [part.func, *part.args]
    roots = _roots(found)
    for part in all_parts(nodes):  # which may go by a name of the cell's own
        if isinstance(part, _NAMING):
            named = list(ast.iter_child_nodes(part))
            bound = {one.id for one in named if isinstance(one, ast.Name)}
            roots |= _roots(named) if bound & roots else set()
    return frozenset(roots)


_CHANGING = CHANGERS | {"setattr", "delattr", "setitem", "delitem", "shuffle", "insort", "heapify",
                        "heappush", "heappop", "__setattr__", "__setitem__"}  # fmt: skip
_NAMING = (ast.Assign, ast.NamedExpr, ast.AnnAssign, ast.withitem, ast.For, ast.comprehension)


def _roots(parts: Iterable[ast.AST]) -> set[str]:
    chains = [target_steps(one) for one in parts if isinstance(one, (ast.Attribute, ast.Subscript))]
    return {steps[0] for steps in chains if steps}


def parts_run(statement: ast.stmt) -> list[ast.AST]:
    """Return the parts of a statement that it runs: a definition runs no body of a function."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return [*statement.decorator_list, statement.args]
    if isinstance(statement, ast.ClassDef):
        outer = [*statement.bases, *statement.keywords, *statement.decorator_list]
        return [*outer, *(part for one in statement.body for part in parts_run(one))]
    return [statement]


@lru_cache(maxsize=4096)
def may_change(code: types.CodeType) -> bool:
    """Tell whether a function assigns to a part of something, or calls what changes it."""
    return any(
        not CHANGERS.isdisjoint(each.co_names)
        or any(step.opname in _STORES for step in dis.get_instructions(each))
        for each in nested_codes(code)
    )


_STORES = frozenset({"STORE_ATTR", "DELETE_ATTR", "STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE"})


@lru_cache(maxsize=128)
def imports_of(nodes: tuple[ast.AST, ...]) -> tuple[str, ...]:
    """Return the modules that a cell imports anything of."""
    parts = all_parts(nodes)
    whole = {one.name for part in parts if isinstance(part, ast.Import) for one in part.names}
    return tuple(whole | {part.module or "" for part in parts if isinstance(part, ast.ImportFrom)})


@lru_cache(maxsize=4096)
def words_in(code: types.CodeType) -> frozenset[str]:
    """Return the same of a function, as its code tells."""
    words = {word for each in nested_codes(code) for word in each.co_names}
    return frozenset(words | code_reads(code).strings)
