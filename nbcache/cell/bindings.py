"""Which names the statements of one scope bind, by the compiler's rules."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from nbcache.cell.reader import all_defaults

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(slots=True)
class Bindings:
    """Names bound directly in a function's or class's body."""

    bound: set[str] = field(default_factory=set)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)

    @property
    def locals(self) -> set[str]:
        """The names that live in the scope itself."""
        return self.bound - self.globals - self.nonlocals


def bindings(body: Iterable[ast.AST]) -> Bindings:
    """Collect what the statements of one scope bind, not entering nested scopes."""
    found = Bindings()
    work: list[tuple[ast.AST, bool]] = [(node, False) for node in body]
    while work:
        node, inside = work.pop()
        _note_binding(node, inside, found)
        inside = inside or isinstance(node, COMPREHENSIONS)
        work.extend((child, inside) for child in _same_scope(node))
    return found


def _note_binding(node: ast.AST, in_comprehension: bool, found: Bindings) -> None:
    """Note the names that one node binds itself."""
    if isinstance(node, ast.NamedExpr):
        found.bound.add(node.target.id)
    elif isinstance(node, ast.Name):
        if not in_comprehension and not isinstance(node.ctx, ast.Load):
            found.bound.add(node.id)
    elif isinstance(node, _SCOPES):
        found.bound.add(node.name)
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        found.bound.update(bound_by_import(node))
    elif isinstance(node, ast.Global):
        found.globals.update(node.names)
    elif isinstance(node, ast.Nonlocal):
        found.nonlocals.update(node.names)
    else:
        name = bound_name(node)
        if name:
            found.bound.add(name)


def bound_name(node: ast.AST) -> str | None:
    """Return the name that an except clause or a pattern binds."""
    if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        return node.name
    return node.rest if isinstance(node, ast.MatchMapping) else None


def bound_by_import(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Return the names that an import binds."""
    if isinstance(node, ast.Import):
        return [alias.asname or alias.name.split(".")[0] for alias in node.names]
    return [alias.asname or alias.name for alias in node.names if alias.name != "*"]


def _same_scope(node: ast.AST) -> Iterable[ast.AST]:
    """Return the children of a node that belong to the scope of the node."""
    if isinstance(node, ast.Lambda):
        return all_defaults(node.args)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return [*node.decorator_list, *all_defaults(node.args)]
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *node.keywords]
    return ast.iter_child_nodes(node)


def target_names(generators: Iterable[ast.comprehension]) -> frozenset[str]:
    """Return the names that a comprehension's ``for`` clauses bind inside it."""
    nodes = (node for g in generators for node in ast.walk(g.target))
    return frozenset(
        n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    )
