"""Which libraries a text sets something in, for all that its calls and targets tell."""

from __future__ import annotations

import ast
import functools
import re
import types
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from nbcache.cell.parts import all_parts
from nbcache.library_effects import (
    RECORDED_PACKAGES,
    is_handed,
    is_library_target,
    package_asked,
    package_holding,
    package_of,
    target_steps,
)
from nbcache.patchers import patching_parts
from nbcache.setting_names import parts_run
from nbcache.setting_words import LASTING, SETS, changes_the_given, may_set

_WRITES = re.compile(r"(save|dump|write|export|show|close|to_)\w*$")
"""Methods that write out what they belong to: ``Image.new("L", (1, 1)).save("a.png")``."""

TRACKED = RECORDED_PACKAGES - {"torch", "polars", "pyarrow", "requests", "json", "asyncio"}
"""Packages whose settings the trackers record."""

_OURS = __name__.partition(".")[0]
_SETTERS = frozenset({"setattr", "delattr", "vars"})


def touched_packages(
    tree: ast.Module, namespace: dict[str, Any], *, attributes: bool = False
) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the libraries whose state a text sets out of sight, with the statement that does.

    ``attributes`` counts assignments to attributes as well, which are followed by their values
    where the notebook makes them.
    """
    yield from touched_by(_marks(tree, attributes=attributes), namespace)


Marks = tuple[tuple[ast.expr, ast.stmt], ...]
"""Targets and calls that may set something, each with the statement that it is part of."""

Patchers = tuple[tuple[ast.stmt, Sequence[ast.AST]], ...]
"""Statements that may put something into a class, with the parts that would."""


@functools.lru_cache(maxsize=256)
def marks_in(text: str) -> tuple[ast.Module, Marks, Patchers]:
    """Return a cell's tree, and what in it may set something."""
    tree = ast.parse(text)
    parts = [(node, patching_parts(node)) for node in tree.body]
    patchers = tuple(one for one in parts if one[1])
    return tree, tuple(_marks(tree, attributes=False)), patchers


def _marks(tree: ast.Module, *, attributes: bool) -> Iterator[tuple[ast.expr, ast.stmt]]:
    targets = (ast.Attribute, ast.Subscript) if attributes else (ast.Subscript,)
    for statement in tree.body:
        for node in all_parts(parts_run(statement)):  # the rest counts where it is called
            if isinstance(node, (ast.Attribute, ast.Subscript)):
                is_read = isinstance(node.ctx, ast.Load)
                if not is_read and (isinstance(node, targets) or not target_steps(node)):
                    yield node, statement
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                yield node.value, statement
            elif isinstance(node, ast.Call) and may_set(_last_step(node)):
                yield node, statement


def touched_by(
    marks: Iterable[tuple[ast.expr, ast.stmt]], namespace: dict[str, Any]
) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the library that each of the marks sets something in, and the statement."""
    for node, statement in marks:
        if isinstance(node, ast.Call):
            package = _touched(node, namespace)
        else:
            package = _of_target(node, namespace)
        if package:
            yield package, statement


def _of_target(node: ast.expr, namespace: dict[str, Any]) -> str:
    steps = target_steps(node)
    root = namespace.get(steps[0]) if steps else None
    if is_library_target(steps, namespace):
        return package_of(root)
    if not steps:
        return package_asked(node, namespace)
    return package_holding(root) if len(steps) > 1 else ""


def _last_step(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _touched(call: ast.Call, namespace: dict[str, Any]) -> str:
    """Return the package that a call begins with, or whose module it is handed."""
    steps, given = _chain(call)
    root = namespace.get(steps[0]) if steps else None
    package = package_of(root) or package_holding(root)
    if package == _OURS:  # which changes no value
        return ""
    if package:
        if _is_of_new_object(call, namespace) or changes_the_given(package, steps[-1]):
            return ""
        sets = any(map(SETS.match, _callable_steps(steps, root))) and package not in TRACKED
        sets = sets or bool(LASTING.match(steps[-1])) or package == "copyreg"
        if not sets and _writes_result(call):
            return ""
        is_none = package not in RECORDED_PACKAGES and not is_handed(given, namespace)
        return package if sets or is_none else ""
    if not steps or not (steps[0] in _SETTERS or type(root) is types.FunctionType):
        return ""
    modules = [namespace.get(one.id) for one in given if isinstance(one, ast.Name)]
    found = [package_of(one) for one in modules if type(one) is types.ModuleType]
    return next(filter(None, found), "")


def _is_of_new_object(call: ast.Call, namespace: dict[str, Any]) -> bool:
    """Tell whether a method is called of what a class has just made: ``Ridge().set_params(…)``."""
    function = call.func
    while isinstance(function, (ast.Attribute, ast.Subscript)):
        function = function.value
        if isinstance(function, ast.Call):
            steps = target_steps(function.func)
            steps = steps or ([function.func.id] if isinstance(function.func, ast.Name) else [])
            value = namespace.get(steps[0]) if steps else None
            for step in steps[1:]:
                value = vars(value).get(step) if type(value) is types.ModuleType else None
            return issubclass(type(value), type) and bool(package_of(value))
    return False


def _callable_steps(steps: list[str], root: Any) -> list[str]:
    """Return the steps but for modules: ``init`` of ``nn.init.zeros_`` sets nothing."""
    value, place = root, 1
    while place < len(steps) - 1 and type(value) is types.ModuleType:
        value = vars(value).get(steps[place])
        place += type(value) is types.ModuleType
    return steps[place:] if place > 1 else steps


def _writes_result(call: ast.Call) -> bool:
    """Tell whether a call has the result of another one written."""
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Call)
        and bool(_WRITES.match(function.attr))
    )


def _chain(node: ast.expr) -> tuple[list[str], list[ast.expr]]:
    """Return the names of ``a.b(c).d(e)`` from the left, and all that its calls are given."""
    steps: list[str] = []
    given: list[ast.expr] = []
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Call):
            given += [*node.args, *(keyword.value for keyword in node.keywords)]
            node = node.func
        elif isinstance(node, (ast.Attribute, ast.Subscript)):
            steps.append(node.attr if isinstance(node, ast.Attribute) else "[]")
            node = node.value
        else:
            return [], given
    return [node.id, *reversed(steps)], given
