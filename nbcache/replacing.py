"""Whether a cell may put something into a library where its text does not tell what and where.

What a text assigns by a path of plain names is known without a run. Setters by name, code in
strings, ``__dict__``, mocks, and assignments through an index, a call or a function's own
variable are not: a cell with such code, or that reaches a function with it, may do anything.
"""

from __future__ import annotations

import ast
import dis
import types
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from nbcache.cell.bytecode import code_reads, nested_codes
from nbcache.cell.parts import all_parts
from nbcache.deps.local import memory_digest, memory_text
from nbcache.heap.walk import Walk
from nbcache.library_effects import target_steps
from nbcache.locality import is_local_module
from nbcache.setter_words import MEMBERS, SETTERS, names_setters
from nbcache.witnesses import user_codes

_SELF = frozenset({"self", "cls"})
_WAYS = (dict, list, tuple, types.SimpleNamespace, types.ModuleType)
"""What may lead to a library's module or class, besides objects of the user's classes."""

_TO_CLASSES = frozenset({"__class__", "__base__", "__bases__", "__mro__"})
"""Attributes that lead from the user's objects and classes to a library's."""

_MOST_CODES = 1_000
"""Functions looked at; what reaches more may do anything."""


def may_replace(text: str, nodes: Sequence[ast.stmt], namespace: Mapping[str, Any]) -> bool:
    """Tell whether a cell, or code that it reaches by name, may replace a library's members."""
    return names_setters(text) or _assigns(nodes, namespace) or _reaches(nodes, namespace)


def recorded_may_replace(request: Any, walk: Walk) -> bool:
    """Tell whether a cell that was read may: it, or any function or module that it reaches."""
    is_direct = may_replace(request.text, request.nodes, walk.namespace)
    return is_direct or walked_may_replace(walk)


def walked_may_replace(walk: Walk) -> bool:
    """Tell whether a function of the user's, or a local module, that a walk reached may."""
    return any(map(_code_may, user_codes(walk))) or any(map(_module_may, walk.modules))


def _module_may(name: str) -> bool:
    return _source_may(memory_text(name)) if memory_digest(name) else False


def _assigns(nodes: Sequence[ast.stmt], namespace: Mapping[str, Any]) -> bool:
    """Tell whether attributes are assigned of something that no plain name stands for."""
    local = _inside(tuple(nodes))
    for part in all_parts(nodes):
        if isinstance(part, ast.Attribute) and not isinstance(part.ctx, ast.Load):
            steps = target_steps(part)
            if not steps or steps[0] in local:
                return True
            value = namespace.get(steps[0])
            if len(steps) > 2 and (issubclass(type(value), _WAYS) or _is_own(type(value))):
                return True
            if not _TO_CLASSES.isdisjoint(steps):
                return True
    return False


@lru_cache(maxsize=128)
def _inside(nodes: tuple[ast.stmt, ...]) -> frozenset[str]:
    """Return the variables of the functions in a cell, but for what its methods belong to."""
    found: set[str] = set()
    parts = list(all_parts(nodes))
    methods = {id(one) for part in parts if isinstance(part, ast.ClassDef) for one in part.body}
    for part in parts:
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            own = {one.arg for one in ast.walk(part) if isinstance(one, ast.arg)}
            names = (one for one in ast.walk(part) if isinstance(one, ast.Name))
            own |= {one.id for one in names if isinstance(one.ctx, ast.Store)}
            found |= own - (_SELF if id(part) in methods else {"self"})
    return frozenset(found)


def _reaches(nodes: Sequence[ast.stmt], namespace: Mapping[str, Any]) -> bool:
    names = {part.id for part in all_parts(nodes) if isinstance(part, ast.Name)}
    waiting = [namespace[name] for name in names if name in namespace]
    seen: set[int] = set()
    for value in waiting:
        if id(value) in seen:
            continue
        seen.add(id(value))
        if len(seen) > _MOST_CODES:
            return True
        for code, variables in codes_of(value):
            if _code_may(code):
                return True
            reads = code_reads(code).reads
            waiting += [variables[name] for name in reads if name in variables]
        home = _home(value)
        if home and _module_may(home):
            return True
    return False


def codes_of(value: Any) -> Iterator[tuple[types.CodeType, Mapping[str, Any]]]:
    """Yield the code of a function of the notebook, or of the methods of a class or an object."""
    function = _unwrapped(value)
    if type(function) is types.FunctionType:
        if _is_users(function.__globals__.get("__name__")):
            yield function.__code__, function.__globals__
        return
    kind = value if issubclass(type(value), type) else type(value)
    for base in type.__getattribute__(kind, "__mro__"):
        for member in vars(base).values() if _is_own(base) else ():
            inner = _unwrapped(member)
            if type(inner) is types.FunctionType:
                yield inner.__code__, inner.__globals__


_INNER = {types.MethodType: "__func__", staticmethod: "__func__", classmethod: "__func__",
          partial: "func", property: "fget"}  # fmt: skip


def _unwrapped(value: Any) -> Any:
    """Return the function that a method, a partial or a cached function calls."""
    while type(value) is not types.FunctionType:
        name = _INNER.get(type(value), "__wrapped__")
        try:
            value = object.__getattribute__(value, name)
        except AttributeError:
            break
    return value


def _is_own(kind: type) -> bool:
    return _is_users(vars(kind).get("__module__"))


def _is_users(module: Any) -> bool:
    return module == "__main__" or (isinstance(module, str) and is_local_module(module))


def _home(value: Any) -> str:
    """Return the local module that a value is, or that its code is of."""
    kind = type(value)
    if kind is types.ModuleType:
        name: Any = value.__name__
    else:
        owner = value if issubclass(kind, (type, types.FunctionType)) else kind
        name = getattr(owner, "__module__", None)
    return name if isinstance(name, str) and is_local_module(name) else ""


@lru_cache(maxsize=256)
def _source_may(text: str) -> bool:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return True
    return names_setters(text) or _assigns(tree.body, {})


@lru_cache(maxsize=4096)
def _code_may(code: types.CodeType) -> bool:
    for each in nested_codes(code):
        if not MEMBERS.isdisjoint(each.co_names):
            return True
        if not SETTERS.isdisjoint(each.co_names) and SETTERS & code_reads(each).reads:
            return True
        if any(_sets(each)):
            return True
    return False


def _sets(code: types.CodeType) -> Iterator[bool]:
    """Yield whether each attribute that is set belongs to anything but a method's own."""
    before: Any = None
    home = getattr(code, "co_qualname", "").rpartition(".")[0]
    own = _SELF if home and not home.endswith("<locals>") else {"self"}
    for step in dis.get_instructions(code):
        if step.opname in ("STORE_ATTR", "DELETE_ATTR"):
            owner = getattr(before, "argval", None)
            owner = owner[-1] if isinstance(owner, tuple) else owner
            loaded = before is not None and before.opname.startswith("LOAD_FAST")
            yield not (loaded and owner in own)
        before = step
