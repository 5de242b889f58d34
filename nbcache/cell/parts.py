"""All nodes of a cell's tree, found once: many questions are asked of them."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

_MOST: Final = 128
"""Trees kept; a cell that runs again is read from the tree of its first run."""


def all_parts(nodes: Iterable[ast.AST]) -> tuple[ast.AST, ...]:
    """Return every node of every tree, each tree from its top down as ``ast.walk`` does."""
    return _parts(tuple(nodes))


def parts_of(nodes: Iterable[ast.AST], *kinds: type[ast.AST]) -> tuple[Any, ...]:
    """Return those of all nodes that are of some kinds, in the same order."""
    return _chosen(tuple(nodes), kinds)


@lru_cache(maxsize=_MOST)
def _chosen(nodes: tuple[ast.AST, ...], kinds: tuple[type[ast.AST], ...]) -> tuple[Any, ...]:
    return tuple(part for part in _parts(nodes) if isinstance(part, kinds))


@lru_cache(maxsize=_MOST)
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
