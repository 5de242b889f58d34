"""What one run did with files: first touches as they happen, judged when it is over."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from nbcache.deps.digests import signature
from nbcache.deps.file_looks import (
    content_of,
    kind_of,
    look_at,
    names_digest,
    names_in,
    status_of,
    time_of,
)
from nbcache.deps.file_scope import Scope
from nbcache.deps.forked import Relay
from nbcache.deps.globbing import Choice
from nbcache.errors import NotReplayable


def _nothing() -> None:
    """Wait for nothing: no native event is known."""


def _ignore(folder: str) -> None:
    """Forget nothing: no native event is known."""


@dataclass(slots=True)
class Ledger:
    """First touches of paths in one run; a path that was written first is no input.

    Libraries look at a path before they write it; such a look (``by_library``) is no input.
    """

    scope: Scope
    read: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    looked: dict[str, dict[str, Any]] = field(default_factory=dict)
    listed: dict[str, list[str] | None] = field(default_factory=dict)
    globbed: dict[str, dict[Choice, str | None]] = field(default_factory=dict)
    listed_natively: set[str] = field(default_factory=set)
    chosen_natively: set[str] = field(default_factory=set)
    """Folders for whose names a native reader was given a pattern: listing them adds nothing."""
    wrote: dict[str, str] = field(default_factory=dict)
    held: set[int] = field(default_factory=set)
    """Descriptors of files that earlier cells opened and the run is handed."""
    by_library: set[str] = field(default_factory=set)
    by_time: bool = False
    source: str = ""
    """The text of the cell."""
    starts_programs: bool = False
    """Whether the run has begun to start another program."""
    relay: Relay = field(default_factory=Relay)
    before_note: Callable[[], None] = _nothing
    """Called before a path is noted: what happened natively until now comes first."""
    forget_listing: Callable[[str], None] = _ignore
    """Called after the import system listed a folder: that listing is nobody's input."""
    watch_folder: Callable[[str], None] = _ignore
    """Called with a folder that a process may read from: native events tell of it."""

    def note_read(self, path: str) -> None:
        """A file was opened for reading, or tried to be."""
        if path in self.read or not self.scope.counts(path) or self._is_told("read", path):
            return
        self.before_note()
        if path not in self.wrote and path not in self.read:
            status = status_of(path)
            self.read[path] = None if status is None else signature(status)

    def note_write(self, path: str, *, keeps_content: bool = False) -> None:
        """A file was opened for writing, moved, made or removed."""
        if path in self.wrote or not self.scope.counts(path):
            return
        if self.relay.is_child:
            self.relay.send("wrote", path, kind_of(status_of(path)), keeps_content)
            return
        self.before_note()
        if path in self.wrote:
            return
        kind = kind_of(status_of(path))
        if keeps_content and kind in {"file", "missing"}:
            self.note_read(path)
        if self.read.get(path) is not None:
            self.before[path] = self._state_of(path)
        self.wrote[path] = kind

    def note_look(self, path: str, aspect: str, *, by_library: bool = False) -> None:
        """Somebody asked whether a path exists, of which kind, size or time."""
        if path in self.wrote or not self.scope.counts(path):
            return
        if self._is_told("looked", path, aspect, by_library):
            return
        if by_library and path not in self.looked:
            self.by_library.add(path)
        elif not by_library:
            self.by_library.discard(path)
        aspects = self.looked.setdefault(path, {})
        if aspect not in aspects:
            self.before_note()
        if path in self.wrote:
            self.looked.pop(path, None)
        elif aspect not in aspects:
            aspects[aspect] = look_at(path, aspect)

    def note_listing(self, folder: str, *, native: bool = False) -> None:
        """A folder was listed."""
        if folder in self.listed or not self.scope.counts(folder):
            return
        if self._is_told("listed", folder):
            return
        self.before_note()
        if self.wrote.get(folder) == "missing":
            return  # the run made it
        self.listed[folder] = names_in(folder, self.scope)
        if native:
            self.listed_natively.add(folder)

    def note_choice(self, folder: str, choice: Choice) -> None:
        """Some of the names of a folder were asked for, as by ``glob``."""
        if folder in self.listed or choice in self.globbed.get(folder, ()):
            return
        if not self.scope.counts(folder) or self._is_told("listed", folder):
            return
        self.before_note()
        if self.wrote.get(folder) != "missing":
            found = choice.digest(names_in(folder, self.scope))
            self.globbed.setdefault(folder, {})[choice] = found

    def _is_told(self, *touch: Any) -> bool:
        """Tell the parent what a forked child of the run touches; return whether this is one."""
        if self.relay.is_child:
            self.relay.send(*touch)
        return self.relay.is_child

    def _take_over(self) -> None:
        """Note what forked children touched."""
        for form, path, *rest in self.relay.take():
            if form == "read":
                self.note_read(path)
            elif form == "looked":
                self.note_look(path, rest[0], by_library=rest[1])
            elif form == "listed":
                self.note_listing(path)
            elif rest[1] and path not in self.wrote:
                raise NotReplayable(f"a process that it forks changes `{path}` in place")
            else:
                self.wrote.setdefault(path, rest[0])

    def _state_of(self, path: str) -> Any:
        return time_of(path) if self.by_time else content_of(path)

    def judge(self) -> dict[str, Any]:
        """Return the late dependencies, or raise NotReplayable for what cannot repeat."""
        self._take_over()
        read = {path: self._judge_read(path) for path in sorted(self.read)}
        looked = {path for path in self.looked if path not in self.by_library & {*self.wrote}}
        return {
            "read": read,
            "looked": {
                path: self._judge_look(path) for path in sorted(looked) if self._shows(path)
            },
            "listed": {path: self._judge_listing(path) for path in sorted(self.listed)},
            "globbed": {path: self._judge_choices(path) for path in sorted(self.globbed)},
            "wrote": self._written(),
        }

    def _judge_read(self, path: str) -> Any:
        then, now = self.read[path], self._state_of(path)
        if path in self.wrote:
            if now == self.before.get(path):
                return now
            if then is None:
                raise NotReplayable(
                    f"it found `{path}` missing and then made it; its next run can be kept"
                )
            raise NotReplayable(f"it reads `{path}` and then changes it in place")
        status = status_of(path)
        if (None if status is None else signature(status)) != then:
            raise NotReplayable(f"`{path}` changed on disk while it ran")
        if now == "other":
            raise NotReplayable(f"it reads from `{path}`, which is no regular file")
        return now

    def _shows(self, path: str) -> bool:
        """Tell whether a look shows more of a path than its content does, if that counts."""
        if path not in self.read or kind_of(status_of(path)) != "file":
            return path not in self.read
        return not {*self.looked[path]} <= {"kind", "size", "stamp"}

    def _judge_look(self, path: str) -> dict[str, Any]:
        for aspect, then in self.looked[path].items():
            if look_at(path, aspect) == then:
                continue
            if path in self.wrote:
                raise NotReplayable(
                    f"it looks at `{path}` and then makes, changes or removes it; "
                    "its next run can be kept if it leaves it alone"
                )
            raise NotReplayable(f"`{path}` changed on disk while it ran")
        return self.looked[path]

    def _judge_listing(self, folder: str) -> Any:
        then, now = self.listed[folder], names_in(folder, self.scope)
        native = folder in self.listed_natively
        if then != now:
            raise NotReplayable(f"it lists `{folder}`, whose contents changed while it ran")
        return {"names": names_digest(now, native=native), "native": native}

    def _judge_choices(self, folder: str) -> dict[str, str | None]:
        names = names_in(folder, self.scope)
        for choice, then in self.globbed[folder].items():
            if choice.digest(names) != then:
                raise NotReplayable(f"it lists `{folder}`, whose contents changed while it ran")
        return {choice.key(): then for choice, then in self.globbed[folder].items()}

    def _written(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for path, kind_before in sorted(self.wrote.items()):
            with suppress(OSError):
                now = self._state_of(path)
                is_same = now == kind_before == "folder"
                if not is_same and (now is not None or kind_before != "missing"):
                    found[path] = now
        return found


def is_parent(folder: str, path: str) -> bool:
    """Tell whether ``path`` lies directly in ``folder``."""
    return os.path.dirname(path) == folder
