"""What reading an expression means wherever it stands: at module level or in a function."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from nbcache.cell import hidden
from nbcache.cell.labels import takes_labels, texts_and_rest
from nbcache.cell.magics_text import MagicUse, identifiers, is_shell, magic_use
from nbcache.cell.strings import FORMATS, is_no_expression, without_fields

_LONG_SUM = 100
"""A sum of as many texts or more is not read as one."""


def mangle(name: str, private: str) -> str:
    """Return the name as the compiler writes it inside class ``private``."""
    if not private or not name.startswith("__") or name.endswith("__") or "." in name:
        return name
    owner = private.lstrip("_")
    return f"_{owner}{name}" if owner else name


def is_text(node: ast.AST | None) -> bool:
    """Whether the expression is a constant string."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def type_parameters(node: ast.AST) -> frozenset[str]:
    """Return the names of the type parameters of a function, class or alias (Python 3.12)."""
    return frozenset(parameter.name for parameter in getattr(node, "type_params", ()))


def all_arguments(arguments: ast.arguments) -> list[ast.arg]:
    """Return all parameters in the order in which their annotations are evaluated."""
    every = [*arguments.posonlyargs, *arguments.args, arguments.vararg]
    every += [*arguments.kwonlyargs, arguments.kwarg]
    return [argument for argument in every if argument is not None]


def all_defaults(arguments: ast.arguments) -> list[ast.expr]:
    """Return the default values in the order in which they are evaluated."""
    return [*arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)]


class Reader(ast.NodeVisitor):
    """Visits expressions; subclasses say what loading a name or meeting a word means."""

    at_module = True
    lazy_annotations = False

    def load(self, name: str) -> None:
        """Read a name."""
        raise NotImplementedError

    def mention(self, words: Iterable[str]) -> None:
        """Meet words of a string constant, which may be names."""
        raise NotImplementedError

    def note_hidden(self, reason: str) -> None:
        """Meet something that may read any name."""
        raise NotImplementedError

    def note_magic(self, use: MagicUse) -> None:
        """Meet a magic."""
        raise NotImplementedError

    def note_imports(self, modules: Iterable[str]) -> None:
        """Meet modules that get imported."""
        raise NotImplementedError

    def visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        """Visit nodes in order, passing over the missing ones."""
        for node in nodes:
            if node is not None:
                self.visit(node)

    def visit_Expr(self, node: ast.Expr) -> Any:
        """A bare string is a docstring or a comment: its words are not names."""
        if not is_text(node.value):
            self.visit(node.value)

    def visit_Constant(self, node: ast.Constant) -> Any:
        """A string may hold an expression, SQL, a formula."""
        if isinstance(node.value, str):
            self.read_text(node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Any:
        """A text in parts reads as a whole, too."""
        self.read_text(hidden.joined_text(node))
        self.generic_visit(node)

    def read_text(self, text: str) -> None:
        """Meet a string whose words may be names."""
        words = identifiers(text)
        reason = hidden.text_reason(words)
        if reason:
            self.note_hidden(reason)
        if not is_no_expression(text):
            self.mention(words)

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        """Some attributes give access to every name."""
        reason = hidden.attribute_reason(node)
        if reason:
            self.note_hidden(reason)
        if is_shell(node.value):
            return
        if isinstance(node.value, ast.Constant) and node.attr in FORMATS:
            self.read_format(node.value.value)
        elif isinstance(node.value, ast.Name) and node.value.id == "builtins":
            self.load("builtins")
        else:
            self.visit(node.value)

    def read_format(self, text: object) -> None:
        """Meet a string that is formatted: its fields name what it is handed."""
        if isinstance(text, str):
            reason = hidden.text_reason(identifiers(text))
            if reason:
                self.note_hidden(reason)
            self.read_text(without_fields(text))

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        """A string as an index (``df["price"]``) names a column or key, not a variable."""
        self.visit(node.value)
        listed = isinstance(node.slice, (ast.Tuple, ast.List)) and node.slice.elts
        if not is_text(node.slice) and not (listed and all(is_text(e) for e in listed)):
            self.visit(node.slice)

    def visit_Call(self, node: ast.Call) -> Any:
        """Magics are calls; some calls list every name."""
        use = magic_use(node, top_level=self.at_module)
        if use is not None:
            self.note_magic(use)
            return
        if is_shell(node):
            self.note_hidden("keeps get_ipython()")
        reason = hidden.call_reason(node) if self.at_module else None
        if reason:
            self.note_hidden(reason)
        module = hidden.imported_by_call(node)
        if module:
            self.note_imports([module])
        self.visit(node.func)
        if takes_labels(node.func):
            for given in (*node.args, *(keyword.value for keyword in node.keywords)):
                self.read_labels(given)
            return
        self.visit_all(node.args)
        self.visit_all(node.keywords)

    def read_labels(self, given: ast.expr) -> None:
        """Meet what a call takes for labels: its texts name no variables, the rest may."""
        for text, other in texts_and_rest(given):
            reason = hidden.text_reason(identifiers(text))
            if reason:
                self.note_hidden(reason)
            if other is not None:
                self.visit(other)

    def visit_Dict(self, node: ast.Dict) -> Any:
        """Each key is evaluated just before its value."""
        for key, value in zip(node.keys, node.values, strict=True):
            self.visit_all([key, value])

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        """Long sums nest deeply to the left: walk down them without recursion."""
        chain = [node]
        while isinstance(chain[-1].left, ast.BinOp):
            chain.append(chain[-1].left)
        if len(chain) < _LONG_SUM:
            self.read_text(hidden.joined_text(node))
        self.visit(chain[-1].left)
        self.visit_all(part.right for part in reversed(chain))

    def visit_annotation(self, node: ast.expr | None) -> None:
        """Annotations count where they stand; with postponed ones their words may be names."""
        if node is None:
            return
        if not self.lazy_annotations:
            self.visit(node)
            return
        for part in ast.walk(node):
            if isinstance(part, ast.Name):
                self.mention([part.id])
            elif isinstance(part, ast.Constant) and isinstance(part.value, str):
                self.mention(identifiers(part.value))

    def visit_signature(self, arguments: ast.arguments, returns: ast.expr | None) -> None:
        """Visit the annotations of a signature."""
        for argument in all_arguments(arguments):
            self.visit_annotation(argument.annotation)
        self.visit_annotation(returns)

    def is_main_test(self, node: ast.AST) -> bool:
        """Whether an expression is the text of ``__name__ == "__main__"``."""
        return isinstance(node, ast.Constant) and node.value == "__main__"
