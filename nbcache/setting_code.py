"""What the code of a library's function sets by itself: variables of its module or class.

``_options["mode"] = mode`` keeps what the caller says, or a constant; a cache keeps what was
computed. Only the former is taken for a setting.
"""

from __future__ import annotations

import dis
import re
import types
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from nbcache.library_effects import CHANGERS

_PUTS = frozenset({"STORE_ATTR", "DELETE_ATTR", "STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE"})
_GLOBALS = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL"})
_ENDING = ("POP_TOP", "STORE_", "DELETE_", "RETURN_", "POP_JUMP", "FOR_ITER", "JUMP_")
_CODE = (types.FunctionType, types.BuiltinFunctionType, types.ModuleType)
_FIXED = (int, float, complex, str, bytes, tuple, frozenset)
_CALLED_DEEP = 1
_NOTING = re.compile(
    r"(^|_)(inited|initialized|loaded|counter|warned|once|r?lock)(_|$)|registry__", re.IGNORECASE
)
_KEEPING = re.compile(r"(^|_)(cache[sd]?|memo|seen|lazy)(_|$)", re.IGNORECASE)
"""Words of variables in which libraries take notes for themselves; the latter: in containers."""


def _is_note(name: str, value: Any) -> bool:
    is_container = issubclass(type(value), (dict, list, set))
    return bool(_NOTING.search(name) or (is_container and _KEEPING.search(name)))


def places_set(function: Any, depth: int = _CALLED_DEEP) -> dict[str, dict[str, Any]]:
    """Return the variables that a function, or one of its module that it calls, may set.

    The result maps their paths to the variables of their module. ``depth``: how many calls are
    followed. Variables by whose names a library takes notes for itself are left out.
    """
    if type(function) is not types.FunctionType:
        return {}
    bound, changed, named = _statements(function.__code__)
    home, variables = function.__module__, function.__globals__
    kept = bound | {
        name
        for name in changed & variables.keys()
        if not issubclass(type(variables[name]), (*_CODE, *_FIXED, types.NoneType))
    }
    found = {
        f"{home}.{name}": variables for name in kept if not _is_note(name, variables.get(name))
    }
    for name in named if depth else ():
        inner = variables.get(name)
        if type(inner) is types.FunctionType and inner.__module__ == home:
            found |= places_set(inner, depth - 1)
    return found


def sets_own_class(function: Any) -> bool:
    """Tell whether the function of a class method sets attributes of the class it is given."""
    if type(function) is not types.FunctionType or not function.__code__.co_argcount:
        return False
    return function.__code__.co_varnames[0] in _statements(function.__code__)[1]


class _Statement:
    """What one statement loads, calls and changes, while its steps are read."""

    def __init__(self, given: frozenset[str]) -> None:
        self._given = given
        self.roots: set[str] = set()
        self.calls = 0
        self.is_simple = True
        """Whether it handles nothing but what the function is given."""
        self.is_change = False

    def load(self, step: dis.Instruction) -> None:
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            self.roots.add(str(step.argval))
        elif step.opname.startswith("LOAD_FAST"):  # of one name, or of two
            names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
            self.is_simple &= self._given.issuperset(names)
            self.roots |= self._given.intersection(names)
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            self.is_change |= step.argval in CHANGERS
        elif step.opname.startswith("CALL") and not step.opname.startswith("CALL_INTRINSIC"):
            self.calls += 1

    def changes_by(self, operation: str) -> bool:
        """Tell whether the statement ends with this operation and changes parts of something."""
        if operation in _PUTS:
            return not self.calls
        return operation == "POP_TOP" and self.is_change and self.calls == 1


@lru_cache(maxsize=4096)
def _statements(code: types.CodeType) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Return the global names that a function binds, those it changes parts of, and all it loads.

    Its own parameters are among those that it changes parts of.
    """
    bound: set[str] = set()
    changed: set[str] = set()
    named: set[str] = set()
    given = frozenset(code.co_varnames[: sum(map(int, _arguments(code)))])
    now = _Statement(given)
    for step in dis.get_instructions(code):
        now.load(step)
        named |= now.roots
        if step.opname in _GLOBALS and now.is_simple and not now.calls:
            bound.add(str(step.argval))
        elif now.is_simple and now.changes_by(step.opname):
            changed |= now.roots
        if step.opname.startswith(_ENDING):
            now = _Statement(given)
    return frozenset(bound), frozenset(changed), frozenset(named)


def _arguments(code: types.CodeType) -> Iterator[int]:
    yield code.co_argcount
    yield code.co_kwonlyargcount
    yield bool(code.co_flags & 0x04)  # *args
    yield bool(code.co_flags & 0x08)  # **kwargs
