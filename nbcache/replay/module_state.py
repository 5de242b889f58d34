"""The variables of local modules: rebound by a run, or changed by the run that imports them.

A function of a local module may rebind the module's globals (``global count``); a hit rebinds
them too. A module that arrives during the run is imported again by a hit, as fresh as its file
makes it: what the run changed in it afterwards would be lost, so such a run is refused, and
what the run takes from it is referred to by name.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbcache.deps import arrivals
from nbcache.deps.local import loaded_local_names
from nbcache.errors import CacheError, NotFingerprintable, NotReplayable
from nbcache.heap.tokens import FLAT
from nbcache.heap.walk import Walk
from nbcache.locality import is_local_module, is_made
from nbcache.replay.library_objects import LIBRARIES

Variables = dict[str, Any]
_BY_NAME = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)


@dataclass(slots=True)
class _Arrived:
    variables: Variables
    walks: dict[str, Walk]


@dataclass(slots=True)
class ModuleState:
    """Watches the variables of local modules for the length of one run."""

    _before: dict[str, Variables] = field(default_factory=dict)
    _arrived: dict[str, _Arrived] = field(default_factory=dict)
    _arrival: arrivals.Arrival | None = None
    _known: frozenset[str] = frozenset()

    def start(self) -> None:
        """Remember what the names of the loaded local modules are bound to."""
        self._known = frozenset(sys.modules)
        self._before = {name: dict(vars(sys.modules[name])) for name in loaded_local_names()}
        self._arrival = arrivals.expect(frozenset({arrivals.EVERY}), self._note)

    def stop(self) -> None:
        """Wait for no more modules."""
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            arrivals.forget(arrival)

    def _note(self, module: types.ModuleType) -> None:
        if is_local_module(module.__name__):
            self._arrived[module.__name__] = _Arrived(dict(vars(module)), _walks(vars(module)))
        else:
            LIBRARIES.look_into(module.__name__, module)

    def changes(self) -> dict[str, dict[str, Any]]:
        """Return what the run rebound, by module: ``bind`` and ``delete``.

        Raises:
            NotReplayable: the run changed a module that it imported itself.
        """
        for name, arrived in self._arrived.items():
            self._refuse_changed(name, arrived)
        found = {}
        for name, before in self._before.items():
            module = sys.modules.get(name)
            bind, delete = _compare(before, {} if module is None else vars(module))
            if bind or delete:
                found[name] = {"bind": bind, "delete": delete}
        return found

    def refuse_made(self, words: str) -> None:
        """Refuse a run that put a module into ``sys.modules`` which no file makes.

        ``words`` are those of its code, which names ``modules`` then.

        Raises:
            NotReplayable: naming the module.
        """
        for name in sys.modules.keys() - self._known if "modules" in words else ():
            if is_made(sys.modules.get(name)):
                raise NotReplayable(
                    f"it makes the module `{name}` by hand, which a hit could not import; make it"
                    " in a cell of its own"
                )

    @staticmethod
    def _refuse_changed(name: str, arrived: _Arrived) -> None:
        now = vars(sys.modules[name]) if name in sys.modules else {}
        bind, delete = _compare(arrived.variables, now)
        changed = [
            *bind,
            *delete,
            *(label for label, walk in arrived.walks.items() if walk.changed()),
        ]
        if changed:
            raise NotReplayable(
                f"it imports `{name}` and then changes `{name}.{changed[0]}`; import the module in"
                " an earlier cell"
            )

    def references(self) -> dict[int, str]:
        """Return how a stream refers to the variables of the modules that arrived."""
        found = {}
        for name, arrived in self._arrived.items():
            for variable, value in arrived.variables.items():
                if _is_data(variable, value) and type(value) not in FLAT:
                    found[id(value)] = f"import {name}:{variable}"
        return found

    def parts(self) -> dict[int, str]:
        """Return the identities of what lies inside those variables, which has no name."""
        return {
            id(obj): f"{name}.{variable}"
            for name, arrived in self._arrived.items()
            for variable, walk in arrived.walks.items()
            for obj in walk.objects
            if not isinstance(obj, _BY_NAME)
        }


def _is_data(name: str, value: Any) -> bool:
    return not name.startswith("__") and not isinstance(value, _BY_NAME)


def _walks(variables: Variables) -> dict[str, Walk]:
    """Return a walk over each variable that holds data; what has no fingerprint has no walk."""
    found = {}
    for name, value in variables.items():
        if not _is_data(name, value) or type(value) in FLAT:
            continue
        walk = Walk(variables)
        walk.need(name)
        try:
            walk.run()
        except NotFingerprintable:
            continue
        found[name] = walk
    return found


def _compare(before: Variables, now: Variables) -> tuple[Variables, list[str]]:
    """Return which variables were bound anew and which were deleted; submodules don't count."""
    bind = {
        name: value
        for name, value in now.items()
        if not name.startswith("__")
        and not isinstance(value, types.ModuleType)
        and before.get(name, before) is not value
    }
    return bind, [name for name in before if name not in now and not name.startswith("__")]


def variables_of(
    changes: Mapping[str, Mapping[str, Any]],
) -> list[tuple[Variables, Mapping[str, Any]]]:
    """Return the changes with the variables of the local modules that they are for.

    Raises:
        CacheError: such a module is not loaded.
    """
    gone = [name for name in changes if name not in sys.modules]
    if gone:
        raise CacheError(f"the module `{gone[0]}` is not loaded")
    return [(vars(sys.modules[name]), change) for name, change in changes.items()]


def bind_variables(changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Bind and delete the variables of local modules as a recorded run did."""
    for variables, change in variables_of(changes):
        variables.update(change["bind"])
        for variable in change["delete"]:
            variables.pop(variable, None)
