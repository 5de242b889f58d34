"""Which names a cell may leave with another value: bound ones, and those changed in place."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from nbcache.cell.names import Names
from nbcache.cell.parts import all_parts


def touched_names(nodes: Sequence[ast.stmt], names: Names) -> frozenset[str]:
    """Return the names that a cell binds or deletes, or whose values its statements may change.

    ``df["a"] = 1`` and a call that stands alone, ``rows.append(1)`` or ``fill(rows)``, may
    change a value; what a call inside an expression changes is not seen.
    """
    found = {*names.binds, *names.deletes}
    for part in all_parts(nodes):
        found.update(_changed_by(part))
    return frozenset(found)


def _changed_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
        yield from _root(node)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        if isinstance(call.func, ast.Attribute):
            yield from _root(call.func)
        for given in (*call.args, *(keyword.value for keyword in call.keywords)):
            yield from _root(given)


def _root(node: ast.expr) -> Iterator[str]:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id
