"""What a library keeps: a stream refers to it and never copies it.

``formats = lib.FORMATS`` binds the library's own dict, and what is put into it later the library
sees. The same holds for what lies deeper, as ``lib.manager.names`` or the default of a class's
setting. On a hit the reference leads to the live object, if it holds what it held after the
recorded run; otherwise the cell has to run.

Modules are looked through once: before a run, or as soon as they arrive in it, so that what a cell
itself puts into a library's registry is not taken for the library's own. Those of packages that
the cell reaches are looked through deeply. What a library makes when it is first asked for shows
afterwards: something else than the recorded values holds it.
"""

from __future__ import annotations

import ast
import importlib
import json
import sys
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nbcache.cell.parts import all_parts
from nbcache.deps.arrivals import loaded_names
from nbcache.errors import CacheError, NotFingerprintable
from nbcache.heap.kinds.attributes import dict_of
from nbcache.heap.kinds.constants import find_constant
from nbcache.heap.kinds.instance import PLAIN
from nbcache.heap.registry import kind_of
from nbcache.heap.walk import digest_variable
from nbcache.library_effects import target_steps
from nbcache.locality import is_local_module
from nbcache.replay.library_places import (
    CONTAINERS,
    INDEX,
    KEY,
    MOST_ITEMS,
    NAME,
    Place,
    is_array,
    is_held,
    is_key,
    live,
    places_in,
    told,
)

_OWN = frozenset({"nbcache", "__main__", "__mp_main__", "builtins"})
_SHALLOW = frozenset(sys.stdlib_module_names) | {
    *("numpy", "pandas", "torch", "scipy", "polars", "pyarrow", "IPython", "ipykernel"),
}
"""Packages of which only the variables count: they are large, and keep their own by name."""

_CLOCK = "time"
"""Holds the names of the zone that the environment tells: another tuple after each change."""

_IN_VARIABLES = CONTAINERS | {object}


class LibraryObjects:
    """Where each object is that a loaded library keeps."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._searched: set[str] = set()
        self._looked: frozenset[str] | None = None
        self.places: dict[int, Place] = {}
        self.made: set[int] = set()
        """Those that a run had a library make, and that it keeps in one place alone."""

    def look(self, modules: Mapping[str, Any], *, items: bool = True) -> None:
        """Look through the modules that were not there before.

        ``items``: into containers too. Without, they are looked through again the next time.
        """
        names = loaded_names() if modules is sys.modules else None
        if names is not None and names is self._looked:
            return
        new = [name for name in list(modules) if name not in self._seen]
        for name in new:
            self.look_into(name, modules.get(name), items=items)
        if items or not new:
            self._looked = names

    def look_into(self, name: str, module: Any, *, items: bool = True) -> None:
        """Look through one module, most often one that was just imported."""
        if items:
            self._seen.add(name)
        if issubclass(type(module), types.ModuleType) and _is_library(name):
            for identity, place in _variables(name, vars(module), items):
                self.places.setdefault(identity, place)

    def search(self, packages: Iterable[str]) -> None:
        """Look deeply through the modules of packages that were not looked through so."""
        wanted = {one.partition(".")[0] for one in packages} - _SHALLOW - _OWN
        for name, module in _modules_of(wanted):
            if name not in self._searched:
                self._searched.add(name)
                for identity, place in places_in(name, module):
                    self.places.setdefault(identity, place)

    def look_along(self, nodes: Sequence[ast.AST], namespace: Mapping[str, Any]) -> None:
        """Look where a cell's ``lib.a.b`` lead to: also what an object or a class holds."""
        for node in all_parts(nodes):
            steps = target_steps(node) if type(node) is ast.Attribute else []
            root = namespace.get(steps[0]) if steps else None
            found = _home(root) if root is not None else None
            if found is not None and _is_library(found[0]) and found[0] != _CLOCK:
                path = tuple((NAME, step) for step in (*found[1], *steps[1:]))
                value = live(found[0], path)
                if is_held(value):
                    self.places.setdefault(id(value), (found[0], path))

    def reference(self, obj: Any) -> str | None:
        """Return how a stream refers to an object, None if no library is known to keep it."""
        place = self.places.get(id(obj))
        if place is None or live(*place) is not obj or _is_constant(obj):
            return None
        try:
            digest = digest_variable({"x": obj}, "x")
        except (NotFingerprintable, RecursionError):
            return None
        return "library " + json.dumps([*place, digest])

    def search_again(self, wanted: set[int], packages: set[str]) -> bool:
        """Look for objects in the present heap of packages, and tell whether one was found.

        What a library keeps by a key may be the run's own, put there to be found again.
        """
        found: dict[int, list[Place]] = {}
        for name, module in _modules_of(packages - _SHALLOW - _OWN):
            for identity, place in places_in(name, module):
                if identity in wanted:
                    found.setdefault(identity, []).append(place)
        known = len(self.places)
        for identity, places in found.items():
            own = [place for place in places if all(sort != KEY for sort, _ in place[1])]
            if own:
                self.places[identity] = own[-1]
            if len(places) == len(own) == 1:
                self.made.add(identity)
        return len(self.places) > known

    def take_made(self, obj: Any, place: Place) -> None:
        """Take an object that a hit put into its place for one that a run had made."""
        self.places[id(obj)] = place
        self.made.add(id(obj))


def _is_library(name: str) -> bool:
    return name.partition(".")[0] not in _OWN and not is_local_module(name)


def _modules_of(packages: set[str]) -> Iterator[tuple[str, Any]]:
    """Yield the loaded modules of packages that are no local ones."""
    wanted = {one for one in packages if _is_library(one)}
    for name, module in list(sys.modules.items()) if wanted else ():
        if name.partition(".")[0] in wanted and issubclass(type(module), types.ModuleType):
            yield name, module


def _variables(module: str, variables: Mapping[str, Any], items: bool) -> Iterator[Any]:
    """Yield the containers among a module's variables, and those that they hold."""
    pairs = list(variables.items())
    kinds = {type(value) for _, value in pairs}
    wanted = {kind for kind in kinds if kind in _IN_VARIABLES or is_array(kind)}
    for name, value in [pair for pair in pairs if type(pair[1]) in wanted] if wanted else ():
        if name[:2] == "__":
            continue
        yield id(value), (module, ((NAME, name),))
        if items and type(value) in CONTAINERS and len(value) <= MOST_ITEMS:
            for step, item in _items(value):
                if type(item) in CONTAINERS:
                    yield id(item), (module, ((NAME, name), step))


def _items(container: Any) -> Iterator[tuple[tuple[str, Any], Any]]:
    kind = type(container)
    if not issubclass(kind, (list, dict)):
        return
    members = list(container if kind is list else container.values())
    if CONTAINERS.isdisjoint(map(type, members)):  # as most hold nothing that counts
        return
    if kind is list:
        yield from (((INDEX, place), item) for place, item in enumerate(members))
    else:
        pairs = list(container.items())
        yield from (((KEY, key), item) for key, item in pairs if is_key(key))


def _is_constant(obj: Any) -> bool:
    """Tell whether an object goes by its name alone: it holds nothing that a run may change."""
    return find_constant(obj) is not None and not (kind_of(type(obj)) is PLAIN and dict_of(obj))


def _home(root: Any) -> tuple[str, tuple[str, ...]] | None:
    """Return the module of a module or class, and the steps from there to it."""
    if issubclass(type(root), types.ModuleType):
        return str(root.__name__), ()
    if issubclass(type(root), type):
        return str(root.__module__), tuple(root.__qualname__.split("."))
    return None


def load_import(place: str) -> Any:
    """Return what a cell imports: a module and a name in it."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def read_place(place: str) -> tuple[str, list[Sequence[Any]], str]:
    """Return a reference's module, the steps from there, and the digest of what was there."""
    module, steps, digest = json.loads(place)
    return module, steps, digest


def load_place(place: str) -> Any:
    """Return the live object of a reference.

    Raises:
        CacheError: it is gone, or holds something else than after the recorded run.
    """
    module, steps, digest = read_place(place)
    importlib.import_module(module)
    value = live(module, steps)
    if value is None or digest_variable({"x": value}, "x") != digest:
        raise CacheError(f"`{told(module, steps)}` holds something else than in the recorded run")
    return value


def is_counted(kind: type) -> bool:
    """Tell whether instances of a class may be what its library keeps."""
    package = str(kind.__module__).partition(".")[0]
    return package not in _SHALLOW and package not in _OWN and _is_library(package)


LIBRARIES = LibraryObjects()
"""Those of this process."""
