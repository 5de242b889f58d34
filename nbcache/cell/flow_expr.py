"""Follows the expressions of a cell in the order of their evaluation."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from nbcache.cell import hidden
from nbcache.cell.bindings import target_names
from nbcache.cell.findings import Bound, Findings, Pending, join, note_read
from nbcache.cell.magics_text import (
    NAMESPACE_MAGICS,
    MagicUse,
    all_identifiers,
    captured_name,
    interpolated,
    parse_python,
    python_text,
)
from nbcache.cell.reader import Reader, all_defaults, mangle
from nbcache.cell.scope import Body, read_body

_LOOK_UPS = frozenset({ast.Subscript, ast.Compare, ast.Call})


class ExpressionFlow(Reader):
    """Keeps the names bound so far while expressions are visited.

    Names of a class body live in the same set, behind a prefix that no identifier has.
    """

    def __init__(self) -> None:
        self.found = Findings()
        self.pending = Pending(self.found)
        self.bound: Bound = frozenset()
        self.prefix = ""
        self.private = ""
        self.class_globals: frozenset[str] = frozenset()
        self.shadow: frozenset[str] = frozenset()
        self.catching = 0

    def visit(self, node: ast.AST) -> Any:
        """Visit a node, unless no path leads to it."""
        if self.bound is None or (type(node) in _LOOK_UPS and self.is_looked_up(node)):
            return
        super().visit(node)

    def is_looked_up(self, node: ast.AST) -> bool:
        """Read a name that a cell looks up in its own table of names; tell whether it does."""
        found = hidden.looked_up(node)
        if found is None or self.bound is None or found[0] in self.bound:
            return False
        table, name, rest = found
        if name.startswith("_") or (table != "globals" and (self.prefix or self.shadow)):
            return False
        self.catching += 1  # it need not be there
        note_read(self.found, table, self.bound, direct=False)  # an earlier cell may define it
        self.load(name)
        self.catching -= 1
        self.visit_all(rest)
        return True

    def block(self, body: Iterable[ast.stmt]) -> None:
        """Visit statements in order."""
        self.visit_all(body)

    # Names

    def key(self, name: str) -> str:
        """Return what a name is called in the set of bound names."""
        name = mangle(name, self.private)
        return name if name in self.class_globals else self.prefix + name

    def load(self, name: str) -> None:
        """Read a name: of the class body, of a comprehension, or a global one."""
        bound = self.bound
        if bound is None:
            return
        if self.prefix:
            key = self.key(name)
            self.pending.trigger(key, bound)
            if key in bound:
                return
        name = mangle(name, self.private)
        if name in self.shadow:
            return
        reason = hidden.name_reason(name)
        if reason and name not in bound and name != "builtins":
            self.note_hidden(reason)
        note_read(self.found, name, bound, direct=not self.catching)
        self.pending.trigger(name, bound)

    def bind(self, name: str) -> None:
        """Bind a name at module level, or in the class body that we stand in."""
        if self.bound is None:
            return
        key = self.key(name)
        if "." not in key:
            self.found.binds.add(key)
        self.bound |= {key}

    def delete(self, name: str) -> None:
        """Delete a name; whether it exists is a question to the earlier namespace."""
        if self.bound is None:
            return
        key = self.key(name)
        if "." not in key:
            note_read(self.found, key, self.bound, direct=not self.catching)
            self.forget(key)
        self.bound -= {key}

    def forget(self, key: str) -> None:
        """Note that a global name may be gone from here on."""
        self.found.deletes.add(key)

    def mention(self, words: Iterable[str]) -> None:
        """Words of a string may be names that are read later, unless bound by now."""
        if self.bound is not None:
            for word in words:
                if word not in self.bound:
                    self.found.strings.add(word)
                self.pending.trigger(word, self.bound)

    def run_body(self, body: Body) -> None:
        """Count a function's body at once: someone unknown has hold of it."""
        if self.bound is not None:
            for name in self.pending.run(body, self.bound):
                self.pending.trigger(name, self.bound)

    def note_hidden(self, reason: str) -> None:
        """Meet something that may read any name."""
        self.found.note_hidden(reason, self.bound)

    def note_imports(self, modules: Iterable[str]) -> None:
        """Meet modules that get imported."""
        self.found.imports.update(dict.fromkeys(modules))

    # Magics

    def note_magic(self, use: MagicUse) -> None:
        """Follow the Python that a magic runs; of any other text every word may be a name."""
        self.found.magics[use] = None
        if use.name in NAMESPACE_MAGICS and (use.name != "run" or "-i" in use.line.split()):
            self.note_hidden(f"runs %{use.name}")
        text = python_text(use)
        nodes = None if text is None else parse_python(text)
        self.catching += 1
        if nodes is None:
            self.load_words(interpolated(use))
        elif use.name == "time":
            self.inline(nodes, fails="--no-raise-error" not in use.line)
        else:
            self.run_aside(use, nodes)
        self.catching -= 1

    def load_words(self, text: str) -> None:
        """Take every word of a text for a name that is read."""
        for name in sorted(all_identifiers(text)):
            self.load(name)

    def inline(self, nodes: list[ast.stmt], *, fails: bool) -> None:
        """Follow code that runs in the notebook's namespace; it may swallow its failure."""
        before = self.bound
        self.block(nodes)
        if not fails:
            self.bound = join(before, self.bound)

    def run_aside(self, use: MagicUse, nodes: list[ast.stmt]) -> None:
        """Follow code whose bindings may or may not reach the notebook's namespace."""
        output = captured_name(use)
        if use.name != "capture":
            self.load_words(use.line)
        binds = set(self.found.binds)
        self.inline(nodes, fails=False)
        if use.name in ("timeit", "memit"):
            self.found.binds &= binds
        if output:
            self.bind(output)

    # Expressions

    def visit_Name(self, node: ast.Name) -> Any:
        """Read a name; targets are bound by their statements."""
        if isinstance(node.ctx, ast.Load):
            self.load(node.id)
            if node.id == "builtins":
                self.note_hidden(hidden.NAMES["builtins"])

    def visit_NamedExpr(self, node: ast.NamedExpr) -> Any:
        """A walrus binds outside of comprehensions."""
        self.visit(node.value)
        self.bind(node.target.id)

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        """A lambda's body counts at once."""
        self.visit_all(all_defaults(node.args))
        self.run_body(read_body(node, outer=self.shadow, private=self.private))

    @contextmanager
    def shadowed(self, names: frozenset[str], *, leave_class: bool = False) -> Iterator[None]:
        """Stand where names belong to a comprehension or are type parameters."""
        before = self.shadow, self.prefix, self.class_globals
        self.shadow |= names
        if leave_class:
            self.prefix, self.class_globals = "", frozenset()
        yield
        self.shadow, self.prefix, self.class_globals = before

    def visit_comprehension_scope(self, node: Any) -> Any:
        """The parts run in a scope of their own, any number of times.

        A generator's run later, maybe where their failure is swallowed.
        """
        first = node.generators[0]
        self.visit(first.iter)
        before, lazy = self.bound, isinstance(node, ast.GeneratorExp)
        self.catching += lazy
        with self.shadowed(target_names(node.generators), leave_class=True):
            for generator in node.generators:
                if generator is not first:
                    self.visit(generator.iter)
                self.visit(generator.target)
                for condition in generator.ifs:
                    self.bound = self.condition(condition)[0]
            parts = ("key", "value") if isinstance(node, ast.DictComp) else ("elt",)
            self.visit_all(getattr(node, part) for part in parts)
        self.catching -= lazy
        self.bound = join(before, self.bound)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_comprehension_scope
    visit_GeneratorExp = visit_comprehension_scope

    # Conditions

    def condition(self, node: ast.expr) -> tuple[Bound, Bound]:
        """Visit a condition and return what is bound where it holds and where it does not."""
        if self.bound is None:
            return None, None
        if isinstance(node, ast.Constant):
            return (self.bound, None) if node.value else (None, self.bound)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self.condition(node.operand)[::-1]
        if isinstance(node, ast.BoolOp):
            return self.chained(node)
        self.visit(node)
        return self.bound, self.bound

    def chained(self, node: ast.BoolOp) -> tuple[Bound, Bound]:
        """Follow ``and`` and ``or``, whose later operands may never be evaluated."""
        goes_on = 0 if isinstance(node.op, ast.And) else 1
        ends: list[Bound] = []
        for operand in node.values:
            outcome = self.condition(operand)
            self.bound = outcome[goes_on]
            ends.append(outcome[1 - goes_on])
        last, early = self.bound, join(*ends)
        return (last, early) if goes_on == 0 else (early, last)

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        """Join the ways through ``and`` and ``or``."""
        self.bound = join(*self.chained(node))

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        """Join the two ways through a conditional expression."""
        holds, fails = self.condition(node.test)
        self.bound = holds
        self.visit(node.body)
        after, self.bound = self.bound, fails
        self.visit(node.orelse)
        self.bound = join(after, self.bound)

    def visit_Compare(self, node: ast.Compare) -> Any:
        """Operands after the second may never be evaluated."""
        operands = [node.left, *node.comparators]
        self.visit_all(n for n in operands[:2] if not self.is_main_test(n))
        before = self.bound
        self.visit_all(n for n in operands[2:] if not self.is_main_test(n))
        self.bound = join(before, self.bound)
