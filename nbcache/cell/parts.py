"""All nodes of a cell's tree, found once: many questions are asked of them."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import lru_cache


def all_parts(nodes: Iterable[ast.AST]) -> tuple[ast.AST, ...]:
    """Return every node of every tree, each tree from its top down as ``ast.walk`` does."""
    return _parts(tuple(nodes))


@lru_cache(maxsize=8)
def _parts(nodes: tuple[ast.AST, ...]) -> tuple[ast.AST, ...]:
    return tuple(part for node in nodes for part in _walk(node))


def _walk(node: ast.AST) -> list[ast.AST]:
    found = [node]
    for part in found:
        held = vars(part)
        for name in part._fields:
            value = held.get(name)
            if isinstance(value, list):
                found += [one for one in value if isinstance(one, ast.AST)]
            elif isinstance(value, ast.AST):
                found.append(value)
    return found
