"""From inotify's events to the ledger: reads and writes of code that no patch can see.

A file that is new, or emptied before it is opened, was written; one that is opened first was
read, and cannot repeat if it is modified after that. Notebook files and the sources of loaded
modules are left out: Jupyter saves the ones, the import system reads the others. So is what other
programs do unasked, where the system tells; a folder that nothing of this process could list was
listed by one of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from nbcache.deps import inotify
from nbcache.deps.file_ledger import Ledger, is_parent
from nbcache.deps.file_looks import kind_of, status_of
from nbcache.deps.inotify import FileEvent, FolderWatch
from nbcache.deps.local import source_paths
from nbcache.deps.native import Strangers
from nbcache.deps.patching import Patches
from nbcache.errors import NotReplayable

_MADE = inotify.CREATED | inotify.MOVED_TO
_GONE = inotify.DELETED | inotify.MOVED_FROM
_TEMPORARY = (".~", ".nbcache-")
"""How Jupyter and ``jupyter nbcache run`` call a notebook that they are writing."""


class NativeEvents:
    """Enters the events of watched folders into a ledger, in turn with Python's own calls."""

    def __init__(self, ledger: Ledger, folders: Iterable[str], patches: Patches) -> None:
        followed = tuple(folders)
        self._ledger = ledger
        self._strangers = Strangers(followed, ledger.source)  # first: it knows of all that is told
        self._strangers.watch(patches)
        self._watch = FolderWatch(followed)
        self._native: set[str] = set()
        self._opened: set[str] = set()
        self._others: dict[str, str] = {}
        self._is_busy = False
        ledger.before_note = self.sync
        ledger.forget_listing = self.forget_listing
        ledger.watch_folder = self._watch_too

    def sync(self) -> None:
        """Enter what happened so far; raise NotReplayable for what cannot repeat."""
        self.forget_listing("")

    def forget_listing(self, folder: str) -> None:
        """Enter what happened so far, apart from a listing of ``folder``."""
        if self._is_busy or self._ledger.relay.is_child:
            return
        self._is_busy = True
        listing = inotify.OPENED | inotify.IS_FOLDER
        try:
            for event in self._watch.drain():
                if event.path != folder or event.mask & listing != listing:
                    self._add(event)
        finally:
            self._is_busy = False

    def finish(self) -> None:
        """Enter what is left, and what turned out to be this process's own as well."""
        self.sync()
        for path, name in tuple(self._others.items()):
            if self._strangers.may_have_touched(name) and kind_of(status_of(path)) == "file":
                self._ledger.note_read(path)

    def close(self) -> None:
        """Stop watching."""
        self._watch.close()
        self._strangers.close()

    def _watch_too(self, folder: str) -> None:
        self._strangers.add(folder)
        self._watch.add(folder)

    def _add(self, event: FileEvent) -> None:
        if event.mask & inotify.OVERFLOWED:
            raise NotReplayable("more files were touched at once than the system can tell")
        path, ledger = event.path, self._ledger
        if is_of_others(path) or not ledger.scope.counts(path):
            return
        if event.mask & (_MADE | _GONE):
            self._refuse_if_listed(path)
        name, is_folder = os.path.basename(path), bool(event.mask & inotify.IS_FOLDER)
        if not ledger.starts_programs and self._strangers.did(name, is_folder=is_folder):
            self._others[path] = name
            return
        if path not in self._native and (path in ledger.read or path in ledger.wrote):
            return
        if is_folder:
            self._add_folder(event)
        elif path not in ledger.wrote:
            self._add_file(event)

    def _add_file(self, event: FileEvent) -> None:
        path, ledger = event.path, self._ledger
        self._native.add(path)
        if event.mask & inotify.OPENED:
            self._opened.add(path)
            if kind_of(status_of(path)) != "missing":
                ledger.note_read(path)
        elif path in self._opened:
            raise NotReplayable(f"it reads `{path}` and then changes it in place")
        else:
            ledger.wrote[path] = "missing" if event.mask & inotify.CREATED else "file"

    def _add_folder(self, event: FileEvent) -> None:
        path, ledger = event.path, self._ledger
        if event.mask & inotify.OPENED:
            was_given = path in ledger.chosen_natively
            if path not in ledger.listed and self._strangers.could_list(was_given=was_given):
                ledger.note_listing(path, native=True)
        elif event.mask & (_MADE | _GONE):
            before = "missing" if event.mask & inotify.CREATED else "folder"
            self._native.add(path)
            ledger.wrote.setdefault(path, before)

    def _refuse_if_listed(self, path: str) -> None:
        for folder in self._ledger.listed_natively:
            if is_parent(folder, path):
                raise NotReplayable(f"it lists `{folder}`, whose contents changed while it ran")


def is_of_others(path: str) -> bool:
    """Tell whether Jupyter, nbcache or the import system touches ``path`` rather than the cell."""
    name = os.path.basename(path)
    if name.endswith(".ipynb") or name.startswith(_TEMPORARY) or name == ".ipynb_checkpoints":
        return True
    return name.endswith(".py") and path in source_paths()
