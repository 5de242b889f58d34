"""Cells that run no code but arithmetic on plain values: whatever they do stands in their text.

A literal, a plain value of a name, and what operators make of them call nothing that anybody
could have defined: no method, no finalizer, no import. What is not on this short list may.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Final

ATOMS: Final = frozenset({int, float, complex, bool, str, type(None)})
"""Exact types whose operators are Python's own; bytes may warn, beside texts."""

_BINARY: Final = (
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow),
    *(ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift),
)
_UNARY: Final = (ast.UAdd, ast.USub, ast.Not)  # `~True` warns
_COMPARE: Final = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)  # `1 is 1` warns

TO_ATOM: Final = frozenset({"len", "abs", "round", "int", "float", "str", "bool", "ord", "chr"})
TO_PLAIN: Final = frozenset({"sum", "min", "max", "sorted", "list", "tuple", "divmod"})
SHOWS: Final = "print"
CALLED: Final = TO_ATOM | TO_PLAIN | {SHOWS, "range"}
"""Functions of Python's own that call nothing but the operators of what they are given."""

IsPlain = Callable[[str], bool]


def is_still(
    nodes: Sequence[ast.stmt], is_atom: IsPlain, is_free: IsPlain, is_pythons: IsPlain
) -> bool:
    """Tell whether a cell does nothing but bind names to plain values, and print some.

    ``is_atom`` tells whether a name holds a value of ``ATOMS`` now, ``is_free`` whether it may be
    bound: what it held before goes without a trace; ``is_pythons`` whether one of ``CALLED`` is
    still Python's own function.
    """
    look = _Look(is_atom, is_free, is_pythons)
    return all(map(look.is_still, nodes))


class _Look:
    """Follows a cell's statements in order, and what the names that they bind hold."""

    def __init__(self, is_atom: IsPlain, is_free: IsPlain, is_pythons: IsPlain) -> None:
        self._is_pythons = is_pythons
        self._holds_atom = is_atom
        self._is_free = is_free
        self._bound: dict[str, bool] = {}

    def is_still(self, node: ast.stmt) -> bool:
        """Tell whether a statement binds a name to a plain value; take it in."""
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            return self._binds(node.targets[0], node.value)
        if isinstance(node, ast.AugAssign) and isinstance(node.op, _BINARY):
            target = node.target
            is_atom = isinstance(target, ast.Name) and self._is_atom_name(target.id)
            return is_atom and self.is_atom(node.value) and self._binds(target, node.value)
        if isinstance(node, ast.Expr):
            return self._callee(node.value) == SHOWS
        return isinstance(node, ast.Pass)

    def _binds(self, target: ast.expr, value: ast.expr) -> bool:
        if not isinstance(target, ast.Name):
            return False
        is_atom = self.is_atom(value)
        if not (is_atom or self.is_plain(value)):
            return False
        if target.id not in self._bound and not self._is_free(target.id):
            return False
        self._bound[target.id] = is_atom
        return True

    def _callee(self, node: ast.expr) -> str:
        """Return which of ``CALLED`` an expression calls with plain values alone, or nothing."""
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)) or node.keywords:
            return ""
        name = node.func.id
        if name not in CALLED or name in self._bound or not self._is_pythons(name):
            return ""
        return name if all(map(self.is_plain, node.args)) else ""

    def _is_atom_name(self, name: str) -> bool:
        known = self._bound.get(name)
        return self._holds_atom(name) if known is None else known

    def is_atom(self, node: ast.expr) -> bool:
        """Tell whether an expression gives a value of ``ATOMS``, or raises."""
        if isinstance(node, ast.Constant):
            return type(node.value) in ATOMS
        if isinstance(node, ast.Name):
            return self._is_atom_name(node.id)
        if isinstance(node, ast.BinOp):
            return isinstance(node.op, _BINARY) and self._are_atoms(node.left, node.right)
        if isinstance(node, ast.UnaryOp):
            return isinstance(node.op, _UNARY) and self.is_atom(node.operand)
        if isinstance(node, ast.Call):
            return self._callee(node) in TO_ATOM
        return self._chooses_atom(node)

    def _chooses_atom(self, node: ast.expr) -> bool:
        if isinstance(node, ast.BoolOp):
            return self._are_atoms(*node.values)
        if isinstance(node, ast.IfExp):
            return self._are_atoms(node.test, node.body, node.orelse)
        if isinstance(node, ast.Compare):
            is_known = all(isinstance(one, _COMPARE) for one in node.ops)
            return is_known and self._are_atoms(node.left, *node.comparators)
        return False

    def is_plain(self, node: ast.expr) -> bool:
        """Tell whether an expression gives an atom, or lists, tuples and dicts of such."""
        if isinstance(node, (ast.List, ast.Tuple)):
            return all(map(self.is_plain, node.elts))
        if isinstance(node, ast.Dict):
            keys = all(key is not None and self.is_atom(key) for key in node.keys)
            return keys and all(map(self.is_plain, node.values))
        if isinstance(node, ast.Name):
            return node.id in self._bound or self._holds_atom(node.id)
        if isinstance(node, ast.ListComp):
            return self._lists_plain(node)
        return self.is_atom(node) or self._callee(node) in TO_PLAIN

    def _lists_plain(self, node: ast.ListComp) -> bool:
        """Tell whether a comprehension makes plain values of the numbers of a range."""
        each = node.generators[0]
        if len(node.generators) > 1 or each.is_async or not isinstance(each.target, ast.Name):
            return False
        if self._callee(each.iter) != "range":
            return False
        inner = _Look(self._holds_atom, self._is_free, self._is_pythons)
        inner._bound = {**self._bound, each.target.id: True}
        return all(map(inner.is_atom, each.ifs)) and inner.is_plain(node.elt)

    def _are_atoms(self, *nodes: ast.expr) -> bool:
        return all(map(self.is_atom, nodes))
