"""Listening to a run and writing down all that it did."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from nbcache.cell.parts import all_parts
from nbcache.deps.modules import raw_sources
from nbcache.deps.trackers import Trackers
from nbcache.errors import NotReplayable
from nbcache.heap.parts import Parts
from nbcache.heap.walk import Walk, digest_variable
from nbcache.lazy_frames import chosen_folders
from nbcache.library_effects import effect_calls, refuse_effect_calls, refuse_library_changes
from nbcache.library_setters import setters_reached
from nbcache.library_settings import LibrarySettings
from nbcache.line_places import code_places, refuse_unreached, shows_lines
from nbcache.policy import Policy, not_kept
from nbcache.replaced import LibraryMembers, refuse_replaced
from nbcache.replacing import recorded_may_replace
from nbcache.replay.addresses import open_descriptors, refuse_addresses, refuse_descriptors
from nbcache.replay.aside import refuse_unseen_changes, walk_aside
from nbcache.replay.codec import dump
from nbcache.replay.codes import nested_codes
from nbcache.replay.imports import bound_modules, import_references, library_names, star_names
from nbcache.replay.library_objects import LIBRARIES
from nbcache.replay.module_state import ModuleState
from nbcache.replay.namespace import Changes, Snapshot, find_changes
from nbcache.replay.needs import imported_modules, module_needs, reached_modules
from nbcache.replay.outputs import COMMS, Message, Tap, are_widgets_left_out, as_wired
from nbcache.replay.path_texts import path_like, small_numbers
from nbcache.replay.recorded import Recording, late_of
from nbcache.replay.shell_state import ShellState, payload_of
from nbcache.replay.still_runs import record_still, shows_text
from nbcache.replay.stillness import runs_still
from nbcache.sql_tables import reaches_duckdb, refuse_kept_tables
from nbcache.unfollowed import refuse_unfollowed
from nbcache.witnesses import spelled_names, told_words, user_codes

_OUR_LINE = re.compile(r"\A\s*%%cache[^\n]*")
"""The line that asks for caching, which the run does not see."""


class Read(Protocol):
    """What recording needs to know of the cell that was read."""

    request: Any
    source: Any
    walk: Walk
    setup: Sequence[tuple[str, str]]
    left_out: Sequence[str]


@dataclass(slots=True)
class Recorder:
    """Records one run; ``stop`` may be called at any time and leaves nothing behind."""

    shell: Any
    reading: Any
    trackers: Trackers
    tap: Tap
    _snapshot: Snapshot = field(default_factory=Snapshot)
    _modules: ModuleState = field(default_factory=ModuleState)
    _annotated: dict[str, Any] = field(default_factory=dict)
    _shell_state: ShellState = field(default_factory=ShellState)
    _registered: dict[str, list[str]] = field(default_factory=dict)
    _listening: bool = False
    _had_result: bool = False
    _open: frozenset[int] = frozenset()
    _visited: int = 0
    _observed: dict[str, Any] = field(default_factory=dict)
    _messages: list[Message] = field(default_factory=list)
    _refusal: str | None = None
    _aside: Walk | None = None
    _is_still: bool = False
    _is_heard: bool = False
    _members: LibraryMembers | None = None
    _replaced: list[str] = field(default_factory=list)
    _settings: LibrarySettings = field(default_factory=LibrarySettings)
    by_time: bool = False
    """Files count as unchanged when their size and time stamp are."""

    def start(self) -> None:
        """Remember the namespace and begin to listen."""
        self._snapshot = Snapshot.of(self.shell.user_ns)
        self._listening = True
        read = self.reading
        read.walk.parts = Parts.of(read.walk)
        self._is_still = runs_still(read.request.nodes, self.shell)
        if not self._is_still:
            self._watch(read)
        self._is_heard = not self._is_still or shows_text(read.request.nodes)
        if self._is_heard:
            self.tap.start()

    def _watch(self, read: Read) -> None:
        """Watch what the run does besides binding names."""
        self._visited = len(self.shell.user_ns.get("_dh", ()))
        self._annotated = dict(self.shell.user_ns.get("__annotations__") or {})
        held = self.shell.user_ns.get("_oh", {})
        self._had_result = read.request.execution_count in held
        if recorded_may_replace(read.request, read.walk):
            self._members = LibraryMembers()
        nodes, values, functions = read.request.nodes, self.shell.user_ns, read.walk.functions
        self._settings = LibrarySettings(lambda: setters_reached(nodes, values, functions.values()))
        LIBRARIES.look(sys.modules)
        LIBRARIES.search(read.walk.packages)
        self._aside = walk_aside(self.shell.user_ns, read.left_out)
        self._shell_state = ShellState.of(self.shell)
        self._modules.start()
        self.trackers.start(
            reached_modules(read.walk, read.source.names),
            source=" ".join([_OUR_LINE.sub("", read.request.text), *told_words(read.walk)]),
            paths=path_like(read.request.nodes, read.walk),
            numbers=small_numbers(read.request.nodes, read.walk),
            folders=chosen_folders(read.walk),
            imports=imported_modules(read.walk, read.source.names),
            needs=module_needs(read.request.nodes, read.walk, read.source.names),
            by_time=self.by_time,
        )

    def stop(self) -> None:
        """Stop listening."""
        if self._listening:
            self._listening = False
            if self._is_heard:
                self._messages, self._refusal = self.tap.stop()
            if self._is_still:
                self.trackers.modules.observe()
                return
            self._open = open_descriptors(self.reading.request.nodes, self.reading.walk)
            self._observed = self.trackers.finish()
            self._modules.stop()
            self._settings.compare()
            if self._members is not None:
                self._replaced = self._members.compare(
                    self.reading.request.text, spelled_names(self.reading.walk)
                )

    def finish(self, policy: Policy) -> Recording:
        """Return the recording, with those names that the policy keeps.

        Raises:
            CacheError: the run can't be stored or replayed; the message says why.
        """
        self.stop()
        if self._refusal == COMMS and (policy.drop or policy.keep is not None):
            self._refusal = None if are_widgets_left_out(self._messages) else COMMS
        if self._refusal:
            raise NotReplayable(self._refusal)
        if self._is_still:
            return record_still(self.shell, self.reading, self._snapshot, self._messages, policy)
        self._refuse()
        refuse_unseen_changes(self._aside)
        read, namespace = self.reading, self.shell.user_ns
        changes = self._changes(self.shell.user_ns_hidden)
        values = self._values(changes, policy)
        nodes = read.request.nodes
        refuse_addresses(nodes, read.walk, values)
        refuse_descriptors(values, self._open)
        values["annotations"] = self._annotations(values["bind"])
        values["modules"] = self._modules.changes()
        foreign = self._modules.parts() | self._snapshot.foreign(read.walk, read.source.names.binds)
        LIBRARIES.look(sys.modules, items=False)
        LIBRARIES.look_along(nodes, namespace)
        body = dump(
            values,
            read.walk,
            nested_codes(read.request),
            foreign,
            self._modules.references() | import_references(nodes, namespace),
        )
        return Recording(
            outputs=self._messages,
            body=body,
            late=late_of(policy, self._late(changes), read.walk),
            effects=self._effects(values["bind"]) | not_kept(changes.bind, policy),
            notes=tuple(note for seen in self._observed.values() for note in seen.notes),
            impure=tuple(name for name, seen in self._observed.items() if seen.impure),
            writes=_written_names(changes, read.walk),
        )

    def _changes(self, hidden: Any) -> Changes:
        read = self.reading
        nested = [one for one in all_parts(read.request.nodes) if isinstance(one, ast.stmt)]
        return find_changes(
            self._snapshot,
            self.shell.user_ns,
            read.source.names,
            read.walk,
            hidden,
            starred=frozenset(star_names(read.request.nodes)),
            maybe_starred=frozenset(star_names(nested)),
        )

    def _refuse(self) -> None:
        for seen in self._observed.values():
            if seen.refusal:
                raise NotReplayable(seen.refusal)
        read, walk = self.reading, self.reading.walk
        names, nodes = read.source.names, read.request.nodes
        magics = {name for name, _ in read.setup}
        self._registered = self._shell_state.additions(ShellState.of(self.shell), magics)
        if reaches_duckdb(walk, names):
            refuse_kept_tables()
        refuse_unfollowed(walk, names, nodes)
        refuse_replaced(self._replaced)
        self._modules.refuse_made(f"{read.request.text} {spelled_names(walk)}")
        results = [item for item in self._messages if item["msg_type"] == "execute_result"]
        namespace = self.shell.user_ns
        refuse_library_changes(nodes, namespace, library_names(nodes, namespace))
        calls = sorted({*read.effect_calls, *effect_calls(nodes, namespace)})
        refuse_effect_calls(calls, has_result=bool(results))
        self._settings.refuse()
        if len(results) > 1:
            raise NotReplayable("the cell shows several results (ast_node_interactivity)")

    def _values(self, changes: Changes, policy: Policy) -> dict[str, Any]:
        effects = {
            name: seen.effect for name, seen in self._observed.items() if seen.effect is not None
        }
        bind = {name: value for name, value in changes.bind.items() if policy.keeps(name)}
        return {
            "bind": bind,
            "delete": [name for name in changes.delete if name in bind or name not in changes.bind],
            "patches": list(changes.patches),
            "result": self._result(),
            "effects": effects,
        }

    def _effects(self, bind: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "setup": [list(item) for item in self.reading.setup],
            "compile_flags": self.shell.compile.flags,
            "registered": self._registered,
            "import_path": self._import_path(),
            "bound_modules": bound_modules(bind),
            "payload": self._payload(),
            "visited": list(map(str, self.shell.user_ns.get("_dh", ())))[self._visited :],
        }

    def _payload(self) -> list[Any]:
        items = payload_of(self.shell)
        wired: list[Any] = as_wired({"items": items})["items"] if items else items
        return wired

    def _import_path(self) -> list[str]:
        """Return the folders of ``sys.path`` when the run changed it: values may need them."""
        seen = self._observed.get("ambient")
        effect = (seen.effect if seen else None) or {}
        return list((effect.get("folder") or {}).get("sys.path", ()))

    def _annotations(self, bind: dict[str, Any]) -> dict[str, Any]:
        """Return the module-level annotations that the run added or changed."""
        bind.pop("__annotations__", None)
        now = self.shell.user_ns.get("__annotations__") or {}
        before = self._annotated
        return {name: value for name, value in now.items() if before.get(name, before) is not value}

    def _result(self) -> list[Any]:
        held = self.shell.user_ns.get("_oh", {})
        count = self.reading.request.execution_count
        return [held[count]] if count in held and not self._had_result else []

    def _late(self, changes: Changes) -> dict[str, Any]:
        late: dict[str, Any] = {
            name: seen.late for name, seen in self._observed.items() if seen.late is not None
        }
        unsure = [name for name in changes.unsure if name != "__annotations__"]
        if unsure:
            looked_up = late.get("names", {})
            digests = {name: digest_variable(self.shell.user_ns, name) for name in unsure}
            late["names"] = digests | looked_up
        lines = self._lines(late.pop("lines", {}).get("seen", ()))
        return (raw_sources(late) if lines else late) | lines

    def _lines(self, seen: Sequence[str]) -> dict[str, Any]:
        """Return where the cell's code stands, if its run saw lines or may have."""
        read, walk = self.reading, self.reading.walk
        if not (seen or shows_lines(read.request, walk, reached_modules(walk, read.source.names))):
            return {}
        cells = getattr(getattr(self.shell, "compile", None), "_filename_map", {})
        codes = list(user_codes(walk))
        refuse_unreached(seen, read.request, codes, cells)
        return {"lines": {"places": code_places(read.request, codes)}}


def _written_names(changes: Changes, walk: Walk) -> tuple[str, ...]:
    """Return the names bound or deleted, and those under which patched objects were found."""
    found = {*changes.bind, *changes.delete}
    for ordinal, _ in changes.patches:
        label = walk.reference(ordinal)[1:].rpartition(b"#")[0]
        found.add(label.decode("utf-8", "replace"))
    return tuple(sorted(name for name in found if not name.startswith("__")))
