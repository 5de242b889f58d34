"""What one call did, written down; and doing it again for the next one."""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nbcache.calls.reading import CODE, CallReading
from nbcache.cell.names import Names
from nbcache.deps.modules import raw_sources
from nbcache.deps.trackers import Trackers
from nbcache.entry import Body, Entry
from nbcache.errors import NotFingerprintable, NotReplayable
from nbcache.heap.registry import kind_of
from nbcache.heap.walk import Walk
from nbcache.lazy_frames import chosen_folders
from nbcache.library_setters import setters_reached
from nbcache.library_settings import LibrarySettings
from nbcache.policy import Policy
from nbcache.replaced import LibraryMembers, refuse_replaced
from nbcache.replacing import walked_may_replace
from nbcache.replay.aside import refuse_unseen_changes
from nbcache.replay.codec import dump
from nbcache.replay.made import keep
from nbcache.replay.namespace import Snapshot, find_patches
from nbcache.replay.needs import imported_modules, module_needs, reached_modules
from nbcache.replay.path_texts import path_like, small_numbers
from nbcache.replay.recorded import late_of
from nbcache.replay.undoing import all_or_nothing, old_bindings, undo_log
from nbcache.witnesses import spelled_names, told_words

TRANSIENT = "_nbcache_transient"
"""The attribute of classes whose instances belong to one run, and are never stored."""

_GONE = object()
Scopes = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class CallRecording:
    """All that one call did: result and changes as bytes, late dependencies, remarks."""

    body: Body
    late: Mapping[str, Any]
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class CallRecorder:
    """Records one call; ``stop`` may be called at any time and leaves nothing behind."""

    function: types.FunctionType
    reading: CallReading
    trackers: Trackers
    by_time: bool = False
    _before: Scopes = field(default_factory=dict)
    _aside: Walk | None = None
    _observed: dict[str, Any] = field(default_factory=dict)
    _is_listening: bool = False
    _members: LibraryMembers | None = None
    _replaced: list[str] = field(default_factory=list)
    _settings: LibrarySettings = field(default_factory=LibrarySettings)

    def start(self) -> None:
        """Remember the variables in sight and begin to watch."""
        walk = self.reading.walk
        self._before = {name: dict(held) for name, held in scopes_of(self.function, walk).items()}
        self._aside = _walk_values(walk.namespace, self.reading.left_out)
        self._is_listening = True
        name = [ast.Name(self.function.__name__, ast.Load())]
        own, functions = {self.function.__name__: self.function}, walk.functions
        self._settings = LibrarySettings(lambda: setters_reached(name, own, functions.values()))
        if walked_may_replace(walk):
            self._members = LibraryMembers()
        self.trackers.start(
            reached_modules(walk),
            source=" ".join(told_words(walk)),
            paths=path_like((), walk),
            numbers=small_numbers((), walk),
            folders=chosen_folders(walk),
            imports=imported_modules(walk),
            needs=module_needs((), walk, Names()),
            by_time=self.by_time,
        )

    def stop(self) -> None:
        """Stop watching."""
        if self._is_listening:
            self._is_listening = False
            self._observed = self.trackers.finish()
            self._settings.compare()
            if self._members is not None:
                self._replaced = self._members.compare(
                    self.function.__qualname__, spelled_names(self.reading.walk)
                )

    def finish(self, result: Any, policy: Policy) -> CallRecording:
        """Return the recording of a call that returned ``result``.

        Raises:
            CacheError: the call can't be stored or repeated; the message says why.
        """
        self.stop()
        for seen in self._observed.values():
            if seen.refusal:
                raise NotReplayable(seen.refusal)
        refuse_replaced(self._replaced)
        self._settings.refuse()
        refuse_unseen_changes(self._aside)
        walk = self.reading.walk
        bind, delete = self._rebound()
        values = {
            "return value": result,
            "bind": bind,
            "delete": delete,
            "patches": list(find_patches(walk)),
            "effects": {n: o.effect for n, o in self._observed.items() if o.effect is not None},
        }
        foreign = Snapshot(self._before[""]).foreign(walk)
        for known in (*walk.values.values(), self.function):
            foreign.pop(id(known), None)
        body = dump(values, walk, nested(self.function.__code__), foreign)
        late = {name: seen.late for name, seen in self._observed.items() if seen.late is not None}
        # A call's result is what counts, not where its code stands; texts of modules still do.
        if late.pop("lines", None) is not None:
            late = raw_sources(late)
        late = without_libraries(late, walk)
        return CallRecording(
            body=body,
            late=late_of(policy, late, walk),
            notes=tuple(note for seen in self._observed.values() for note in seen.notes),
        )

    def _rebound(self) -> tuple[dict[str, dict[str, Any]], dict[str, list[str]]]:
        """Return the global variables that the call bound and deleted, by module."""
        bind: dict[str, dict[str, Any]] = {}
        delete: dict[str, list[str]] = {}
        for scope, now in scopes_of(self.function, self.reading.walk).items():
            before = self._before.get(scope, {})
            new = {
                name: value
                for name, value in now.items()
                if before.get(name, _GONE) is not value and not hasattr(type(value), TRANSIENT)
            }
            gone = [name for name in before if name not in now]
            if new:
                bind[scope] = new
            if gone:
                delete[scope] = gone
        return bind, delete


_OPTIONS = {
    "numpy_printing": "", "numpy_errors": "", "pandas": "",
    "decimal": "decimal", "warnings": "warnings",
}  # fmt: skip
"""Options that bear on what libraries do, or on one module of Python's own."""


def without_libraries(late: dict[str, Any], walk: Walk) -> dict[str, Any]:
    """Leave the options of libraries out where no code in sight uses any library."""
    used = modules_in_sight(walk)
    if "ambient" not in late or not used <= sys.stdlib_module_names:
        return late
    ambient = {name: v for name, v in late["ambient"].items() if _OPTIONS.get(name, name) in used}
    ambient |= {name: v for name, v in late["ambient"].items() if name not in _OPTIONS}
    rest = {name: value for name, value in late.items() if name != "ambient"}
    return {**rest, "ambient": ambient} if ambient else rest


def modules_in_sight(walk: Walk) -> set[str]:
    """Return the top-level modules that the code and values in sight belong to or name."""
    codes = [obj.__code__ for obj in walk.objects if isinstance(obj, types.FunctionType)]
    names = {name for code in codes for one in nested(code) for name in one.co_names}
    words = {name.partition(".")[0] for name in names}
    found = {word for word in words if word in sys.modules or "import" in word}
    packages = {name.partition(".")[0] for name in walk.packages}
    return (packages | found) - {"", "builtins"}


def scopes_of(function: types.FunctionType, walk: Walk) -> Scopes:
    """Return the variables of the modules whose code a call reaches, by label."""
    found = {scope.label: scope.variables for scope in walk._scopes.values()}
    return {"": walk.namespace, **found}


def _walk_values(namespace: dict[str, Any], values: Mapping[str, Any]) -> Walk | None:
    """Walk values that are left out of the key, to see later whether the call changed them."""
    walk = Walk(namespace)
    for label, value in values.items():
        walk.values[label] = value
        try:
            walk.fingerprint(label, value)
        except (NotFingerprintable, RecursionError):
            return None  # most likely why it was left out
    return walk if values else None


def nested(code: types.CodeType) -> list[types.CodeType]:
    """Return the code and all code inside it, in a fixed order."""
    return list(_nested(code))


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant)


def repeat(
    function: types.FunctionType,
    entry: Entry,
    values: Mapping[str, Any],
    walk: Walk,
    trackers: Trackers,
) -> Any:
    """Change what the recorded call changed, and return its result.

    Raises:
        CacheError: something could not be repeated; nothing was changed then.
    """
    effects = values["effects"]
    changes = _scoped_changes(function, values, walk)
    log = undo_log(values["patches"], walk, more=bool(effects))
    with all_or_nothing(log, old_bindings(changes)):
        for ordinal, state in values["patches"]:
            live = walk.objects[ordinal]
            kind_of(type(live)).patch(live, state)
        for scope, change in changes:
            scope.update(change["bind"])
            for name in change["delete"]:
                scope.pop(name, None)
        trackers.apply(effects or {})
        keep(values.get("made", {}))
    trackers.absorb(entry.late)
    return values["return value"]


def _scoped_changes(
    function: types.FunctionType, values: Mapping[str, Any], walk: Walk
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the variables of each module whose names change, and what is bound and deleted."""
    bind, delete = values["bind"], values["delete"]
    scopes = scopes_of(function, walk) if bind or delete else {}
    return [
        (scopes[label], {"bind": bind.get(label, {}), "delete": delete.get(label, ())})
        for label in {**bind, **delete}
    ]


__all__ = ["CODE", "CallRecorder", "CallRecording", "repeat"]
