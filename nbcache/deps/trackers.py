"""All trackers as one: what a session starts, finishes, checks and applies."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from nbcache.deps.aliases import cover_aliases, uncover_aliases
from nbcache.deps.ambient import AmbientTracker
from nbcache.deps.arrivals import loaded_names
from nbcache.deps.descriptors import may_take_descriptors
from nbcache.deps.files import FileTracker
from nbcache.deps.filesystems import FilesystemTracker, is_file_thread
from nbcache.deps.frames import FrameTracker
from nbcache.deps.group import finish_all
from nbcache.deps.impurity import ImpurityTracker
from nbcache.deps.lines import LineTracker
from nbcache.deps.local import loaded_local_names
from nbcache.deps.lookups import LookupTracker
from nbcache.deps.modules import ModuleTracker
from nbcache.deps.protocol import Observed, Tracker
from nbcache.deps.randomness import RandomTracker
from nbcache.deps.reach import Needs
from nbcache.deps.remote import RemoteTracker, is_inside
from nbcache.deps.together import together
from nbcache.deps.uninterrupted import uninterrupted
from nbcache.deps.watching import same_strand

NOT_OURS = frozenset({"names", "lines"})
"""Late dependencies of an entry that the session itself checks."""


class Trackers:
    """The trackers of one kernel session.

    ``namespace`` is the notebook's: in it, names bound to a watched function (``from os import
    listdir``) are covered during a run, and wrappers that the run bound are taken out again.
    ``history`` holds the texts of earlier cells (None: unknown): unless they did nothing, random
    streams that exist already count as seeded. Runs may be nested; each ``start`` needs its
    ``finish``, also after an error.
    """

    def __init__(
        self,
        own: Sequence[str | os.PathLike[str]] = (),
        *,
        history: Iterable[str] | None = None,
        namespace: MutableMapping[str, Any] | None = None,
    ) -> None:
        self.modules = ModuleTracker()
        self.ambient = AmbientTracker()
        self.randomness = RandomTracker(history)
        self.files = FileTracker(own)
        self.remote = RemoteTracker()
        self.filesystems = FilesystemTracker(lambda: self.remote.is_ahead)
        self.impurity = ImpurityTracker(lambda: is_inside() or is_file_thread())
        self.frames = FrameTracker()
        self.lines = LineTracker()
        self._namespace: MutableMapping[str, Any] = {} if namespace is None else namespace
        self.lookups = LookupTracker(self._namespace)
        self._modules_before: list[frozenset[str]] = []
        self._inherited: list[dict[str, Any]] = []

    @property
    def members(self) -> tuple[Tracker, ...]:
        """Every tracker, in the order in which effects are repeated: streams last."""
        modules, files = self.modules, self.files
        first = self.frames, self.lines, self.impurity, self.remote, self.filesystems, self.lookups
        return *first, modules, self.ambient, files, self.randomness

    def start(
        self,
        reached: Iterable[str] | None = None,
        *,
        source: str = "",
        paths: Iterable[str] = (),
        numbers: Iterable[int] = (),
        folders: Iterable[str] = (),
        imports: Iterable[str] = (),
        needs: Needs | None = None,
        by_time: bool = False,
    ) -> None:
        """Begin to watch a run.

        ``reached`` names the modules that the run's names and functions reach (None: unknown,
        all local ones count), ``source`` is the text of the cell and of the notebook's functions
        it reaches (empty: unknown), ``paths`` are path-like strings in its text and values,
        ``numbers`` those that may be descriptors of open files, ``folders`` those whose names
        decide what lazy values read. ``imports`` are modules that the code may import: what they
        hold counts as well. ``needs`` are the names that are asked of modules, where not all of
        a module is.
        ``by_time`` lets time stamps stand for contents.
        """
        self._modules_before.append(loaded_names())
        self._inherited.append({})
        self.randomness.note_source(source)
        names = None if reached is None else list(reached)
        with uninterrupted(), same_strand(), together():
            self.frames.start(source)
            self.lines.start()
            self.impurity.start(source)
            self.remote.start()
            self.filesystems.start()
            self.lookups.start()
            self.modules.start(names, [*imports, *_of_scripts(source)], needs)
            self.ambient.start(source, names)
            taken = numbers if may_take_descriptors(source, names) else ()
            self.files.start(paths, taken, folders, by_time=by_time, source=source)
            self.randomness.watch_reads(source)
            self.randomness.start()
        self._cover()

    def finish(self) -> dict[str, Observed]:
        """Undo every patch, stop watching the innermost run, and return what each saw."""
        before = self._modules_before.pop() if self._modules_before else loaded_names()
        with uninterrupted():
            seen = finish_all(self.members)
            inherited = self._inherited.pop() if self._inherited else {}
            if inherited:
                ambient = seen["ambient"]
                seen["ambient"] = replace(ambient, late=_joined(inherited, ambient.late or {}))
            self._uncover(before)
            if self._modules_before:  # runs around this one, or in other threads, go on
                self._cover()
        return seen

    def check(self, late: Mapping[str, Any]) -> list[str]:
        """Return a sentence for each kind of dependency that moved, none if all hold."""
        members = {member.name: member for member in self.members}
        sentences: list[str] = []
        for name, recorded in late.items():
            if name in NOT_OURS:
                continue
            member = members.get(name)
            sentence = "is unknown to this version" if member is None else member.check(recorded)
            if sentence is not None:
                sentences.append(sentence if member is not None else f"`{name}` {sentence}")
        return sentences

    def apply(self, effects: Mapping[str, Any]) -> None:
        """Repeat a run's effects: imports, then environment and options, streams last."""
        if not any(effect is not None for effect in effects.values()):
            return
        for member in self.members:
            if effects.get(member.name) is not None:
                member.apply(effects[member.name])

    def absorb(self, late: Mapping[str, Any]) -> None:
        """Count what a nested hit depended on as used by the recorded runs around it."""
        self.files.absorb(late.get("files", {}))
        self.ambient.environment.absorb(late.get("ambient", {}).get("environment", {}))
        options = {n: one for n, one in late.get("ambient", {}).items() if n != "environment"}
        for number, known in enumerate(self._inherited if options else ()):
            self._inherited[number] = _joined(options, known)
        if "lines" in late:
            self.lines.absorb()

    @contextmanager
    def watching_uncached(self, text: str = "") -> Iterator[None]:
        """Follow a cell that is not cached: whether it seeds, and which modules it loads."""
        before = loaded_names()
        self.randomness.before_uncached(text)
        self._cover()
        try:
            yield
        finally:
            self.randomness.after_uncached()
            self._uncover(before)
            self.modules.observe()

    def close(self) -> None:
        """Finish every run that is still under way: nothing of a patch remains."""
        while self._modules_before:
            self.finish()

    def _cover(self) -> None:
        local = (vars(sys.modules[name]) for name in loaded_local_names())
        cover_aliases(*local, self._namespace)

    def _uncover(self, before: frozenset[str]) -> None:
        now = loaded_names()
        names = set() if now is before else now - before
        names |= set(loaded_local_names())
        new = [vars(sys.modules[name]) for name in names if hasattr(sys.modules[name], "__dict__")]
        uncover_aliases(self._namespace, new)


def _joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested mappings as one; where both have a value, the second's, and all names read."""
    found = {**first, **second}
    for name in first.keys() & second.keys():
        if isinstance(first[name], Mapping) and isinstance(second[name], Mapping):
            found[name] = _joined(first[name], second[name])
        elif name == "read":
            found[name] = sorted({*first[name], *second[name]})
    return found


_RUNS = re.compile(r"run_line_magic\('run'|^\s*%run\b|\brunpy\b", re.MULTILINE)


def _of_scripts(source: str) -> Iterable[str]:
    """Return the local modules that scripts may import which a text of this source runs."""
    return loaded_local_names() if _RUNS.search(source) else ()


def standard_trackers(
    own_folders: Sequence[str | os.PathLike[str]] = (),
    *,
    history: Iterable[str] | None = None,
    namespace: MutableMapping[str, Any] | None = None,
) -> Trackers:
    """Return all trackers; ``own_folders`` are those of nbcache's stores."""
    return Trackers(own_folders, history=history, namespace=namespace)
