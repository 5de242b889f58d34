"""Which statements may put something into a library's class by way of a function.

``@add_method(pd.DataFrame)``, ``setattr(pd.Series, f.__name__, f)``, ``type(df).total = …``: the
attribute has no path that the text tells. What such a statement names is kept instead.
"""

from __future__ import annotations

import ast
import dis
import types
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from nbcache.cell.bytecode import nested_codes
from nbcache.library_effects import package_of, target_steps

_SETTERS = frozenset({"setattr", "delattr", "__setattr__", "__delattr__"})


def patching_parts(statement: ast.stmt) -> list[ast.AST]:
    """Return the parts of a statement that may put something into a class."""
    return [part for part in ast.walk(statement) if _may_patch(part)]


def _may_patch(part: ast.AST) -> bool:
    if isinstance(part, ast.Attribute):
        if not isinstance(part.ctx, ast.Store) or target_steps(part):
            return False
        # ``decimal.getcontext().prec = 5`` sets no class's attribute
        return any(map(_takes_class, ast.walk(part.value)))
    return isinstance(part, ast.Call) or bool(getattr(part, "decorator_list", ()))


def patched_packages(parts: Iterable[ast.AST], namespace: Mapping[str, Any]) -> set[str]:
    """Return the libraries in whose classes a statement of these parts puts something."""
    found: set[str] = set()
    for part in parts:
        if isinstance(part, ast.Attribute):
            found |= _of(part.value, namespace)
        elif isinstance(part, ast.Call):
            found |= _by_call(part, namespace)
        for decorator in getattr(part, "decorator_list", ()):
            found |= _by_function(decorator, (), namespace)
    return found


def names_of(statement: ast.stmt) -> frozenset[str]:
    """Return the names that a statement mentions or, being a definition, binds."""
    names = {part.id for part in ast.walk(statement) if isinstance(part, ast.Name)}
    return frozenset(names | {getattr(statement, "name", "")} - {""})


def _by_call(call: ast.Call, namespace: Mapping[str, Any]) -> set[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    name = call.func.id if isinstance(call.func, ast.Name) else name
    if name in _SETTERS and call.args:
        is_told = len(call.args) > 1 and isinstance(call.args[1], ast.Constant)
        is_plain = is_told and isinstance(call.args[0], (ast.Attribute, ast.Name))
        return set() if is_plain else _of(call.args[0], namespace)
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return _by_function(call.func, given, namespace)


def _by_function(
    function: ast.expr, given: Iterable[ast.expr], namespace: Mapping[str, Any]
) -> set[str]:
    """Return the libraries of the classes that a function which sets attributes is given or names.

    A function that another one makes, as ``@add_to(pd.Series)`` does, is looked for in that one.
    """
    if isinstance(function, ast.Call):
        return set()  # a call of its own, which is looked at as such
    value = namespace.get(function.id) if isinstance(function, ast.Name) else None
    code = getattr(value, "__code__", None)
    if type(code) is not types.CodeType or not _sets_attributes(code):
        return set()
    found = {package for one in given for package in _of(one, namespace)}
    if _sets_by_name(code):
        words = {word for each in nested_codes(code) for word in each.co_names}
        found |= {package_of(namespace.get(word)) for word in words}
    return found - {""}


def _of(expression: ast.expr, namespace: Mapping[str, Any]) -> set[str]:
    """Return the libraries of the modules and classes in an expression; ``type(x)`` is a class."""
    parts = list(ast.walk(expression))
    values = [namespace.get(part.id) for part in parts if isinstance(part, ast.Name)]
    if any(_takes_class(part) for part in parts):
        values += [type(value) for value in values]
    return {package_of(value) for value in values} - {"", "builtins"}


def _takes_class(part: ast.AST) -> bool:
    if isinstance(part, ast.Attribute):
        return part.attr in ("__class__", "__mro__", "__bases__")
    return isinstance(part, ast.Name) and part.id == "type"


@lru_cache(maxsize=1024)
def _sets_attributes(code: types.CodeType) -> bool:
    return _sets_by_name(code) or any(step.opname == "STORE_ATTR" for step in _steps(code))


@lru_cache(maxsize=1024)
def _sets_by_name(code: types.CodeType) -> bool:
    return any(not _SETTERS.isdisjoint(each.co_names) for each in nested_codes(code))


def _steps(code: types.CodeType) -> Iterator[dis.Instruction]:
    for each in nested_codes(code):
        yield from dis.get_instructions(each)
