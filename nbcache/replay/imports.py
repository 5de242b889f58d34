"""Objects that a cell imports by name: on a hit they are the module's own, never copies."""

from __future__ import annotations

import ast
import importlib
import sys
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from nbcache.cell.parts import all_parts
from nbcache.errors import NotReplayable
from nbcache.heap.kinds.forgotten import is_own_class
from nbcache.heap.tokens import FLAT
from nbcache.locality import is_local_module

_BY_NAME = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)


def imported_objects(
    nodes: Sequence[ast.AST], namespace: Mapping[str, Any]
) -> Iterator[tuple[str, str, str, Any]]:
    """Yield (bound name, module, attribute, value) of each ``from module import attribute``.

    Only values that pickle would copy, and that the name is still bound to, are yielded.
    """
    for node in all_parts(nodes):
        if not isinstance(node, ast.ImportFrom) or node.level or not node.module:
            continue
        variables = getattr(sys.modules.get(node.module), "__dict__", {})
        for alias in node.names:
            value, name = variables.get(alias.name), alias.asname or alias.name
            if namespace.get(name) is value and _is_copied(value):
                yield name, node.module, alias.name, value
            for one, exported in _exports_of(node).items():
                if namespace.get(one) is exported and _is_copied(exported):
                    yield one, node.module, one, exported


def _is_copied(value: Any) -> bool:
    """Tell whether pickle would not find a value by the name that it goes by."""
    if type(value) in FLAT or issubclass(type(value), types.ModuleType):
        return False
    if not issubclass(type(value), _BY_NAME):
        return True
    return issubclass(type(value), type) and "<locals>" in value.__qualname__


def _exports_of(node: ast.ImportFrom) -> dict[str, Any]:
    is_star = any(alias.name == "*" for alias in node.names)
    return _exports(sys.modules.get(node.module or "")) if is_star else {}


def star_names(nodes: Sequence[ast.AST], *, head_only: bool = False) -> dict[str, Any]:
    """Return what these statements' ``from module import *`` bind, for modules that are loaded.

    ``head_only`` looks at the imports from libraries that the cell begins with.
    """
    found: dict[str, Any] = {}
    for node in nodes:
        is_import = isinstance(node, (ast.Import, ast.ImportFrom))
        if head_only and not is_import:
            break
        if head_only and is_local_module(getattr(node, "module", None)):
            continue
        if isinstance(node, ast.ImportFrom):
            found |= _exports_of(node)
    return found


def has_star_head(nodes: Sequence[ast.AST]) -> bool:
    """Tell whether the imports that a cell begins with hold a star import."""
    for node in nodes:
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            return False
        if any(alias.name == "*" for alias in node.names):
            return True
    return False


def _exports(module: types.ModuleType | None) -> dict[str, Any]:
    values = getattr(module, "__dict__", {})
    names = values.get("__all__", [name for name in values if not name.startswith("_")])
    return {str(name): values[name] for name in names if name in values}


def import_references(nodes: Sequence[ast.AST], namespace: Mapping[str, Any]) -> dict[int, str]:
    """Return how a stream refers to each imported object, by the object's identity."""
    found = imported_objects(nodes, namespace)
    return {id(value): f"import {module}:{name}" for _, module, name, value in found}


def bound_modules(bind: Mapping[str, Any]) -> dict[str, str]:
    """Return the modules that a run bound, by the names that it gave them."""
    found: dict[str, str] = {}
    for name, value in bind.items():
        if issubclass(type(value), types.ModuleType):
            home = str(value.__name__)
            if sys.modules.get(home) is value:
                found[name] = home
    return found


@contextmanager
def with_modules(namespace: dict[str, Any], modules: Mapping[str, str]) -> Iterator[None]:
    """Bind modules for the time of loading: methods that run then may name them."""
    before = {name: namespace.get(name, modules) for name in modules}
    try:
        for name, module in modules.items():
            with suppress(ImportError):
                namespace[name] = importlib.import_module(module)
        yield
    finally:
        for name, value in before.items():
            if value is modules:
                namespace.pop(name, None)
            else:
                namespace[name] = value


def library_names(nodes: Sequence[ast.AST], namespace: Mapping[str, Any]) -> frozenset[str]:
    """Return the names that the cell binds to objects of libraries by importing them."""
    found = imported_objects(nodes, namespace)
    return frozenset(bound for bound, module, _, _ in found if not is_local_module(module))


def refuse_made_up(names: Iterable[str]) -> None:
    """Refuse a cell that imports an object of the notebook's: it may answer as it likes.

    Raises:
        NotReplayable: an earlier cell put it among the modules, or gave a module a class.
    """
    for name in names:
        kind = type(sys.modules.get(name))
        if kind is not types.ModuleType and is_own_class(kind):
            raise NotReplayable(
                f"it imports `{name}`, for which {kind.__name__} of this notebook answers; "
                "make it a module, or name the object itself"
            )
