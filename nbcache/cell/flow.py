"""Follows the statements of a cell along every path, in the order of their evaluation."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from nbcache.cell import forms, hidden
from nbcache.cell.bindings import bound_by_import
from nbcache.cell.findings import Bound, join, without
from nbcache.cell.flow_defs import DefinitionFlow

ANNOTATION_NAMES = frozenset(
    {"__annotations__"}
    if sys.version_info < (3, 14)
    else {"__annotations__", "__annotate__", "__conditional_annotations__"}
)
"""What an annotated assignment at module level fills beside its target."""


@dataclass(slots=True)
class Loop:
    """The states in which a loop's body is left early."""

    breaks: list[Bound] = field(default_factory=list)
    continues: list[Bound] = field(default_factory=list)


class Flow(DefinitionFlow):
    """Follows statements; see :class:`~nbcache.cell.flow_expr.ExpressionFlow` for the state."""

    def __init__(self) -> None:
        super().__init__()
        self.loops: list[Loop] = []
        self.forgotten: list[str] = []

    def forget(self, key: str) -> None:
        """Remember deletions, which an exception may leave half done."""
        super().forget(key)
        self.forgotten.append(key)

    # Assignments

    def visit_Assign(self, node: ast.Assign) -> Any:
        """The value comes before the targets, which are bound from left to right."""
        self.visit(node.value)
        self.visit_all(node.targets)

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """The target is read, then the value, then the target is bound."""
        if isinstance(node.target, ast.Name):
            self.load(node.target.id)
        self.visit(node.value)
        self.visit(node.target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """A bare annotation binds nothing; module-level ones fill ``__annotations__``."""
        self.visit_all([node.value])
        if node.value is not None or not isinstance(node.target, ast.Name):
            self.visit(node.target)
        self.visit_annotation(node.annotation)
        if not self.prefix and self.bound is not None and isinstance(node.target, ast.Name):
            self.found.binds |= ANNOTATION_NAMES

    def visit_Name(self, node: ast.Name) -> Any:
        """Read, bind or delete a name."""
        if isinstance(node.ctx, ast.Load) or node.id in self.shadow:
            super().visit_Name(node)
        elif isinstance(node.ctx, ast.Store):
            self.bind(node.id)
        else:
            self.delete(node.id)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> Any:
        """Bind the names; a star import binds names that nobody knows."""
        self.note_imports(hidden.imported_modules(node))
        for reason in hidden.import_reasons(node):
            self.note_hidden(reason)
        for name in bound_by_import(node):
            self.bind(name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
        """Notice ``from __future__ import annotations``."""
        if node.module == "__future__":
            self.lazy_annotations |= any(alias.name == "annotations" for alias in node.names)
        self.visit_Import(node)

    # Branches

    def visit_If(self, node: ast.If) -> Any:
        """Join the two branches; imports for type checkers never happen."""
        holds, fails = self.condition(node.test)
        self.bound = holds
        imports = dict(self.found.imports)
        self.block(node.body)
        if forms.is_type_checking(node.test):
            self.found.imports = imports
        after, self.bound = self.bound, fails
        self.block(node.orelse)
        self.bound = join(after, self.bound)

    def visit_Assert(self, node: ast.Assert) -> Any:
        """The message is evaluated on failure; with ``-O`` nothing is."""
        before = self.bound
        holds, fails = self.condition(node.test)
        self.bound = fails
        self.visit_all([node.msg])
        self.bound = join(before, holds)

    def visit_Match(self, node: ast.Match) -> Any:
        """Patterns bind names even when they fail half-way, so nothing sure falls through."""
        self.visit(node.subject)
        ends: list[Bound] = []
        before = self.bound
        for case in node.cases:
            self.bound = before
            self.visit(case.pattern)
            if case.guard is not None:
                self.bound = self.condition(case.guard)[0]
            self.block(case.body)
            ends.append(self.bound)
            if case.guard is None and forms.always_matches(case.pattern):
                before = None
        self.bound = join(before, *ends)

    def visit_MatchAs(self, node: ast.MatchAs) -> Any:
        """``case x`` and ``case pattern as x`` bind ``x``."""
        self.visit_all([node.pattern])
        if node.name:
            self.bind(node.name)

    def visit_MatchStar(self, node: ast.MatchStar) -> Any:
        """``case [*rest]`` binds ``rest``."""
        if node.name:
            self.bind(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> Any:
        """``case {"a": a, **rest}`` binds ``rest``."""
        self.visit_all([*node.keys, *node.patterns])
        if node.rest:
            self.bind(node.rest)

    def visit_MatchOr(self, node: ast.MatchOr) -> Any:
        """Every alternative binds the same names."""
        before = self.bound
        ends: list[Bound] = []
        for pattern in node.patterns:
            self.bound = before
            self.visit(pattern)
            ends.append(self.bound)
        self.bound = join(*ends)

    # Loops

    @contextmanager
    def loop(self) -> Iterator[Loop]:
        """Collect the states in which the body of a loop is left early."""
        self.loops.append(Loop())
        yield self.loops[-1]
        self.loops.pop()

    def visit_For(self, node: ast.For | ast.AsyncFor) -> Any:
        """The body runs any number of times, at least once over ``range(3)``."""
        self.visit(node.iter)
        before = self.bound
        sure = isinstance(node, ast.For) and forms.runs_at_least_once(node.iter)
        with self.loop() as loop:
            self.bound = without(self.bound, map(self.key, forms.deleted_in(node.body)))
            self.visit(node.target)
            self.block(node.body)
        once = join(self.bound, *loop.continues)
        self.bound = once if sure else join(before, once)
        self.block(node.orelse)
        self.bound = join(self.bound, *loop.breaks)

    visit_AsyncFor = visit_For

    def visit_While(self, node: ast.While) -> Any:
        """The test runs before each turn, and ``while True`` ends only by ``break``."""
        self.bound = without(self.bound, map(self.key, forms.deleted_in(node.body)))
        self.bound, fails = self.condition(node.test)
        with self.loop() as loop:
            self.block(node.body)
        self.bound = join(self.bound, *loop.continues)
        self.bound = join(fails, self.condition(node.test)[1])
        self.block(node.orelse)
        self.bound = join(self.bound, *loop.breaks)

    def visit_Break(self, _node: ast.Break) -> Any:
        """The path goes on behind the loop."""
        if self.loops:
            self.loops[-1].breaks.append(self.bound)
        self.bound = None

    def visit_Continue(self, _node: ast.Continue) -> Any:
        """The path goes on at the loop's head."""
        if self.loops:
            self.loops[-1].continues.append(self.bound)
        self.bound = None

    def visit_Return(self, node: ast.Return | ast.Raise) -> Any:
        """The path ends."""
        self.generic_visit(node)
        self.bound = None

    visit_Raise = visit_Return

    # Exceptions

    def visit_With(self, node: ast.With | ast.AsyncWith) -> Any:
        """Unless known better, a context manager may swallow what its body raises."""
        swallowed: Bound = None
        first = None
        for item in node.items:
            self.visit(item.context_expr)
            if not first and not self.is_passing(item.context_expr):
                first, swallowed = item, self.bound
                self.catching += 1
                if isinstance(item.optional_vars, ast.Name):
                    swallowed = join(None, self.after_binding(item.optional_vars))
                    continue
            self.visit_all([item.optional_vars])
        mark = len(self.forgotten)
        self.block(node.body)
        if first:
            self.catching -= 1
            self.bound = join(self.bound, without(swallowed, self.forgotten[mark:]))

    visit_AsyncWith = visit_With

    def after_binding(self, target: ast.expr) -> Bound:
        """Bind a target and return what is bound then."""
        self.visit(target)
        return self.bound

    def is_passing(self, manager: ast.expr) -> bool:
        """Whether a context manager is a known one, not one that the cell defines."""
        name = getattr(getattr(manager, "func", None), "id", "")
        return forms.lets_exceptions_pass(manager) and name not in self.pending.bodies

    def visit_Try(self, node: Any) -> Any:
        """A handler may start with nothing that the body binds."""
        entry, mark = self.bound, len(self.forgotten)
        early = [len(loop.breaks) + len(loop.continues) for loop in self.loops]
        swallows, catches = forms.leaves(node.finalbody), bool(node.handlers)
        self.catching += swallows + catches
        self.block(node.body)
        self.catching -= catches
        weak = without(entry, self.forgotten[mark:])
        self.block(node.orelse)
        ends = [self.bound]
        for handler in node.handlers:
            self.bound = weak
            self.visit(handler)
            ends.append(self.bound)
        self.catching -= swallows
        if forms.is_star(node):
            ends = [without(end, self.forgotten[mark:]) for end in ends]
        self.bound = join(*ends)
        if node.finalbody:
            self.finish(node, without(entry, self.forgotten[mark:]), early)

    visit_TryStar = visit_Try

    def finish(self, node: Any, weak: Bound, early: Sequence[int]) -> None:
        """Follow ``finally`` twice: on the way of an exception, and after a normal end.

        An exception that nothing catches fails the cell, and a failed cell is not stored.
        """
        after = self.bound
        left_early = early != [len(lp.breaks) + len(lp.continues) for lp in self.loops]
        if self.catching or left_early or forms.leaves(node.finalbody):
            mark = len(self.forgotten)
            self.bound = weak
            self.block(node.finalbody)
            self.found.unsettled.update(self.forgotten[mark:])
        self.bound = after
        self.block(node.finalbody)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> Any:
        """``except E as e`` binds ``e`` and deletes it at its end."""
        self.visit_all([node.type])
        if node.name:
            self.bind(node.name)
        self.block(node.body)
        if node.name and self.bound is not None:
            key = self.key(node.name)
            if "." not in key:
                self.forget(key)
            self.bound -= {key}
