"""What a library keeps in its variables: a stream refers to it and never copies it.

``formats = lib.FORMATS`` binds the library's own dict, and what is put into it later the library
sees. The same holds for what lies directly in such a variable, as ``lib.FORMATS["columns"]``. On a
hit the reference leads to the live container, if it holds what it held after the recorded run;
otherwise the cell has to run.

Modules are looked through once: before a run, or as soon as they arrive in it, so that what a cell
itself puts into a library's registry is not taken for the library's own.
"""

from __future__ import annotations

import ast
import importlib
import json
import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nbcache.cell.parts import all_parts
from nbcache.errors import CacheError, NotFingerprintable
from nbcache.heap.kinds.attributes import dict_of
from nbcache.heap.kinds.constants import find_constant
from nbcache.heap.walk import digest_variable
from nbcache.library_effects import target_steps
from nbcache.locality import is_local_module

CONTAINERS = frozenset({dict, list, set, bytearray, deque, OrderedDict, defaultdict, Counter})
"""The types that are looked for."""

_MOST_ITEMS = 1000
_OWN = ("nbcache", "__main__", "__mp_main__", "builtins")
_BY_NAME = (types.ModuleType, types.FunctionType, type)
_Place = tuple[str, str, Any]


class LibraryObjects:
    """Where each container is that a loaded library keeps."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self.places: dict[int, _Place] = {}

    def look(self, modules: Mapping[str, Any], *, items: bool = True) -> None:
        """Look through the modules that were not there before.

        ``items``: into containers too. Without, they are looked through again the next time.
        """
        if modules.keys() <= self._seen:
            return
        for name in [name for name in list(modules) if name not in self._seen]:
            self.look_into(name, modules.get(name), items=items)

    def look_into(self, name: str, module: Any, *, items: bool = True) -> None:
        """Look through one module, most often one that was just imported."""
        if items:
            self._seen.add(name)
        if issubclass(type(module), types.ModuleType) and _is_library(name):
            for identity, place in _places(name, vars(module), items):
                self.places.setdefault(identity, place)

    def look_along(self, nodes: Sequence[ast.AST], namespace: Mapping[str, Any]) -> None:
        """Look where a cell's ``lib.a.b`` lead to: also what an object or a class holds."""
        for node in all_parts(nodes):
            steps = target_steps(node) if type(node) is ast.Attribute else []
            root = namespace.get(steps[0]) if steps else None
            found = _home(root) if root is not None else None
            if found is not None and _is_library(found[0]):
                path = ".".join([*found[1], *steps[1:]])
                value = _live(found[0], path, None)
                if _is_held(value):
                    self.places.setdefault(id(value), (found[0], path, None))

    def reference(self, obj: Any) -> str | None:
        """Return how a stream refers to an object, None if no library is known to keep it."""
        place = self.places.get(id(obj))
        if place is None or _live(*place) is not obj or find_constant(obj) is not None:
            return None
        try:
            digest = digest_variable({"x": obj}, "x")
        except (NotFingerprintable, RecursionError):
            return None
        return "library " + json.dumps([*place, digest])


def _is_library(name: str) -> bool:
    return name.partition(".")[0] not in _OWN and not is_local_module(name)


def _places(module: str, variables: Mapping[str, Any], items: bool) -> Iterator[tuple[int, _Place]]:
    pairs = list(variables.items())
    for name, value in [pair for pair in pairs if type(pair[1]) in CONTAINERS]:
        if name[:2] == "__":
            continue
        yield id(value), (module, name, None)
        if items and len(value) <= _MOST_ITEMS:
            for key, item in _items(value):
                if type(item) in CONTAINERS:
                    yield id(item), (module, name, key)


def _items(container: Any) -> Iterator[tuple[Any, Any]]:
    kind = type(container)
    if not issubclass(kind, (list, dict)):
        return
    members = list(container if kind is list else container.values())
    if CONTAINERS.isdisjoint(map(type, members)):  # as most hold nothing that counts
        return
    if kind is list:
        yield from enumerate(members)
    else:
        yield from ((key, item) for key, item in list(container.items()) if type(key) is str)


def _is_held(value: Any) -> bool:
    """Tell whether a library keeps something of its own here that a copy would not be."""
    if type(value) in CONTAINERS:
        return True
    return not issubclass(type(value), _BY_NAME) and dict_of(value) is not None


def _home(root: Any) -> tuple[str, tuple[str, ...]] | None:
    """Return the module of a module or class, and the steps from there to it."""
    if issubclass(type(root), types.ModuleType):
        return str(root.__name__), ()
    if issubclass(type(root), type):
        return str(root.__module__), (root.__qualname__,)
    return None


def _live(module: str, path: str, key: Any) -> Any:
    """Return what is at a place now, None if there is nothing; runs no code of the library."""
    value: Any = sys.modules.get(module)
    for step in path.split("."):
        value = _attribute(value, step)
    if key is None:
        return value
    if issubclass(type(value), dict):
        return dict.get(value, key)  # the dict's own way may make what is missing
    return value[key] if type(value) is list and key < len(value) else None


def _attribute(owner: Any, name: str) -> Any:
    if issubclass(type(owner), types.ModuleType):
        return vars(owner).get(name)
    own = dict_of(owner) if not issubclass(type(owner), type) else None
    if own is not None and name in own:
        return own[name]
    kind = owner if issubclass(type(owner), type) else type(owner)
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)


def load_place(place: str) -> Any:
    """Return the live container of a reference.

    Raises:
        CacheError: it is gone, or holds something else than after the recorded run.
    """
    module, name, key, digest = json.loads(place)
    importlib.import_module(module)
    value = _live(module, name, key)
    if not _is_held(value) or digest_variable({"x": value}, "x") != digest:
        inside = "" if key is None else f"[{key!r}]"
        raise CacheError(f"`{module}.{name}{inside}` holds something else than in the recorded run")
    return value


LIBRARIES = LibraryObjects()
"""Those of this process."""
