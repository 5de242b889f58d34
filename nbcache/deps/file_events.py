"""From inotify's events to the ledger: reads and writes of code that no patch can see.

A file that is new, or emptied before it is opened, was written; one that is opened first was
read, and cannot repeat if it is modified after that. Notebook files and the sources of loaded
modules are left out: Jupyter saves the ones, the import system reads the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from nbcache.deps import inotify
from nbcache.deps.file_ledger import Ledger, is_parent, kind_of, status_of
from nbcache.deps.inotify import FileEvent
from nbcache.errors import NotReplayable

_MADE = inotify.CREATED | inotify.MOVED_TO
_CHANGED = inotify.MODIFIED | inotify.DELETED | inotify.MOVED_FROM


def add_events(ledger: Ledger, events: Iterable[FileEvent], sources: set[str]) -> None:
    """Enter the ``events`` into ``ledger``; what Python's own calls entered stays as it is."""
    known = {*ledger.read, *ledger.wrote}
    opened: set[str] = set()
    for event in events:
        if event.mask & inotify.OVERFLOWED:
            raise NotReplayable("more files were touched at once than the system can tell")
        path = event.path
        if path in sources or _is_notebook(path) or not ledger.scope.counts(path):
            continue
        if event.mask & (_MADE | inotify.DELETED | inotify.MOVED_FROM):
            _refuse_if_listed(ledger, path)
        if path in known:
            continue
        if event.mask & inotify.IS_FOLDER:
            _add_folder_event(ledger, event)
        else:
            _add_file_event(ledger, event, opened)


def _add_file_event(ledger: Ledger, event: FileEvent, opened: set[str]) -> None:
    path = event.path
    if path in ledger.wrote:
        return
    if event.mask & inotify.OPENED:
        opened.add(path)
        if kind_of(status_of(path)) != "missing":
            ledger.note_read(path)
    elif path in opened and event.mask & (_CHANGED | _MADE):
        raise NotReplayable(f"it reads `{path}` and then changes it in place")
    elif event.mask & _MADE:
        ledger.wrote[path] = "missing" if event.mask & inotify.CREATED else "file"
    elif event.mask & _CHANGED:
        ledger.wrote[path] = "file"


def _add_folder_event(ledger: Ledger, event: FileEvent) -> None:
    if event.mask & inotify.OPENED:
        ledger.note_listing(event.path, native=True)
    elif event.mask & (_MADE | inotify.DELETED | inotify.MOVED_FROM):
        before = "missing" if event.mask & inotify.CREATED else "folder"
        ledger.wrote.setdefault(event.path, before)


def _refuse_if_listed(ledger: Ledger, path: str) -> None:
    for folder in ledger.listed_natively:
        if is_parent(folder, path):
            raise NotReplayable(f"it lists `{folder}`, whose contents changed while it ran")


def _is_notebook(path: str) -> bool:
    name = os.path.basename(path)
    return name.endswith(".ipynb") or name.startswith(".~") or name == ".ipynb_checkpoints"
