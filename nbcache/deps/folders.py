"""The working directory, the import path and the time zone: changed or looked at by a run."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import chdir as _chdir
from os import getcwd as _getcwd
from os.path import isdir as _isdir
from types import FrameType
from typing import Any

from nbcache.deps.arrivals import loaded_mark
from nbcache.deps.digests import text_digest
from nbcache.deps.impurity import process_places
from nbcache.deps.local import loaded_local_names, local_texts
from nbcache.deps.patching import Patches
from nbcache.deps.places import caller, is_for_user
from nbcache.deps.protocol import Observed
from nbcache.deps.watching import Watcher
from nbcache.deps.zone import of_time, present_zone, speaks_of_time, zone_news
from nbcache.errors import NotReplayable


@dataclass(slots=True)
class _Run:
    folder: str
    import_path: list[Any]
    is_asked: bool = False


class FolderTracker(Watcher[_Run]):
    """Follows the working directory and ``sys.path``.

    Where the notebook lies does not count, unless the user's code asks for it (``getcwd``,
    ``abspath``) or starts a process, which may. A change to a folder
    below is repeated as a relative one.
    """

    name = "folder"

    def _begin(self, patches: Patches) -> _Run:
        run = _Run(_getcwd(), list(sys.path))

        def on_question(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            run.is_asked = run.is_asked or _asks(sys._getframe(1))

        def on_process(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            run.is_asked = run.is_asked or is_for_user(sys._getframe(1))

        patches.watch(on_question, (os, "getcwd"), (os, "getcwdb"))
        patches.watch(on_process, *process_places(loaded_mark()))
        return run

    def _end(self, run: _Run) -> Observed:
        late: dict[str, Any] = {}
        effect: dict[str, Any] = {}
        if run.is_asked:
            late["cwd"] = run.folder
        folder = _getcwd()
        if folder != run.folder:
            effect["cwd"] = late["to"] = _relative(folder, run.folder)
        if sys.path != run.import_path:
            if not all(isinstance(item, str) for item in sys.path):
                raise NotReplayable("it puts something other than text into `sys.path`")
            late["sys.path"] = _path_digest(run.import_path, run.folder)
            effect["sys.path"] = [_relative(item, run.folder) for item in sys.path]
        return Observed(late or None, effect or None)

    def _check(self, late: Mapping[str, Any]) -> str | None:
        here = _getcwd()
        if late.get("cwd", here) != here:
            return f"the working directory is another ({late['cwd']} → {here})"
        if not _isdir(late.get("to", here)):
            return f"the folder `{late['to']}` is not there"
        wanted = late.get("sys.path")
        if wanted is not None and wanted != _path_digest(sys.path, here):
            return "the import path `sys.path` changed"
        return None

    def _apply(self, effect: Any) -> None:
        here = _getcwd()
        if "sys.path" in effect:
            kept = {_relative(item, here): item for item in sys.path}
            sys.path[:] = [kept.get(item, _absolute(item, here)) for item in effect["sys.path"]]
        if "cwd" in effect:
            _chdir(effect["cwd"])


@contextmanager
def importing_from(folders: Sequence[str]) -> Iterator[None]:
    """Let modules be found in the folders that a recorded run put into ``sys.path``."""
    before, here = list(sys.path), _getcwd()
    found = [_absolute(item, here) for item in folders]
    sys.path.extend(item for item in found if item not in before)
    try:
        yield
    finally:
        sys.path[:] = before


def _asks(frame: FrameType) -> bool:
    return caller(frame, through_shell=True) == "user"


def _relative(path: Any, start: str) -> Any:
    """Return a folder below ``start`` as ``./…``, the interpreter's as ``<prefix>/…``."""
    for root, name in ((start, "."), (sys.prefix, "<prefix>"), (sys.base_prefix, "<base>")):
        if path == root or (isinstance(path, str) and path.startswith(root + os.sep)):
            return name + path[len(root) :]
    return path


def _absolute(path: str, start: str) -> str:
    for root, name in ((start, "."), (sys.prefix, "<prefix>"), (sys.base_prefix, "<base>")):
        if path == name or path.startswith(name + os.sep):
            return root + path[len(name) :]
    return path


def _path_digest(items: list[Any], start: str) -> str:
    return text_digest("\0".join(str(_relative(item, start)) for item in items))


@dataclass(slots=True)
class _Zone:
    zone: list[Any]
    counts: bool
    reached: Collection[str] | None
    loaded: frozenset[str]


class ZoneTracker(Watcher[_Zone]):
    """Compares the time zone for cells that may use local times, and repeats a change of it.

    Reads of the zone cannot be seen, so the words decide: those of the ``source`` given to
    ``start`` (empty: unknown, the zone counts) and of the local modules that it reaches. One that
    reaches a module of the clock counts by that alone.
    """

    name = "zone"

    def __init__(self) -> None:
        super().__init__()
        self._source = ""
        self._reached: Collection[str] | None = None

    def start(self, source: str = "", reached: Collection[str] | None = None) -> None:
        """Begin to watch a run of the text ``source`` that reaches the modules ``reached``."""
        self._source, self._reached = source, reached
        super().start()

    def _begin(self, patches: Patches) -> _Zone:
        counts = not self._source or speaks_of_time(self._source)
        return _Zone(present_zone(), counts, self._reached, frozenset(loaded_local_names()))

    def _end(self, run: _Zone) -> Observed:
        names = run.reached
        if names is not None:
            names = [*names, *(name for name in loaded_local_names() if name not in run.loaded)]
        counts = run.counts or any(map(speaks_of_time, local_texts(names)))
        counts = counts or of_time(names or ())
        effect = "tzset" if present_zone() != run.zone else None
        return Observed({"zone": run.zone} if counts else None, effect)

    def _check(self, late: Mapping[str, Any]) -> str | None:
        return zone_news(late)

    def _apply(self, effect: Any) -> None:
        """Read ``TZ`` again, which was put into the environment before."""
        time.tzset()
