"""Members of libraries that a run replaced, by whatever way: found by looking before and after.

``for name in names: setattr(lib, name, f)``, ``exec(text)``, ``mock.patch("lib.f").start()``,
``modules["m"].f = g``: no text tells what is put where. A cell that may do such a thing has the
members of all loaded libraries compared by identity around it.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import is_
from typing import Any

from nbcache.deps.local import loaded_local_names
from nbcache.errors import NotReplayable
from nbcache.heap.kinds.code import is_library
from nbcache.heap.tokens import FLAT
from nbcache.locality import is_local_module
from nbcache.uncollected import uncollected

MISSING: Any = object()
_KERNELS = frozenset({
    "__main__", "__mp_main__", "nbcache", "IPython", "ipykernel", "traitlets", "comm", "zmq",
    "tornado", "jupyter_client", "jupyter_core", "asyncio", "threading", "debugpy", "warnings",
    "_pydevd_bundle", "pydevd", "importlib", "linecache",
})  # fmt: skip
"""Packages that change by themselves, and such as are no library of the notebook's."""

_IPYTHONS = frozenset({
    "builtins.exit", "builtins.quit", "builtins.get_ipython", "builtins.display",
    "sys.displayhook", "sys.excepthook", "sys.last_type", "matplotlib.pyplot._backend_mod",
    "matplotlib.pyplot.draw_if_interactive",
})  # fmt: skip
"""What IPython puts in place while a cell runs, and what a backend's switch, which is recorded."""

_CODE = (
    types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.MethodDescriptorType,
    types.WrapperDescriptorType, types.ClassMethodDescriptorType, type, property, classmethod,
    staticmethod,
)  # fmt: skip
_variables_of: Any = vars(types.ModuleType)["__dict__"].__get__
_members_of: Any = vars(type)["__dict__"].__get__
_Held = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Replaced:
    """A place in a library that holds, or held for a while, something else than it did."""

    label: str
    held: _Held
    name: str
    original: Any
    text: str

    def now(self) -> Any:
        """Return what stands there now, ``MISSING`` if it is what stood there first."""
        value = self.held.get(self.name, MISSING)
        return MISSING if value is self.original else value


_replaced: dict[str, Replaced] = {}
"""What cells replaced in this process, by its label."""

_classes: dict[int, tuple[_Held, int, list[type]]] = {}
"""Variables of a module → their number when they were last gone through, and the classes."""


def replacements() -> Iterator[tuple[str, Any, str]]:
    """Yield what stands replaced: where, what stands there now, and the cell that put it there."""
    for one in list(_replaced.values()):
        value = one.now()
        if value is not MISSING:
            yield one.label, value, one.text


class LibraryMembers:
    """What the modules and classes of all loaded libraries held at one moment."""

    def __init__(self) -> None:
        with uncollected():
            self._seen = [(label, held, dict(held)) for label, held in _holders()]

    def compare(self, text: str, words: str = "") -> list[str]:
        """Remember what was replaced since, by a cell of this text; return where, by name.

        ``words`` are the names that the functions which the cell reached spell.
        """
        spelled = frozenset(_NAMES.findall(f"{text} {words}"))
        found = []
        for label, held, before in self._seen:
            if not _is_same(held, before):
                for name in list(before.keys() | held.keys()):
                    one = Replaced(f"{label}.{name}", held, name, before.get(name, MISSING), text)
                    if _counts(one, spelled):
                        first = _replaced.get(one.label, one)
                        _replaced[one.label] = replace(one, original=first.original)
                        found.append(one.label)
        return sorted(found)


@contextmanager
def noting_replaced(text: str) -> Iterator[None]:
    """Remember what a cell of this text replaces in libraries; it is not recorded."""
    members = LibraryMembers()
    try:
        yield
    finally:
        members.compare(text)


def refuse_replaced(places: list[str]) -> None:
    """Refuse a run that left a library's members replaced.

    Raises:
        NotReplayable: naming the first of them.
    """
    for path in places:
        raise NotReplayable("belongs to a library, and the cell replaced it", path=path)


def _holders() -> Iterator[tuple[str, _Held]]:
    """Yield the variables of every library's module, and the members of its classes."""
    local = set(loaded_local_names())
    classes: dict[int, type] = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _KERNELS or name in local or name.startswith("_cython_"):
            continue  # Cython's modules keep their common types there
        if issubclass(type(module), types.ModuleType):
            variables = _variables_of(module)
            yield name, variables
            for kind in _classes_in(variables):
                classes[id(kind)] = kind
    for kind in classes.values():
        members = _members_of(kind)
        home = members.get("__module__")
        if type(home) is str and home.partition(".")[0] not in _KERNELS and home not in local:
            yield f"{home}.{kind.__name__}", members


def _classes_in(variables: _Held) -> list[type]:
    """Return the classes among a module's variables; gone through again when their number moved."""
    known = _classes.get(id(variables))
    if known is None or known[0] is not variables or known[1] != len(variables):
        found = [value for value in list(variables.values()) if issubclass(type(value), type)]
        known = _classes[id(variables)] = variables, len(variables), found
    return known[2]


def _is_same(held: _Held, before: _Held) -> bool:
    """Tell whether the same objects stand there, in the same order."""
    return len(held) == len(before) and all(map(is_, held.values(), before.values()))


_NAMES = re.compile(r"[^\W\d]\w*")


def _counts(one: Replaced, spelled: Container[str]) -> bool:
    """Tell whether a replaced member is code, or a constant that others read.

    What a library loads or works out by itself later is none: its modules, its own functions
    under their own names, and what it keeps under names of its own, which no code of the
    notebook spells.
    """
    old, new = one.original, one.held.get(one.name, MISSING)
    if (
        one.label in _IPYTHONS
        or old is new
        or (type(old) in FLAT and type(new) is type(old) and old == new)
    ):
        return False
    if old is MISSING:
        is_its_own = issubclass(type(new), (types.FunctionType, type)) and is_library(new)
        is_users = one.name in spelled and not issubclass(type(new), types.ModuleType)
        is_made = not is_users and _is_over_library(new)  # as networkx makes when first called
        return (is_users or _is_code(new)) and not (
            is_made or (is_its_own and new.__name__ == one.name)
        )
    if _is_code(old) or (new is not MISSING and issubclass(type(new), _CODE)):
        return True
    is_read = type(old) in FLAT or issubclass(type(old), types.ModuleType) or one.name in spelled
    return is_read and not one.name.startswith("_")


def _is_over_library(value: Any) -> bool:
    """Tell whether a function, or one that it is put around, has a library's module as its own."""
    for _ in range(3):
        if type(value) is types.FunctionType:
            home = value.__globals__.get("__name__")
            return type(home) is str and home != "__main__" and not is_local_module(home)
        try:
            value = object.__getattribute__(value, "__wrapped__")
        except AttributeError:
            break
    return False


def _is_code(value: Any) -> bool:
    return callable(value) or issubclass(type(value), _CODE)
