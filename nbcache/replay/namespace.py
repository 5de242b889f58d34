"""What a run did to the namespace and to earlier objects, and doing it again."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nbcache.cell.names import Names
from nbcache.errors import NotReplayable
from nbcache.heap.kinds.constants import find_constant
from nbcache.heap.paths import find_path, type_name
from nbcache.heap.registry import kind_of
from nbcache.heap.walk import Walk

_GONE = object()
_EQUAL = b"", b""
"""The tokens of an object that changed in nothing but which of equal objects it holds."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a hit must do to the namespace: names to bind, names to delete, objects to patch.

    A name that is in both was deleted before it was bound, and stands behind earlier ones now.
    ``unsure`` names those that the run may or may not have bound: their value before the run
    is a dependency.
    """

    bind: Mapping[str, Any]
    delete: tuple[str, ...]
    patches: tuple[tuple[int, Any], ...]
    unsure: tuple[str, ...] = ()


@dataclass(slots=True)
class Snapshot:
    """The namespace as it was before a run; holds references, never copies."""

    before: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, namespace: Mapping[str, Any]) -> Snapshot:
        """Remember which objects the names are bound to."""
        return cls(dict(namespace))

    def foreign(self, walk: Walk, bound: frozenset[str] = frozenset()) -> dict[int, str]:
        """Return the identities of mutable values that the walk did not number.

        ``bound`` are names that the cell binds itself.
        """
        found = {}
        for name, value in self.before.items():
            if name.startswith("_") or issubclass(type(value), types.ModuleType):
                continue
            if walk.is_numbered(value) or is_shared_value(value) or find_constant(value):
                continue
            if name in bound and _is_expression(type(value)):
                continue
            found[id(value)] = name
        return found


def is_shared_value(value: Any) -> bool:
    """Tell whether the identity of a value does not count."""
    kind = kind_of(type(value))
    return kind.by_value or (kind.mixed and kind.is_value(value)) or type(value) in _ATOMS


def _is_expression(kind: type) -> bool:
    """Tell whether values are SymPy's: they never change, and SymPy keeps one for all equal."""
    basic = getattr(sys.modules.get("sympy.core.basic"), "Basic", None)
    return basic is not None and issubclass(kind, basic) and kind.__module__.startswith("sympy.")


_ATOMS = frozenset({int, float, complex, str, bytes, bool, type(None), type(...)})


def find_changes(
    snapshot: Snapshot,
    namespace: Mapping[str, Any],
    names: Names,
    walk: Walk,
    hidden: Iterable[str],
    *,
    starred: frozenset[str] = frozenset(),
    maybe_starred: frozenset[str] = frozenset(),
) -> Changes:
    """Compare the namespace and the walked objects with what they were before the run.

    ``starred`` are names that the cell binds by ``from module import *``, ``maybe_starred``
    those that it binds so under some condition.
    """
    skipped = frozenset(hidden)
    binds = names.binds | starred | maybe_starred
    bind: dict[str, Any] = {}
    unsure = []
    for name, value in namespace.items():
        if name in skipped and name not in binds:
            continue
        old = snapshot.before.get(name, _GONE)
        if old is not value or name in names.always_binds or name in starred:
            bind[name] = value
        elif name in binds:
            unsure.append(name)
    gone = [name for name in snapshot.before if name not in namespace and name not in skipped]
    gone += [name for name in names.deletes if name not in namespace and name not in gone]
    behind = [name for name in moved_behind(snapshot.before, namespace) if name not in skipped]
    bind |= {name: namespace[name] for name in behind}
    gone += behind
    bind = {name: bind[name] for name in namespace if name in bind} if behind else bind
    return Changes(bind, tuple(sorted(gone)), tuple(find_patches(walk)), tuple(sorted(unsure)))


def moved_behind(before: Iterable[str], now: Iterable[str]) -> list[str]:
    """Return the names that were taken away and put back, in the order in which they stand now."""
    first = dict.fromkeys(before)
    common = [name for name in now if name in first]
    kept = set(common)
    ordered = iter([name for name in first if name in kept])
    for place, name in enumerate(common):
        if name not in ordered:  # which goes on from where the last one stood
            return common[place:]
    return []


def find_patches(walk: Walk) -> Iterable[tuple[int, Any]]:
    """Return (ordinal, state) for every walked object that the run changed in place.

    Raises:
        NotReplayable: an object changed that can't be patched; the error names the path.
    """
    patches = []
    moved = walk.changed()
    again = walk.parts.replaced(walk) if walk.parts else ()
    moved |= {ordinal: _EQUAL for ordinal in again if ordinal not in moved}
    for ordinal, (before, after) in moved.items():
        obj = walk.objects[ordinal]
        kind = kind_of(type(obj))
        try:
            if not kind.is_patchable(before, after):
                raise NotReplayable("was changed in place in a way that can't be repeated")
            patches.append((ordinal, kind.state(obj)))
        except NotReplayable as problem:
            raise locate(walk, obj, problem) from None
    patches.sort(key=lambda item: kind_of(type(walk.objects[item[0]])).irreversible)
    return patches


def locate(walk: Walk, obj: Any, problem: NotReplayable) -> NotReplayable:
    """Return the problem with the path from a name to the object."""
    for label, value in walk.values.items():
        path = find_path(label, value, obj)
        if path != label or value is obj:
            return NotReplayable(problem.reason, path=path, type_name=type_name(obj))
    return NotReplayable(problem.reason, path="an input", type_name=type_name(obj))


def apply_changes(values: Mapping[str, Any], namespace: dict[str, Any], walk: Walk) -> None:
    """Patch the live objects, then delete and bind names."""
    for ordinal, state in values["patches"]:
        live = walk.objects[ordinal]
        kind_of(type(live)).patch(live, state)
    for name in values["delete"]:
        namespace.pop(name, None)
    for name, value in values["bind"].items():
        namespace[name] = value
