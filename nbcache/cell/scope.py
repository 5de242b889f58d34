"""What a function's body does with global names whenever it runs, in any order."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nbcache.cell import hidden
from nbcache.cell.bindings import bindings, bound_by_import, bound_name, target_names
from nbcache.cell.magics_text import MagicUse, all_identifiers
from nbcache.cell.reader import Reader, all_arguments, all_defaults, mangle, type_parameters

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, slots=True)
class Body:
    """The global names that a function's body reads, binds and deletes, nested ones included."""

    reads: frozenset[str] = frozenset()
    binds: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    strings: frozenset[str] = frozenset()
    imports: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    magics: tuple[MagicUse, ...] = ()


@dataclass(slots=True)
class Scope:
    """One scope on the way from a name outwards."""

    kind: str
    locals: frozenset[str]
    globals: frozenset[str]
    private: str
    parent: Scope | None


class BodyReader(Reader):
    """Collects the global names of one function, lambda or lazily evaluated expression."""

    at_module = False

    def __init__(self, outer: frozenset[str], private: str, lazy: bool) -> None:
        """``outer`` are names of enclosing comprehensions and type parameters."""
        self.reads: set[str] = set()
        self.binds: set[str] = set()
        self.deletes: set[str] = set()
        self.strings: set[str] = set()
        self.imports: dict[str, None] = {}
        self.hidden: dict[str, None] = {}
        self.magics: dict[MagicUse, None] = {}
        self.lazy_annotations = lazy
        self.scope: Scope | None = Scope("types", outer, frozenset(), private, None)

    def body(self) -> Body:
        """Return what was found."""
        return Body(
            frozenset(self.reads), frozenset(self.binds), frozenset(self.deletes),
            frozenset(self.strings), tuple(self.imports), tuple(self.hidden), tuple(self.magics),
        )  # fmt: skip

    # Scopes

    @contextmanager
    def entered(
        self, kind: str, names: Iterable[str], globals_: Iterable[str] = (), private: str = ""
    ) -> Iterator[None]:
        """Stand inside a nested scope."""
        outside = self.scope
        private = private or (outside.private if outside else "")
        mangled = frozenset(mangle(name, private) for name in names)
        declared = frozenset(mangle(name, private) for name in globals_)
        self.scope = Scope(kind, mangled, declared, private, outside)
        yield
        self.scope = outside

    def name(self, name: str) -> str:
        """Return the name as the compiler writes it here."""
        return mangle(name, self.scope.private if self.scope else "")

    def is_global(self, name: str) -> bool:
        """Whether a (mangled) name, loaded here, may be a global one."""
        scope, inside = self.scope, True
        while scope is not None:
            if scope.kind != "class" or inside:
                if name in scope.globals:
                    return True
                # A class body falls back to the outer names when its own is not bound yet.
                if name in scope.locals and scope.kind != "class":
                    return False
            inside = False
            scope = scope.parent
        return name not in ("__class__", "__debug__")

    def declared_global(self, name: str) -> bool:
        """Whether binding a (mangled) name here binds a global one."""
        scope = self.scope
        while scope is not None and scope.kind == "comprehension":
            scope = scope.parent
        return scope is not None and name in scope.globals

    def in_comprehension(self, name: str) -> bool:
        """Whether a (mangled) name is a target of the comprehension that we stand in."""
        scope = self.scope
        return scope is not None and scope.kind == "comprehension" and name in scope.locals

    # What was met

    def load(self, name: str) -> None:
        """Read a name."""
        name = self.name(name)
        if self.is_global(name):
            self.reads.add(name)
            reason = hidden.name_reason(name)
            if reason and name != "builtins":
                self.note_hidden(reason)

    def bind(self, name: str) -> None:
        """Bind a name; it matters if it was declared global."""
        name = self.name(name)
        if self.declared_global(name) and not self.in_comprehension(name):
            self.binds.add(name)

    def delete(self, name: str) -> None:
        """Delete a name; it matters if it was declared global."""
        name = self.name(name)
        if self.declared_global(name):
            self.reads.add(name)
            self.deletes.add(name)

    def mention(self, words: Iterable[str]) -> None:
        """Meet words of a string constant."""
        self.strings.update(words)

    def note_hidden(self, reason: str) -> None:
        """Meet something that may read any name."""
        self.hidden[reason] = None

    def note_magic(self, use: MagicUse) -> None:
        """Meet a magic: every word of its text may be a name."""
        self.magics[use] = None
        self.reads.update(all_identifiers(f"{use.line}\n{use.body or ''}"))

    def note_imports(self, modules: Iterable[str]) -> None:
        """Meet modules that get imported."""
        self.imports.update(dict.fromkeys(modules))

    # Nodes

    def visit_Name(self, node: ast.Name) -> Any:
        """Read, bind or delete a name."""
        if isinstance(node.ctx, ast.Load):
            self.load(node.id)
            if node.id == "builtins":
                self.note_hidden(hidden.NAMES["builtins"])
        elif isinstance(node.ctx, ast.Store):
            self.bind(node.id)
        else:
            self.delete(node.id)

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """An augmented assignment reads its target too."""
        if isinstance(node.target, ast.Name):
            self.load(node.target.id)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """Annotations inside functions are not evaluated, those inside classes are."""
        self.visit_all([node.value])
        if node.value is not None or not isinstance(node.target, ast.Name):
            self.visit(node.target)
        if self.scope is not None and self.scope.kind == "class":
            self.visit_annotation(node.annotation)

    def visit_Compare(self, node: ast.Compare) -> Any:
        """``__name__ == "__main__"`` names nothing."""
        self.visit_all(n for n in [node.left, *node.comparators] if not self.is_main_test(n))

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> Any:
        """Note the modules, and the names if they were declared global."""
        self.note_imports(hidden.imported_modules(node))
        for reason in hidden.import_reasons(node):
            self.note_hidden(reason)
        for name in bound_by_import(node):
            self.bind(name)

    visit_ImportFrom = visit_Import

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> Any:
        """``except E as e`` binds and then deletes ``e``."""
        name = bound_name(node)
        if name:
            self.bind(name)
            if self.declared_global(self.name(name)):
                self.deletes.add(self.name(name))
        self.generic_visit(node)

    def visit_pattern(self, node: Any) -> Any:
        """Patterns bind names."""
        name = bound_name(node)
        if name:
            self.bind(name)
        self.generic_visit(node)

    visit_MatchAs = visit_MatchStar = visit_MatchMapping = visit_pattern

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Any:
        """A nested function's reads count with those of the function around it."""
        self.visit_all([*node.decorator_list, *all_defaults(node.args)])
        with self.entered("types", type_parameters(node)):
            self.visit_all(getattr(node, "type_params", ()))
            self.visit_signature(node.args, node.returns)
            self.function(node)
        self.bind(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        """A lambda's reads count with those of the function around it."""
        self.visit_all(all_defaults(node.args))
        self.function(node)

    def function(self, node: FunctionNode) -> None:
        """Visit the body of a function in its own scope."""
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        found = bindings(body)
        names = found.locals | {argument.arg for argument in all_arguments(node.args)}
        with self.entered("function", names, found.globals):
            self.visit_all(body)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        """A class body runs at once; its methods see past its names."""
        self.visit_all(node.decorator_list)
        found = bindings(node.body)
        with self.entered("types", type_parameters(node)):
            self.visit_all([*getattr(node, "type_params", ()), *node.bases, *node.keywords])
            with self.entered("class", found.locals, found.globals, node.name):
                self.visit_all(node.body)
        self.bind(node.name)

    def visit_TypeAlias(self, node: Any) -> Any:
        """A type alias is evaluated when it is used."""
        with self.entered("types", type_parameters(node)):
            self.visit_all([*node.type_params, node.value])
        self.bind(node.name.id)

    def visit_comprehension_scope(self, node: Any) -> Any:
        """Only the first iterable belongs to the scope around a comprehension."""
        first, *rest = node.generators
        self.visit(first.iter)
        with self.entered("comprehension", target_names(node.generators)):
            self.visit_all([first.target, *first.ifs, *rest])
            parts = ("key", "value") if isinstance(node, ast.DictComp) else ("elt",)
            self.visit_all(getattr(node, part) for part in parts)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_comprehension_scope
    visit_GeneratorExp = visit_comprehension_scope


def read_body(
    node: FunctionNode, *, outer: frozenset[str] = frozenset(), private: str = "",
    lazy: bool = False,
) -> Body:  # fmt: skip
    """Return what a function's body does with global names."""
    reader = BodyReader(outer, private, lazy)
    reader.function(node)
    return reader.body()


def read_lazily(
    nodes: Iterable[ast.AST], *, outer: frozenset[str] = frozenset(), private: str = ""
) -> Body:
    """Return the global names of expressions that are evaluated later, such as type aliases."""
    reader = BodyReader(outer, private, lazy=False)
    reader.visit_all(nodes)
    return reader.body()
