"""Files that another file leads to: what HDF5 files link to, what lies beside a database."""

from __future__ import annotations

import glob
import os
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

from nbcache.deps.digests import signature
from nbcache.deps.file_ledger import Ledger
from nbcache.deps.file_looks import kind_of, status_of
from nbcache.deps.file_scope import absolute
from nbcache.deps.patching import Patches
from nbcache.deps.wrapped import After

_MOST_SECONDS = 0.05
_MOST_FILES = 100
_DATABASES = ("sqlite3", "sqlite3.dbapi2")

_known: dict[str, tuple[Any, list[str]]] = {}
"""HDF5 file → its signature, and the names of files that it leads to."""


def watch_linked_files(ledger: Ledger, patches: Patches) -> None:
    """Enter the files that opened HDF5 files link to, and watch the folders of databases."""

    def on_database(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        path = path_of(args[0] if args else kwargs.get("database"))
        if path is not None and kind_of(status_of(path)) == "file":
            ledger.watch_folder(os.path.dirname(path))  # a journal beside it
            ledger.note_read(path)

    def on_open(args: tuple[Any, ...], kwargs: dict[str, Any]) -> After:
        return partial(_note_links, ledger, args[0])

    def watch_h5py(module: Any) -> None:
        patches.watch(on_open, (module.File, "__init__"))

    for name in _DATABASES:
        if name in sys.modules:
            patches.watch(on_database, (sys.modules[name], "connect"))
    h5py: Any = sys.modules.get("h5py")
    if hasattr(h5py, "File"):
        watch_h5py(h5py)
    else:
        patches.on_arrival("h5py", watch_h5py)


def path_of(given: Any) -> str | None:
    """Return the path that a database's name or a ``file:`` address means."""
    text = given if isinstance(given, str) else ""
    return absolute(unquote(urlsplit(text).path) if text.startswith("file:") else given)


def _note_links(ledger: Ledger, file: Any) -> None:
    if not getattr(file, "_id", None) or not file:
        return  # it could not be opened
    path = os.fsdecode(file.filename)
    seen, waiting = {path}, [path]
    for place, one in enumerate(waiting):
        for link in _known_links(one, file.id if not place else None):
            _add(ledger, one, link, seen, waiting)
        if place > _MOST_FILES:
            return


def _known_links(path: str, opened: Any) -> list[str]:
    """Return the names of other files that an HDF5 file leads to; read once while unchanged."""
    status = status_of(path)
    stamp = None if status is None else signature(status)
    known = _known.get(path)
    if known is None or known[0] != stamp:
        known = _known[path] = stamp, _read_links(path, opened)
    return known[1]


def _read_links(path: str, opened: Any) -> list[str]:
    h5f: Any = sys.modules["h5py"].h5f
    until = time.monotonic() + _MOST_SECONDS
    if opened is not None:
        return list(_links(opened, until))
    try:
        file = h5f.open(os.fsencode(path), h5f.ACC_RDONLY)
    except (OSError, ValueError):
        return []  # it is no HDF5 file: raw data
    try:
        return list(_links(file, until))
    finally:
        file.close()


def _add(ledger: Ledger, path: str, link: str, seen: set[str], waiting: list[str]) -> None:
    """Note the files that a link may mean: relative to the file that holds it, or to here."""
    for place in (os.path.join(os.path.dirname(path), link), link):
        whole = absolute(place)
        if whole is None or whole in seen:
            continue
        if "%b" in whole:
            ledger.note_listing(os.path.dirname(whole))
        for one in glob.glob(glob.escape(whole).replace("%b", "*")):
            seen.add(one)
            waiting.append(one)
            ledger.note_read(one)


def _links(opened: Any, until: float) -> Iterator[str]:
    """Yield the names of other files that an open HDF5 file leads to, as long as time lasts."""
    h5py: Any = sys.modules["h5py"]
    found: list[str] = []

    def visit(name: bytes, info: Any) -> bool | None:
        if info.type == h5py.h5l.TYPE_EXTERNAL:
            found.append(os.fsdecode(opened.links.get_val(name)[0]))
        return True if time.monotonic() > until else None

    opened.links.visit(visit, info=True)
    datasets: list[bytes] = []

    def collect(name: bytes, info: Any) -> bool | None:
        if info.type == h5py.h5o.TYPE_DATASET:
            datasets.append(name)
        return True if time.monotonic() > until else None

    h5py.h5o.visit(opened, collect, info=True)
    yield from found
    for name in datasets:
        if time.monotonic() > until:
            return
        yield from _sources(h5py.h5d.open(opened, name).get_create_plist(), h5py)


def _sources(made: Any, h5py: Any) -> Iterator[str]:
    """Yield the files in which a dataset keeps what it holds."""
    if made.get_layout() == h5py.h5d.VIRTUAL:
        names = {made.get_virtual_filename(place) for place in range(made.get_virtual_count())}
        yield from sorted(name for name in names if name != ".")
    for place in range(made.get_external_count()):
        yield os.fsdecode(made.get_external(place)[0])
