"""Follows definitions: functions wait until somebody takes hold of them, class bodies run."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable
from typing import Any

from nbcache.cell.flow_expr import ExpressionFlow
from nbcache.cell.reader import all_defaults, type_parameters
from nbcache.cell.scope import Body, read_body, read_lazily

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class DefinitionFlow(ExpressionFlow):
    """Adds functions, classes and type aliases to the flow of expressions."""

    def __init__(self) -> None:
        super().__init__()
        self.members: list[Body] = []
        self.classes = 0

    def define(self, name: str, bodies: Iterable[Body]) -> None:
        """Bind a name whose bodies count when it is loaded."""
        if self.bound is None:
            return
        bodies = list(bodies)
        self.bind(name)
        self.pending.add(self.key(name), bodies, self.bound)
        if self.prefix:
            self.members.extend(bodies)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Any:
        """Decorators, defaults and annotations are evaluated now, the body later."""
        self.visit_all([*node.decorator_list, *all_defaults(node.args)])
        parameters = type_parameters(node)
        with self.shadowed(parameters):
            self.visit_all(getattr(node, "type_params", ()))
            self.visit_signature(node.args, node.returns)
            body = read_body(
                node, outer=self.shadow, private=self.private, lazy=self.lazy_annotations
            )
        if node.decorator_list:
            self.run_body(body)
        self.define(node.name, [body])

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        """The body runs at once; methods wait, unless someone sees the class being made."""
        self.visit_all(node.decorator_list)
        with self.shadowed(type_parameters(node)):
            self.visit_all([*getattr(node, "type_params", ()), *node.bases, *node.keywords])
            bodies = self.class_body(node)
        if _is_seen_in_the_making(node, self.bound or frozenset()):
            for body in bodies:
                self.run_body(body)
        self.define(node.name, bodies)

    def class_body(self, node: ast.ClassDef) -> list[Body]:
        """Run a class body in a scope of its own and return the bodies of its methods."""
        outside = self.prefix, self.private, self.class_globals, self.members
        self.classes += 1
        self.prefix, self.private = f"{self.classes}.", node.name
        self.class_globals, self.members = frozenset(), []
        self.block(node.body)
        bodies = self.members
        if self.bound is not None:
            self.bound = frozenset(key for key in self.bound if not key.startswith(self.prefix))
        self.prefix, self.private, self.class_globals, self.members = outside
        return bodies

    def visit_Global(self, node: ast.Global) -> Any:
        """``global x`` in a class body makes ``x`` a name of the module there."""
        if self.prefix:
            self.class_globals |= frozenset(node.names)

    def visit_TypeAlias(self, node: Any) -> Any:
        """``type X = ...`` is evaluated when somebody asks for its value."""
        outer = self.shadow | type_parameters(node)
        nodes = [*node.type_params, node.value]
        self.define(node.name.id, [read_lazily(nodes, outer=outer, private=self.private)])


def _is_seen_in_the_making(node: ast.ClassDef, bound: frozenset[str]) -> bool:
    """Whether code other than the class body may call methods while the class is made.

    Decorators, metaclasses, ``__init_subclass__`` of bases and ``__set_name__`` of values do.
    """
    if node.decorator_list or node.keywords:
        return True
    if not all(_is_plain_base(base, bound) for base in node.bases):
        return True
    values = (statement for statement in node.body if not isinstance(statement, _DEFINITIONS))
    return any(isinstance(part, ast.Call) for value in values for part in ast.walk(value))


def _is_plain_base(base: ast.expr, bound: frozenset[str]) -> bool:
    """Whether a base is a builtin class, which takes no part in making its subclasses."""
    if not isinstance(base, ast.Name) or base.id in bound:
        return False
    return isinstance(getattr(builtins, base.id, None), type)
