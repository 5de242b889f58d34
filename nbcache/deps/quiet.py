"""Which statements of a module do nothing but bind names: nobody else sees whether they ran."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterable
from typing import Any

from nbcache.cell.bindings import bindings, bound_by_import
from nbcache.cell.reader import all_defaults

_LOUD = frozenset({"this", "antigravity", "site", "readline", "__future__", "__hello__"})
"""Modules of the standard library that do something, or change how the source is read."""

_QUIET = frozenset({"numpy", "pandas", "scipy", "polars", "pyarrow", "requests", "yaml", "joblib"})
"""Libraries whose import changes nothing for code that does not use them."""

_DECORATORS = {
    "builtins": frozenset({"staticmethod", "classmethod", "property"}),
    "functools": frozenset({"cache", "lru_cache", "wraps", "cached_property", "total_ordering"}),
    "dataclasses": frozenset({"dataclass"}),
    "abc": frozenset({"abstractmethod"}),
    "contextlib": frozenset({"contextmanager", "asynccontextmanager"}),
    "typing": frozenset({"overload", "final", "no_type_check", "runtime_checkable", "override"}),
    "numba": frozenset({"jit", "njit", "vectorize", "guvectorize"}),
}
_CALLS = {
    "builtins": frozenset(
        {"dict", "list", "tuple", "set", "frozenset", "range", "float", "int", "str", "bool"}
        | {"bytes", "len", "min", "max", "sum", "abs", "round", "object", "slice", "complex"}
    ),
    "re": frozenset({"compile"}),
    "collections": frozenset({"namedtuple", "OrderedDict", "defaultdict", "Counter", "deque"}),
    "dataclasses": frozenset({"field"}),
    "enum": frozenset({"auto"}),
    "typing": frozenset({"TypeVar", "NewType", "NamedTuple", "ParamSpec"}),
    "pathlib": frozenset({"Path", "PurePath"}),
    "logging": frozenset({"getLogger"}),
    "decimal": frozenset({"Decimal"}),
    "fractions": frozenset({"Fraction"}),
    "datetime": frozenset({"date", "datetime", "timedelta"}),
    "numpy": frozenset({"array", "arange", "linspace", "zeros", "ones", "full", "eye"}),
}
_BASES = frozenset(
    {"abc", "enum", "typing", "typing_extensions", "collections", "dataclasses", "unittest"}
    | {"threading", "logging", "json", "string", "argparse", "torch", "sklearn", "pydantic"}
)
"""Packages whose classes tell nobody else of their subclasses."""

_PURE = (
    ast.Constant, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.UnaryOp, ast.BinOp, ast.BoolOp,
    ast.Compare, ast.IfExp, ast.JoinedStr, ast.FormattedValue, ast.Name, ast.Slice,
)  # fmt: skip
_IN_ANNOTATIONS = (*_PURE, ast.Attribute, ast.Subscript)
_MARKS = (ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context)


class Quiet:
    """Judges the statements of one module."""

    def __init__(self, tree: ast.Module) -> None:
        self._homes: dict[str, str] = {}
        self._classes: dict[str, ast.ClassDef] = {}
        bound: list[str] = []
        for statement in tree.body:
            bound += bindings([statement]).bound
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self._note_import(statement)
            elif isinstance(statement, ast.ClassDef):
                self._classes[statement.name] = statement
        self._bound = frozenset(bound)
        for name in {one for one in bound if bound.count(one) > 1}:
            self._homes.pop(name, None)
            self._classes.pop(name, None)

    def _note_import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias, name in zip(node.names, bound_by_import(node), strict=False):
            if isinstance(node, ast.Import):
                self._homes[name] = alias.name if alias.asname else alias.name.partition(".")[0]
            elif not node.level:
                self._homes[name] = f"{node.module}.{alias.name}"

    def only_binds(self, node: ast.stmt, *, in_class: bool = False) -> bool:
        """Tell whether a statement does nothing but bind names."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            return not in_class and _is_import_quiet(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return self._is_function_quiet(node, in_class=in_class)
        if isinstance(node, ast.ClassDef):
            return self._is_class_quiet(node)
        if isinstance(node, ast.Assign):
            return all(map(_is_plain_target, node.targets)) and self._is_pure(node.value)
        if isinstance(node, ast.AnnAssign):
            is_plain = isinstance(node.target, ast.Name) and self._is_annotation(node.annotation)
            return is_plain and (node.value is None or self._is_pure(node.value))
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        return in_class and (is_text or isinstance(node, ast.Pass))

    def _is_function_quiet(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, *, in_class: bool
    ) -> bool:
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
        annotations = [one.annotation for one in every] + [node.returns]
        return (
            all(self._is_decorator_quiet(one, in_class=in_class) for one in node.decorator_list)
            and all(map(self._is_pure, all_defaults(arguments)))
            and all(one is None or self._is_annotation(one) for one in annotations)
            and not getattr(node, "type_params", ())
        )

    def _is_class_quiet(self, node: ast.ClassDef) -> bool:
        metas = [self._path(one.value).partition(".")[0] for one in node.keywords]
        keywords = all(one.arg == "metaclass" for one in node.keywords) and _BASES.issuperset(metas)
        hooks = {"__init_subclass__", "__set_name__", "__class_getitem__", "__mro_entries__"}
        return (
            keywords
            and all(map(self._is_decorator_quiet, node.decorator_list))
            and all(map(self._is_base, node.bases))
            and all(self.only_binds(one, in_class=True) for one in node.body)
            and not hooks & bindings(node.body).bound
            and not getattr(node, "type_params", ())
        )

    def _is_base(self, node: ast.expr) -> bool:
        """Tell whether a base class learns nothing of its subclasses."""
        node = node.value if isinstance(node, ast.Subscript) else node
        if isinstance(node, ast.Name) and node.id in self._classes:
            own = self._classes[node.id]
            return self._is_class_quiet(own) and own.lineno < node.lineno
        if isinstance(node, ast.Name) and node.id not in self._bound:
            return isinstance(getattr(builtins, node.id, None), type)
        return self._path(node).partition(".")[0] in _BASES

    def _is_decorator_quiet(self, node: ast.expr, *, in_class: bool = False) -> bool:
        if isinstance(node, ast.Call):
            given = [*node.args, *(one.value for one in node.keywords)]
            return all(map(self._is_pure, given)) and self._is_known(node.func, _DECORATORS)
        is_part = isinstance(node, ast.Attribute) and node.attr in {"setter", "getter", "deleter"}
        return (in_class and is_part) or self._is_known(node, _DECORATORS)

    def _is_known(self, node: ast.expr, table: dict[str, frozenset[str]]) -> bool:
        path = self._path(node)
        package, _, inner = path.partition(".")
        return bool(inner) and inner.rpartition(".")[2] in table.get(package, ())

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
        return ".".join([home, *reversed(steps)]) if home else ""

    def _is_pure(self, node: ast.expr) -> bool:
        """Tell whether evaluating an expression can be seen by its value alone."""
        if isinstance(node, ast.Lambda):
            return all(map(self._is_pure, all_defaults(node.args)))
        if isinstance(node, ast.Call):
            given = [*node.args, *(one.value for one in node.keywords)]
            is_fixed = all(map(self._is_fixed, given))
            return is_fixed and self._is_known(node.func, _CALLS) and all(map(self._is_pure, given))
        if isinstance(node, ast.Attribute):
            return self._path(node).partition(".")[0] in sys.stdlib_module_names | {"numpy"}
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.LShift | ast.RShift):
            return False  # what connects the tasks of a workflow
        return isinstance(node, _PURE) and all(map(self._is_pure, _inner(node)))

    def _is_fixed(self, node: ast.expr) -> bool:
        """Tell whether an argument can't be an iterator of the module's that a call uses up."""
        names = (one.id for one in ast.walk(node) if isinstance(one, ast.Name))
        return all(name not in self._bound or name in self._homes for name in names)

    def _is_annotation(self, node: ast.expr) -> bool:
        return isinstance(node, _IN_ANNOTATIONS) and all(map(self._is_annotation, _inner(node)))


def _inner(node: ast.AST) -> Iterable[Any]:
    return [one for one in ast.iter_child_nodes(node) if not isinstance(one, _MARKS)]


def _is_plain_target(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple | ast.List):
        return all(map(_is_plain_target, node.elts))
    return isinstance(node, ast.Name)


def _is_import_quiet(node: ast.Import | ast.ImportFrom) -> bool:
    """Tell whether an import is of the standard library, and of names."""
    if isinstance(node, ast.ImportFrom):
        names = [] if node.level else [node.module or ""]
        if any(alias.name == "*" for alias in node.names):
            return False
    else:
        names = [alias.name for alias in node.names]
    roots = {name.partition(".")[0] for name in names}
    return bool(roots) and roots <= (sys.stdlib_module_names | _QUIET) - _LOUD


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
