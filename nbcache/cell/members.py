"""Which members code takes of a name that it uses only as ``name.member``: of modules, mostly."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

Members = Mapping[str, frozenset[str] | None]
"""Name → what is taken from it; None where it is used in another way as well."""


def members_in(nodes: Iterable[ast.AST]) -> dict[str, frozenset[str] | None]:
    """Return what code takes from each name; assigning to a member uses all of its owner."""
    taken: dict[str, set[str]] = {}
    whole: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if isinstance(node.ctx, ast.Load):
                taken.setdefault(node.value.id, set()).add(node.attr)
            else:
                whole.add(node.value.id)
        elif isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                whole.add(node.id)
        else:
            waiting.extend(ast.iter_child_nodes(node))
    names = taken.keys() | whole
    return {name: None if name in whole else frozenset(taken[name]) for name in names}


def joined(first: Members, second: Members) -> dict[str, frozenset[str] | None]:
    """Return what is taken by either of two pieces of code."""
    found = dict(first)
    for name, members in second.items():
        known = found.get(name, frozenset())
        found[name] = None if known is None or members is None else known | members
    return found
