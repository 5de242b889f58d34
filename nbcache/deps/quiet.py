"""Which statements of a module do nothing but bind names: nobody else sees whether they ran.

What could raise when the module is imported is no such statement either: a name that is not there
yet, arithmetic on what is not plain, a call that may refuse what it is given.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterable

from nbcache.cell.bindings import bindings, bound_by_import
from nbcache.cell.reader import all_defaults
from nbcache.deps.harmless import calls_harmlessly, is_arithmetic, is_literal, names_of_library

_LOUD = frozenset({"this", "antigravity", "site", "readline", "__future__", "__hello__"})
"""Modules of the standard library that do something, or change how the source is read."""

_QUIET = frozenset({"numpy", "pandas", "scipy", "polars", "pyarrow", "requests", "yaml", "joblib"})
"""Libraries whose import changes nothing for code that does not use them."""

_DECORATORS = {
    "builtins": frozenset({"staticmethod", "classmethod", "property"}),
    "functools": frozenset({"cache", "lru_cache", "wraps", "cached_property"}),
    "dataclasses": frozenset({"dataclass"}),
    "abc": frozenset({"abstractmethod"}),
    "contextlib": frozenset({"contextmanager", "asynccontextmanager"}),
    "typing": frozenset({"overload", "final", "no_type_check", "override"}),
    "numba": frozenset({"jit", "njit"}),
}
_BASES = frozenset(
    {"abc", "enum", "typing", "typing_extensions", "collections", "dataclasses", "unittest"}
    | {"threading", "logging", "json", "string", "argparse", "torch", "sklearn", "pydantic"}
)
"""Packages whose classes tell nobody else of their subclasses."""

_BUILTIN_BASES = frozenset({"object", "dict", "list", "tuple", "set", "str", "int", "float"})
_DISPLAYS = (ast.List, ast.Dict, ast.Set)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_CERTAIN = (*_DEFINITIONS, ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom)
"""Statements after which the names that they bind are there."""

_HOOKS = frozenset({"__init_subclass__", "__set_name__", "__class_getitem__", "__mro_entries__"})


class Quiet:
    """Judges the statements of one module, in their order."""

    def __init__(self, tree: ast.Module) -> None:
        self._homes: dict[str, str] = {}
        self._classes: dict[str, ast.ClassDef] = {}
        self._ready: set[str] = {"__name__", "__file__", "__doc__"}
        self._plain: set[str] = set()
        bound: list[str] = []
        for statement in tree.body:
            bound += bindings([statement]).bound
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self._note_import(statement)
        self._bound = frozenset(bound)
        for name in {one for one in bound if bound.count(one) > 1}:
            self._homes.pop(name, None)
        self._often = frozenset(one for one in bound if bound.count(one) > 1)

    def _note_import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias, name in zip(node.names, bound_by_import(node), strict=False):
            if isinstance(node, ast.Import):
                self._homes[name] = alias.name if alias.asname else alias.name.partition(".")[0]
            elif not node.level:
                self._homes[name] = f"{node.module}.{alias.name}"

    def take(self, node: ast.stmt) -> bool:
        """Tell whether the next statement does nothing but bind names, and go on behind it."""
        is_quiet = self._only_binds(node)
        if isinstance(node, _CERTAIN) and getattr(node, "value", True) is not None:
            self._ready |= bindings([node]).bound
        elif isinstance(node, ast.Delete):
            self._ready -= bindings([node]).bound
        if is_quiet and isinstance(node, ast.ClassDef) and node.name not in self._often:
            self._classes[node.name] = node
        if is_quiet and isinstance(node, ast.Assign | ast.AnnAssign) and _is_text(node.value):
            self._plain |= bindings([node]).bound - self._often
        return is_quiet

    def _only_binds(self, node: ast.stmt, inside: frozenset[str] | None = None) -> bool:
        """Tell whether a statement does nothing but bind names.

        ``inside`` are the names that the class which it is part of has bound before it.
        """
        known = self._ready if inside is None else self._ready | inside
        if isinstance(node, ast.Import | ast.ImportFrom):
            return inside is None and _is_import_quiet(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return self._is_function_quiet(node, known, inside)
        if isinstance(node, ast.ClassDef):
            return self._is_class_quiet(node, known)
        if isinstance(node, ast.Assign):
            return all(map(_is_name, node.targets)) and self._is_pure(node.value, known)
        if isinstance(node, ast.AnnAssign):
            is_plain = _is_name(node.target) and self._is_annotation(node.annotation, known)
            return is_plain and (node.value is None or self._is_pure(node.value, known))
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        return inside is not None and (is_text or isinstance(node, ast.Pass))

    def _is_function_quiet(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef,
        known: Iterable[str],
        inside: frozenset[str] | None,
    ) -> bool:
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
        annotations = [one.annotation for one in every] + [node.returns]
        return (
            all(self._is_decorator_quiet(one, inside) for one in node.decorator_list)
            and all(self._is_pure(one, known) for one in all_defaults(arguments))
            and all(one is None or self._is_annotation(one, known) for one in annotations)
            and not getattr(node, "type_params", ())
        )

    def _is_class_quiet(self, node: ast.ClassDef, known: Iterable[str]) -> bool:
        metas = [self._path(one.value).partition(".")[0] for one in node.keywords]
        keywords = all(one.arg == "metaclass" for one in node.keywords) and {"abc"}.issuperset(
            metas
        )
        body = bindings(node.body).bound
        return (
            keywords
            and all(self._is_decorator_quiet(one) for one in node.decorator_list)
            and all(self._is_base(one, node) for one in node.bases)
            and len([one for one in node.bases if not isinstance(one, ast.Subscript)]) <= 1
            and self._are_quiet_inside(node.body)
            and not (_HOOKS | {"__slots__", "__metaclass__"}) & body
            and not (node.decorator_list and not self._is_plain_dataclass(node))
            and not getattr(node, "type_params", ())
        )

    def _is_of_abc(self, node: ast.expr) -> bool:
        return self._path(node).startswith("abc.")

    def _are_quiet_inside(self, body: list[ast.stmt]) -> bool:
        seen: set[str] = set()
        for one in body:
            if not self._only_binds(one, frozenset(seen)):
                return False
            seen |= bindings([one]).bound
        return True

    def _is_plain_dataclass(self, node: ast.ClassDef) -> bool:
        """Tell whether making a dataclass of it can't fail: defaults last, none of them shared."""
        fields = [one for one in node.body if isinstance(one, ast.AnnAssign)]
        has_default = [one.value is not None for one in fields]
        shared = any(isinstance(one.value, _DISPLAYS) for one in fields)
        return not node.bases and not shared and has_default == sorted(has_default)

    def _is_base(self, node: ast.expr, of: ast.ClassDef) -> bool:
        """Tell whether a base class learns nothing of its subclasses, and lets itself be one."""
        node = node.value if isinstance(node, ast.Subscript) else node
        if isinstance(node, ast.Name) and node.id in self._classes:
            bases = self._classes[node.id].bases
            return not any(self._path(one).startswith("enum.") for one in bases)
        if isinstance(node, ast.Name) and node.id not in self._bound:
            kind = getattr(builtins, node.id, None)
            is_error = isinstance(kind, type) and issubclass(kind, BaseException)
            return is_error or node.id in _BUILTIN_BASES
        path = self._path(node)
        names = [name for one in of.body for name in bindings([one]).bound]
        is_twice = path.startswith("enum.") and len(names) != len(set(names))
        return path.partition(".")[0] in _BASES and not is_twice

    def _is_decorator_quiet(self, node: ast.expr, inside: frozenset[str] | None = None) -> bool:
        if isinstance(node, ast.Call):
            given = [*node.args, *(one.value for one in node.keywords)]
            return all(map(is_literal, given)) and self._is_known(node.func)
        if inside is not None and isinstance(node, ast.Attribute):
            is_part = node.attr in {"setter", "getter", "deleter"}
            return is_part and isinstance(node.value, ast.Name) and node.value.id in inside
        return self._is_known(node)

    def _is_known(self, node: ast.expr) -> bool:
        path = self._path(node)
        package, _, inner = path.partition(".")
        return bool(inner) and inner.rpartition(".")[2] in _DECORATORS.get(package, ())

    def _path(self, node: ast.expr) -> str:
        """Return where a library keeps what an expression names, empty if none does."""
        steps: list[str] = []
        while isinstance(node, ast.Attribute):
            steps.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        is_builtin = node.id not in self._bound and hasattr(builtins, node.id)
        home = f"builtins.{node.id}" if is_builtin else self._homes.get(node.id, "")
        home = home if is_builtin or node.id in self._ready else ""
        return ".".join([home, *reversed(steps)]) if home else ""

    def _is_there(self, name: str, known: Iterable[str]) -> bool:
        return name in known or (name not in self._bound and hasattr(builtins, name))

    def _is_pure(self, node: ast.expr, known: Iterable[str]) -> bool:
        """Tell whether evaluating an expression can be seen by its value alone."""
        if isinstance(node, ast.Name):
            return self._is_there(node.id, known)
        if isinstance(node, ast.Tuple | ast.List | ast.Dict | ast.Lambda):
            keys = node.keys if isinstance(node, ast.Dict) else []
            are_keys = all(one is not None and self._is_key(one) for one in keys)
            return are_keys and all(self._is_pure(one, known) for one in _values(node))
        if isinstance(node, ast.Set):
            return all(map(self._is_key, node.elts))
        if isinstance(node, ast.JoinedStr):
            return all(map(self._is_shown_plainly, node.values))
        if isinstance(node, ast.Attribute):
            return names_of_library(self._path(node))
        is_call = isinstance(node, ast.Call) and calls_harmlessly(self._path(node.func), node)
        return is_call or isinstance(node, ast.Constant) or is_arithmetic(node)

    def _is_key(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Tuple):
            return all(map(self._is_key, node.elts))
        is_own = isinstance(node, ast.Name) and (node.id in self._plain or node.id in self._classes)
        return is_own or isinstance(node, ast.Constant) or is_arithmetic(node)

    def _is_shown_plainly(self, node: ast.expr) -> bool:
        if not isinstance(node, ast.FormattedValue):
            return isinstance(node, ast.Constant)
        is_plain = isinstance(node.value, ast.Name) and node.value.id in self._plain
        return is_plain and node.format_spec is None

    def _is_annotation(self, node: ast.expr, known: Iterable[str]) -> bool:
        if isinstance(node, ast.Subscript):
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return all(self._is_annotation(one, known) for one in (node.value, *parts))
        if isinstance(node, ast.List):
            return all(self._is_annotation(one, known) for one in node.elts)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            sides = (node.left, node.right)
            is_text = any(isinstance(one, ast.Constant) and one.value is not None for one in sides)
            return not is_text and all(self._is_annotation(one, known) for one in sides)
        if isinstance(node, ast.Attribute):
            return names_of_library(self._path(node))
        is_name = isinstance(node, ast.Name) and self._is_there(node.id, known)
        return is_name or isinstance(node, ast.Constant)


def _values(node: ast.Tuple | ast.List | ast.Dict | ast.Lambda) -> list[ast.expr]:
    if isinstance(node, ast.Lambda):
        return all_defaults(node.args)
    return node.values if isinstance(node, ast.Dict) else node.elts


def _is_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Name)


def _is_text(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) or (node is not None and is_arithmetic(node))


def _is_import_quiet(node: ast.Import | ast.ImportFrom) -> bool:
    """Tell whether an import is of the standard library, and of names that it has."""
    if isinstance(node, ast.ImportFrom):
        names = [f"{node.module}.{alias.name}" for alias in node.names]
        return not node.level and all(map(names_of_library, names))
    roots = {alias.name for alias in node.names}
    return roots <= (sys.stdlib_module_names | _QUIET) - _LOUD


def is_main_block(node: ast.stmt) -> bool:
    """Tell whether a statement is ``if __name__ == "__main__":``, which no import runs."""
    if not isinstance(node, ast.If) or node.orelse or not isinstance(node.test, ast.Compare):
        return False
    test = node.test
    sides = [test.left, *test.comparators]
    names = [one.id for one in sides if isinstance(one, ast.Name)]
    values = [one.value for one in sides if isinstance(one, ast.Constant)]
    is_equal = len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)
    return is_equal and names == ["__name__"] and values == ["__main__"]
