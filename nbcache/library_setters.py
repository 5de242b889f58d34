"""Functions of libraries that may set something there for good, and that a cell may call.

``sklearn.set_config(assume_finite=flag)`` stands in the text, ``setup()`` does not: the names in a
cell are followed through the notebook's functions, objects and modules to such functions.
"""

from __future__ import annotations

import ast
import sys
import types
from abc import ABCMeta
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from nbcache.cell.bytecode import code_reads
from nbcache.library_effects import (
    LASTING_CALLS,
    RECORDED_OPTIONS,
    RECORDED_PACKAGES,
    package_holding,
    package_of,
)
from nbcache.library_members import (
    CODE,
    CONTAINERS,
    MAKING_CONTEXTS,
    attributes_of,
    home_package,
    inner_function,
    is_changeable,
    leads_on,
    maker_of,
    makes_context,
    member_of,
)
from nbcache.locality import is_local_module
from nbcache.replacing import codes_of
from nbcache.setting_code import places_set, sets_own_class
from nbcache.setting_names import (
    imports_of,
    is_short,
    may_change,
    touched_in,
    words_in,
    words_of,
)
from nbcache.setting_words import ASKING, lasts, may_set_somehow, sets_natively

_MOST = 5_000
"""Values looked at for one cell."""

_OURS = __name__.partition(".")[0]
_SKIPPED = frozenset({
    "", _OURS, "IPython", "ipykernel", "nbformat", "builtins", "functools", "operator", "sys", "os",
    "gc", "logging", "asyncio", "contextlib", "linecache", "warnings", "traceback", "subprocess",
    "shutil", "time", "random",
})  # fmt: skip
"""Packages of which the trackers see all, or that set nothing."""

_CYTHON = "cython_function_or_method"
_JOINING = frozenset({"register", "unregister", "activate", "deactivate", "install", "uninstall"})
"""Methods by which objects of the notebook's let libraries know of them, or forget them."""

_IMPORTING = frozenset({"import_module", "__import__"})
_ENTERING = frozenset({"__enter__", "__aenter__", "enter_context", "enter_async_context"})
"""Words of what enters contexts that may not end with the cell."""


@dataclass(frozen=True, slots=True)
class Setter:
    """A library's function, class or method that may set something in the library."""

    label: str
    package: str = ""
    function: Any = None
    """The function or class; None for an object that code changes by itself."""
    owner: Any = None
    """What a method belongs to, or is changed: an object that the library keeps."""
    is_native: bool = False
    """Whether what it sets can't be looked at, as that of code in C."""
    home: Mapping[str, Any] | None = None
    """The variables of the module to which the last part of the label belongs, if it is one."""


def setters_reached(
    nodes: Sequence[ast.AST],
    variables: Mapping[str, Any],
    functions: Iterable[types.FunctionType] = (),
) -> list[Setter]:
    """Return what the code of a cell, or functions that it is known to reach, may set."""
    search = _Search()
    search.follow(words_of(tuple(nodes)), imports_of(tuple(nodes)), variables)
    natives = {label for label, one in search.found.items() if one.is_native}
    for function in functions:  # some of which may be known for other reasons than a call
        if not package_of(function):
            search.follow(_NO_WORDS, (), {"": function})
    touched = touched_in(tuple(nodes))
    kept = {
        label: one
        for label, one in search.kept.items()
        if search.changes or label.partition(".")[0] in touched
    }
    found = {**kept, **search.found}
    return [
        found[label] for label in sorted(found) if label in natives or not found[label].is_native
    ]


_NO_WORDS = frozenset({""})


class _Search:
    """Follows names to values, and the code of those that are the user's to further names."""

    def __init__(self) -> None:
        self.found: dict[str, Setter] = {}
        self.kept: dict[str, Setter] = {}
        """Objects in modules of libraries that code names."""
        self.changes = False
        """Whether any code that was met assigns to parts of something."""
        self._modules: dict[str, Any] = {}
        self._words: frozenset[str] = frozenset()
        """Those of all functions that were met: they may be handed any of these modules."""
        self._is_loose = False
        self._seen: set[tuple[int, frozenset[str]]] = set()
        self._work: list[tuple[str, Any, frozenset[str]]] = []

    def follow(
        self, words: frozenset[str], imports: Iterable[str], variables: Mapping[str, Any]
    ) -> None:
        """Follow the names that some code spells, and whatever they lead to."""
        self._add(words, imports, variables)
        self._empty()
        self._is_loose = True
        for label, module in list(self._modules.items()) if self._words else ():
            self.look(module, self._words, label)
        self._empty()
        self._is_loose = False

    def _empty(self) -> None:
        while self._work:
            label, value, spelled = self._work.pop()
            self.look(value, spelled, label)

    def _add(
        self, words: frozenset[str], imports: Iterable[str], variables: Mapping[str, Any]
    ) -> None:
        told = {variables[word] for word in words if is_short(variables.get(word))}
        words |= {word for word in told if word.isidentifier()}
        self._work += [(word, variables[word], words) for word in words if word in variables]
        if not words.isdisjoint(_IMPORTING):  # of what a variable may name
            self._work += [
                (f"{name}.{word}", vars(module)[word], words)
                for name, module in list(sys.modules.items())
                if issubclass(type(module), types.ModuleType)
                and not ("." in name or name in sys.stdlib_module_names)
                for word in words & vars(module).keys()
                if may_set_somehow(word)
            ]
        for name in imports:
            top = name.lstrip(".").partition(".")[0]
            for path in {top, name}:
                if path in sys.modules:
                    self._work.append((path, sys.modules[path], words))

    def look(self, value: Any, words: frozenset[str], label: str) -> None:
        """Look at a value that code which spells these words may use."""
        place = id(value), words
        if place in self._seen or len(self._seen) > _MOST:
            return
        self._seen.add(place)
        kind = type(value)
        if issubclass(kind, types.ModuleType):
            self._modules.setdefault(label, value)
            self._look_in_module(value, words, label)
        elif kind in CONTAINERS:
            items = value.values() if kind is dict else value
            self._work += [(label, one, words) for one in items if leads_on(one)]
        elif kind is partial:
            self._work.append((label, value.func, words))
        elif kind in MAKING_CONTEXTS:
            self._work.append((label, maker_of(value), words))
        elif kind is types.MethodType:
            self._look_at_method(value, words, label)
        elif home_package(value):
            self._look_at_code(value, words, label)
        elif kind.__name__ == _CYTHON and sets_natively(value.__name__):
            self.found[label] = Setter(label, str(value.__module__).partition(".")[0], value,
                                       is_native=True)  # fmt: skip
        else:
            self._look_at_own(value, words, label)
            self._look_at_kept(value, words, label)

    def _look_at_own(self, value: Any, words: frozenset[str], label: str) -> None:
        """Look at what the notebook's own functions, classes and objects spell and hold."""
        for code, variables in codes_of(value):
            self.changes |= may_change(code)
            self._words |= words_in(code)
            self._add(words_in(code), code_reads(code).imports, variables)
        held = attributes_of(value)
        for name, one in held.items():
            is_called = name in words or name in self._words or type(one) not in CODE
            if is_called and (name in words or leads_on(one)):
                self._work.append((f"{label}.{name}", one, words))

    def _look_in_module(self, module: Any, words: frozenset[str], label: str) -> None:
        held, package = vars(module), package_of(module)
        if is_local_module(module.__name__) or package not in _SKIPPED:
            members = {f"{label}.{one}": held[one] for one in words & held.keys()}
            self._work += [(path, one, words) for path, one in members.items()]
            followed = RECORDED_OPTIONS if package in RECORDED_PACKAGES else ()
            for path, one in members.items() if package else ():
                if is_changeable(one) and path.rpartition(".")[2] not in followed:
                    self.kept[path] = Setter(path, package, owner=one)

    def _look_at_code(self, value: Any, words: frozenset[str], label: str) -> None:
        package = home_package(value)
        if package in _SKIPPED:
            return
        if package in RECORDED_PACKAGES:
            lasting = [one for one in words if (package, one) in LASTING_CALLS]
            paths = [f"{label}.{one}" for one in lasting if one in dir(value)]
            for path in [*paths, *([label] if lasts(value.__name__) else [])]:
                if not self._is_loose:
                    self.found[path] = Setter(path, package, value, is_native=True)
            return
        is_native = issubclass(type(value), types.BuiltinFunctionType)
        sets = sets_natively if is_native else may_set_somehow
        is_entered = not words.isdisjoint(_ENTERING) and makes_context(value)
        if (is_entered or sets(value.__name__)) and not (is_native and self._is_loose):
            self.found[label] = Setter(label, package, value, is_native=is_native)
        else:
            self._look_at_places(value, package)
        if issubclass(type(value), type):
            self._look_at_members(value, words, label)

    def _look_at_places(self, function: Any, package: str) -> None:
        """Look at what a function of any other name sets by itself."""
        if not getattr(function, "__name__", "").startswith(ASKING):
            places = places_set(function).items()
            self.found |= {path: Setter(path, package, home=home) for path, home in places}

    def _look_at_members(self, kind: Any, words: frozenset[str], label: str) -> None:
        package = home_package(kind)
        for name in words.intersection(dir(kind)):
            found = member_of(kind, name)
            member, path = inner_function(found), f"{label}.{name}"
            if type(member) is not types.FunctionType:
                continue
            is_method = member is found  # which changes what it belongs to
            if name in _JOINING or (may_set_somehow(name) and not is_method):
                self.found[path] = Setter(path, package, member, kind)
            elif not is_method:
                self._look_at_places(member, package)
                if sets_own_class(member):
                    self.found[label] = Setter(label, package, owner=kind)
        if type(kind) is ABCMeta and "register" in words:
            path = f"{label}.register"
            self.found[path] = Setter(path, package, owner=kind)

    def _look_at_method(self, method: Any, words: frozenset[str], label: str) -> None:
        function, package = method.__func__, package_of(method.__func__)
        if not package:
            self._work.append((label, function, words))
            return
        sets = may_set_somehow(function.__name__) or not words.isdisjoint(_ENTERING)
        if sets and package not in _SKIPPED | RECORDED_PACKAGES:
            self.found[label] = Setter(label, package, function, method.__self__)

    def _look_at_kept(self, value: Any, words: frozenset[str], label: str) -> None:
        """Look at the methods of libraries that an object has, kept by its library or not."""
        names = [word for word in words if may_set_somehow(word) or lasts(word)]
        keeps = package_of(type(value)) not in _SKIPPED | RECORDED_PACKAGES and any(
            sets_own_class(member_of(type(value), word)) for word in words if word[:2] != "__"
        )
        package = package_holding(value) if names or keeps else ""
        if package and keeps:
            self.found[label] = Setter(label, package, owner=value)
        is_recorded = package in RECORDED_PACKAGES
        for name in names:
            member, path = member_of(type(value), name), f"{label}.{name}"
            home = package or (package_of(member) if name in _JOINING else "")
            if type(member) is not types.FunctionType or home in _SKIPPED:
                continue
            if not package:
                self.found[path] = Setter(path, home, member)
            elif lasts(name) or not is_recorded:
                self.found[path] = Setter(path, package, member, value, is_native=is_recorded)
