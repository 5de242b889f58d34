"""What the user's code puts into libraries: ``pd.DataFrame.my_method = …``, ``math.mode = 1``.

The heap of a library is not walked, so what the notebook or a local module may have put there is
found in the texts of cells and loaded modules, and its present value is an input of every cell.
"""

from __future__ import annotations

import ast
import builtins
import functools
import hashlib
import re
import sys
import types
from collections.abc import Iterator
from typing import Any

from nbcache.cell.members import Members
from nbcache.deps.local import loaded_local_names, memory_digest, memory_text
from nbcache.errors import NotFingerprintable
from nbcache.heap.walk import Walk
from nbcache.library_effects import (
    RECORDED_OPTIONS,
    is_library_target,
    package_holding,
    target_steps,
)
from nbcache.locality import is_local_module
from nbcache.own_printers import is_own
from nbcache.replaced import replacements

_MAY_PATCH = re.compile(r"\.\w+\s*(:[^=\n]*)?=[^=]|setattr\s*\(|_accessor\b")
_MISSING = object()
_LOADED = "@"
"""Marks the name of a loaded module, where a variable's name would stand."""


_Steps = tuple[str, ...]


class LibraryPatches:
    """Follows the history of one shell and the loaded local modules; each text is read once."""

    def __init__(self) -> None:
        self._seen = 0
        self._targets: dict[_Steps, str] = {}
        self._names: dict[str, None] = {}
        self._of_modules: dict[str, tuple[str | None, dict[_Steps, str]]] = {}

    def need_all(self, walk: Walk, history: Any) -> None:
        """Make every present patch, and every class handed to a registry, an input."""
        self._read_new(walk.namespace, history)
        for name in self._names:
            if name in walk.namespace:
                walk.need(name)
        walk.run()
        known: dict[str, Any] = {}
        for steps, text, variables in self._all_targets(walk.namespace):
            value = _follow(steps, variables)
            label = ".".join(steps).removeprefix(_LOADED)
            while known.get(label, value) is not value:
                label += "'"
            if value is not _MISSING and label not in known:
                known[label] = value
                self._need_value(walk, label, value, text)
        for label, value, text in replacements():
            if label not in known:
                self._need_value(walk, label, value, text)
        walk.run()

    def need_used(self, walk: Walk, uses: Members) -> None:
        """Make an input what the notebook put, by any way, where a cell takes it from a library."""
        for label, held, name in used_places(uses, walk.namespace):
            value = held.get(name, _MISSING)
            if label not in walk.roots and _is_placed(value, walk.namespace):
                self._need_value(walk, label, value, label)
        walk.run()

    def has_any(self, namespace: dict[str, Any], history: Any) -> bool:
        """Tell whether cells or local modules may have put anything into a library."""
        self._read_new(namespace, history)
        if self._names or next(self._all_targets(namespace), None) is not None:
            return True
        return next(replacements(), None) is not None

    def _all_targets(
        self, namespace: dict[str, Any]
    ) -> Iterator[tuple[_Steps, str, dict[str, Any]]]:
        """Yield what may have been assigned, the text that does, and its variables."""
        yield from ((steps, text, namespace) for steps, text in self._targets.items())
        for name in loaded_local_names():
            variables = getattr(sys.modules.get(name), "__dict__", {})
            for steps, text in self._targets_of(name, variables).items():
                yield steps, text, variables

    def _targets_of(self, name: str, variables: dict[str, Any]) -> dict[_Steps, str]:
        digest, known = memory_digest(name), self._of_modules.get(name)
        if known is None or known[0] != digest:
            text = memory_text(name)
            tree = _tree_of(text)
            targets = {} if tree is None else dict.fromkeys(_targets_in(tree, variables), text)
            known = self._of_modules[name] = digest, targets
        return known[1]

    def _need_value(self, walk: Walk, label: str, value: Any, text: str) -> None:
        try:
            walk.roots[label] = walk.fingerprint(label, value)
        except NotFingerprintable:
            walk.roots[label] = hashlib.blake2b(text.encode(), digest_size=16).digest()

    def _read_new(self, namespace: dict[str, Any], history: Any) -> None:
        if len(history) < self._seen:
            self._seen = 0
        for text in history[self._seen :]:
            tree = _tree_of(text)
            if tree is not None:
                self._names.update(dict.fromkeys(_registered(tree)))
                self._targets.update(dict.fromkeys(_targets_in(tree, namespace), text))
        self._seen = len(history)


def used_places(
    uses: Members, namespace: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield what code takes from libraries and of Python's own: label, module's variables, name."""
    own = vars(builtins)
    for name, members in uses.items():
        value = namespace.get(name, _MISSING)
        if value is _MISSING and name in own:
            yield f"builtins.{name}", own, name
        elif type(value) is types.ModuleType and not is_local_module(value.__name__):
            held = vars(value)
            yield from ((f"{name}.{one}", held, one) for one in sorted(members or ()))


def _tree_of(text: str) -> ast.Module | None:
    """Return the tree of a text that may put something into a library."""
    if not _MAY_PATCH.search(text):
        return None
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _registered(tree: ast.Module) -> Iterator[str]:
    """Yield the names of what a registry of accessors is handed."""
    for part in ast.walk(tree):
        if isinstance(part, (ast.ClassDef, ast.FunctionDef)) and any(
            "_accessor" in ast.dump(decorator) for decorator in part.decorator_list
        ):
            yield part.name


def _targets_in(tree: ast.Module, namespace: dict[str, Any]) -> Iterator[_Steps]:
    """Yield where in libraries a text assigns anything: names of variables and steps from there."""
    aliases = {**_imported(tree, namespace), **_aliases(tree, namespace)}
    for part in ast.walk(tree):
        for given in _assigned(part):
            steps = [*aliases.get(given[0], given[:1]), *given[1:]] if given else []
            if _is_target(steps, namespace) and not _are_arguments(steps, namespace):
                yield tuple(steps)


def _is_target(steps: list[str], namespace: dict[str, Any]) -> bool:
    if not (steps and steps[0].startswith(_LOADED)):
        root = namespace.get(steps[0]) if steps else None
        return is_library_target(steps, namespace) or bool(package_holding(root))
    is_recorded = not RECORDED_OPTIONS.isdisjoint(steps)
    return not (is_recorded or is_local_module(steps[0].removeprefix(_LOADED)))


def _is_placed(value: Any, namespace: dict[str, Any]) -> bool:
    """Tell whether a library's member is the notebook's; asks no value that may answer anything."""
    if type(value) in _CALLED:
        return is_own(value, namespace)
    kind = value if issubclass(type(value), type) else type(value)
    module = type.__getattribute__(kind, "__module__")
    return isinstance(module, str) and (module == "__main__" or is_local_module(module))


_CALLED = frozenset({types.FunctionType, types.MethodType, functools.partial})


def _imported(tree: ast.Module, namespace: dict[str, Any]) -> dict[str, list[str]]:
    """Return what functions import under names of their own, by those names."""
    found: dict[str, list[str]] = {}
    for part in ast.walk(tree):
        if isinstance(part, ast.Import):
            for one in part.names:
                whole = one.name if one.asname else one.name.partition(".")[0]
                found[one.asname or whole] = [_LOADED + whole]
        elif isinstance(part, ast.ImportFrom) and part.module and not part.level:
            for one in part.names:
                found[one.asname or one.name] = [_LOADED + part.module, one.name]
    return {name: steps for name, steps in found.items() if name not in namespace}


def _aliases(tree: ast.Module, namespace: dict[str, Any]) -> dict[str, list[str]]:
    """Return the local names of functions that stand for a library's module or class."""
    found: dict[str, list[str]] = {}
    for part in ast.walk(tree):
        if isinstance(part, ast.Assign) and isinstance(part.value, (ast.Attribute, ast.Name)):
            steps = target_steps(part.value)
            if is_library_target([*steps, ""], namespace):
                found |= {one.id: steps for one in part.targets if isinstance(one, ast.Name)}
    return {name: steps for name, steps in found.items() if name not in namespace}


def _assigned(part: ast.AST) -> Iterator[list[str]]:
    if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
        yield target_steps(part)
    elif isinstance(part, ast.Call) and isinstance(part.func, ast.Name):
        name = part.args[1] if len(part.args) > 2 else None
        if part.func.id == "setattr" and isinstance(name, ast.Constant):
            owner = part.args[0]
            steps = target_steps(owner) if isinstance(owner, (ast.Attribute, ast.Name)) else []
            yield [*steps, str(name.value)] if steps else []


def _are_arguments(steps: list[str], namespace: dict[str, Any]) -> bool:
    """Tell whether ``sys.argv`` is assigned, which counts where it may be read."""
    return steps[1:] == ["argv"] and _root(steps[0], namespace) is sys


def _root(name: str, namespace: dict[str, Any]) -> Any:
    """Return a variable's value, or a loaded module."""
    if name.startswith(_LOADED):
        return sys.modules.get(name.removeprefix(_LOADED), _MISSING)
    return namespace.get(name, _MISSING)


_OF_CODE = frozenset({"__code__", "__defaults__", "__kwdefaults__", "__bases__"})
"""Parts of functions and classes that stand in no dictionary."""


_READ = (property, types.MemberDescriptorType)
"""Attributes that a class keeps for its objects, or works out of what they keep."""


def _follow(steps: tuple[str, ...], namespace: dict[str, Any]) -> Any:
    value = _root(steps[0], namespace)
    for step in steps[1:]:
        if value is not _MISSING:
            value = _attribute(value, step)
    return value


def _attribute(value: Any, name: str) -> Any:
    """Return an object's attribute without asking code that may do anything."""
    held = getattr(value, "__dict__", {}).get(name, _MISSING)
    if name in _OF_CODE and type(value) in (types.FunctionType, type):
        return getattr(value, name, _MISSING)
    if held is not _MISSING or type(value) is types.ModuleType or issubclass(type(value), type):
        return held
    members = (vars(base).get(name, _MISSING) for base in type(value).__mro__)
    member = next((one for one in members if one is not _MISSING), _MISSING)
    if type(member) not in _READ:
        return _MISSING
    try:
        return getattr(value, name)
    except Exception:
        return _MISSING
