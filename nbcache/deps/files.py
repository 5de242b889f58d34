"""Files: read, looked at, listed and written by a run, by whatever reader.

Python's own calls are patched for the length of the run; on Linux inotify tells of every other
reader in the working directory's tree and in the folders of the paths given to ``start``;
known native readers are wrapped as well, for other folders and other systems. Files of the
interpreter, of installed distributions, of Jupyter's session and of nbcache do not count.

A file that the run wrote is no input; it must be there unchanged when the entry is used. A run
that reads a file and then changes it, or looks for it and then makes it, would go another way
the next time: it is refused. An existence check counts from the user's code and from
libraries, not from libraries while they are imported; time stamps and sizes count where the
user's code asks for them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from os import getcwd as _getcwd
from types import FrameType
from typing import Any

from nbcache.deps.askers import (
    ASPECTS,
    asks_entries,
    aspect_of,
    folder_of,
    is_for_copying,
    is_for_metadata,
    is_for_removal,
    note_entries,
    shows_text,
)
from nbcache.deps.captors import places_of
from nbcache.deps.commands import watch_commands
from nbcache.deps.descriptors import Held, note_held, on_descriptor, watch_descriptors
from nbcache.deps.file_events import NativeEvents
from nbcache.deps.file_ledger import Ledger
from nbcache.deps.file_looks import file_news
from nbcache.deps.file_scope import Scope, absolute, is_above, relative
from nbcache.deps.globbing import Choice, choice_of
from nbcache.deps.line_cache import watch_line_cache
from nbcache.deps.linked_files import watch_linked_files
from nbcache.deps.patching import Patches
from nbcache.deps.places import caller, owner_of
from nbcache.deps.protocol import Observed
from nbcache.deps.readers import watch_readers
from nbcache.deps.watching import Watcher
from nbcache.deps.wrapped import After, Hook

_IMPORT_SYSTEM = "<frozen importlib._bootstrap_external>"
_IMPORT_FRAMES = "<frozen importlib._bootstrap"
_ASKED_OF_LOADERS = frozenset(
    {"_check_name_wrapper", "load_module", "exec_module", "get_code", "get_data", "get_source"}
    | {"source_to_code", "module_from_spec"}
)
"""How an import system's frames begin where somebody asks a loader himself: no import sees it."""
_REMOVERS = ("remove", "unlink", "rmdir", "mkdir", "symlink", "link", "truncate")
_WRITING_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@dataclass(slots=True)
class _Run:
    ledger: Ledger
    events: NativeEvents
    start: str
    held: list[Held]


class FileTracker(Watcher[_Run]):
    """Follows files; ``own`` are folders of nbcache's stores, which do not count."""

    name = "files"

    def __init__(self, own: Sequence[str | os.PathLike[str]] = ()) -> None:
        super().__init__()
        self._scope = Scope(own)
        self._paths: Iterable[str] = ()
        self._numbers: Iterable[int] = ()
        self._folders: Iterable[str] = ()
        self._by_time = False
        self._source = ""

    def start(
        self,
        paths: Iterable[str] = (),
        numbers: Iterable[int] = (),
        folders: Iterable[str] = (),
        *,
        by_time: bool = False,
        source: str = "",
    ) -> None:
        """Begin to watch a run whose text or values hold the path-like strings ``paths``.

        ``numbers`` are those in it that may be descriptors of open files, ``folders`` those whose
        names count whatever the run does.
        ``source`` is the text of the cell. ``by_time`` compares files by size and time stamp: a
        big one is never read for it.
        """
        self._paths, self._numbers, self._by_time = paths, numbers, by_time
        self._folders, self._source = folders, source
        super().start()

    def _begin(self, patches: Patches) -> _Run:
        ledger = Ledger(self._scope, by_time=self._by_time, source=self._source)
        self._patch(ledger, patches)
        watch_readers(ledger, patches)
        watch_commands(ledger, patches)
        watch_descriptors(ledger, patches)
        watch_linked_files(ledger, patches)
        watch_line_cache(ledger, patches)
        self._scope.prime_imports()
        held = note_held(ledger, self._numbers)
        for folder in self._folders:
            ledger.note_listing(folder)
        events = NativeEvents(ledger, self._scope.folders(self._paths), patches)
        return _Run(ledger, events, _getcwd(), held)

    def _patch(self, ledger: Ledger, patches: Patches) -> None:
        patches.watch(_on_open(ledger), *places_of("io", "open"), *places_of("builtins", "open"))
        patches.watch(_on_os_open(ledger), *places_of("os", "open"))
        for name in ("stat", "lstat", "access", "readlink"):
            patches.watch(_on_look(ledger, name), *places_of("os", name))
        patches.watch(_on_listing(ledger, "listdir"), *places_of("os", "listdir"))
        patches.watch(_on_listing(ledger, "scandir"), *places_of("os", "scandir"))
        for name in _REMOVERS:
            patches.watch(_on_removal(ledger, name), *places_of("os", name))
        patches.watch(_on_move(ledger), *places_of("os", "rename"), *places_of("os", "replace"))

    def absorb(self, late: Mapping[str, Any]) -> None:
        """Count the files of a nested hit as used by the runs around it."""
        for run in self._active:
            for path in late.get("wrote", {}):
                run.ledger.note_write(os.path.join(run.start, path))
            for path in late.get("read", {}):
                run.ledger.note_read(os.path.join(run.start, path))
            for path, aspects in late.get("looked", {}).items():
                for aspect in aspects:
                    run.ledger.note_look(os.path.join(run.start, path), aspect)
            for path in late.get("listed", {}):
                run.ledger.note_listing(os.path.join(run.start, path))
            for path, choices in late.get("globbed", {}).items():
                for key in choices:
                    run.ledger.note_choice(os.path.join(run.start, path), Choice.of_key(key))

    def _end(self, run: _Run) -> Observed:
        run.events.finish()
        for one in run.held:
            one.refuse_if_moved()
        late: dict[str, Any] = {}
        for part, entries in run.ledger.judge().items():
            if entries:
                late[part] = {relative(path, run.start): entry for path, entry in entries.items()}
        count = len(late.get("wrote", ()))
        notes = (f"wrote {count} file{'s' * (count != 1)}",) if count else ()
        return Observed(late or None, notes=notes, impure=bool(count))

    def _drop(self, run: _Run) -> None:
        run.events.close()

    def _check(self, late: Mapping[str, Any]) -> str | None:
        return file_news(late, self._scope)


def _on_open(ledger: Ledger) -> Hook:
    by_number = on_descriptor(ledger)

    def on_open(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if args and type(args[0]) is int:
            by_number(args, kwargs)
        path = absolute(args[0] if args else kwargs.get("file"))
        mode = str(args[1] if len(args) > 1 else kwargs.get("mode", "r"))
        if path is None or kwargs.get("opener") or _is_import_of(path):
            return
        if any(sign in mode for sign in "wxa+"):
            ledger.note_write(path, keeps_content="w" not in mode and "x" not in mode)
        else:
            ledger.note_read(path)

    return on_open


def _is_import_of(path: str) -> bool:
    """Tell whether the import system opens the source ``path``: the module tracker's matter."""
    if not path.endswith((".py", ".pyc")):
        return False
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and owner_of(frame.f_code.co_filename) == "own":
        frame = frame.f_back
    if frame is None or frame.f_code.co_filename != _IMPORT_SYSTEM:
        return False
    while frame is not None and frame.f_code.co_filename.startswith(_IMPORT_FRAMES):
        first, frame = frame.f_code.co_name, frame.f_back
    return first not in _ASKED_OF_LOADERS


def _on_os_open(ledger: Ledger) -> Hook:
    def on_open(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        path = absolute(args[0] if args else kwargs.get("path"), kwargs.get("dir_fd"))
        flags = args[1] if len(args) > 1 else kwargs.get("flags", 0)
        if path is None or flags & getattr(os, "O_DIRECTORY", 0):
            return
        if flags & _WRITING_FLAGS:
            ledger.note_write(path, keeps_content=not flags & (os.O_TRUNC | os.O_EXCL))
        else:
            ledger.note_read(path)

    return on_open


def _on_look(ledger: Ledger, function: str) -> Hook:
    start = _getcwd()

    def on_look(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        path = absolute(args[0] if args else kwargs.get("path"), kwargs.get("dir_fd"))
        if path is None or not ledger.scope.counts(path):
            return
        frame = sys._getframe(1)
        if is_for_metadata(frame):
            return
        who = caller(frame)
        if shows_text(frame):
            ledger.note_read(path)
        elif who == "user":
            aspect = ASPECTS.get(function) or aspect_of(frame)
            ledger.note_look(path, aspect, by_library=is_for_copying(frame))
        elif who == "library" and not is_above(path, start):
            is_code = path.endswith(".py")  # which counts as a module, where it does
            aspect = "stamp" if aspect_of(frame) in _OF_CONTENT and not is_code else "kind"
            ledger.note_look(path, aspect, by_library=True)

    return on_look


_OF_CONTENT = frozenset({"time", "size"})
"""What a library asks of a file to know whether it changed since it was read."""


def _on_listing(ledger: Ledger, function: str) -> Hook:
    def on_listing(args: tuple[Any, ...], kwargs: dict[str, Any]) -> After | None:
        given = args[0] if args else kwargs.get("path")
        frame = sys._getframe(1)
        if isinstance(given, int):
            given = None if is_for_removal(frame) else folder_of(given)
        elif given is None:
            given = "."
        path = absolute(given)
        if path is None:
            return None
        if caller(frame) == "import" or is_for_metadata(frame):
            ledger.before_note()
            return partial(ledger.forget_listing, path)
        choice = choice_of(frame)
        if choice is not None:
            ledger.note_choice(path, choice)
            return partial(ledger.forget_listing, path)
        ledger.note_listing(path)
        if function == "scandir" and asks_entries(frame):
            note_entries(ledger, path)
        return None

    return on_listing


def _on_removal(ledger: Ledger, name: str) -> Hook:
    position = 1 if name in {"symlink", "link"} else 0

    def on_removal(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = args[position] if len(args) > position else kwargs.get("path", kwargs.get("dst"))
        path = absolute(given, kwargs.get("dir_fd", kwargs.get("dst_dir_fd")))
        if path is not None:
            ledger.note_write(path, keeps_content=name == "truncate")

    return on_removal


def _on_move(ledger: Ledger) -> Hook:
    def on_move(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        source, target = [*args, *kwargs.values()][:2]
        for given, is_read in ((source, True), (target, False)):
            path = absolute(given)
            if path is not None:
                ledger.note_write(path, keeps_content=is_read)

    return on_move
