"""Files of other systems, through fsspec: ``s3://``, ``gs://``, ``memory://`` and their like.

What counts is what the system itself tells of a file: its ETag or checksum, else its time and
size; of a file in memory, its content. At look-up it is asked again. A listing, and a file of
which nothing is told, leave the network's note. Secrets among a system's options are not kept:
such a system is asked once somebody has opened it in this process.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nbcache.deps.digests import text_digest
from nbcache.deps.impurity import NETWORK
from nbcache.deps.patching import Patches
from nbcache.deps.protocol import Observed
from nbcache.deps.watching import Watcher
from nbcache.deps.wrapped import Hook

_TOLD_ELSEWHERE = frozenset(
    {"file", "local", "zip", "tar", "libarchive", "dir", "filecache", "simplecache", "blockcache"}
)
"""Systems that read through another one, or through Python's own ``open``."""

_TAGS = ("ETag", "etag", "md5", "md5Hash", "content_md5", "checksum", "sha256", "generation")
_TIMES = ("LastModified", "last_modified", "mtime", "modified", "updated")
_READS = frozenset({"_info", "_exists", "_isfile", "_size", "_cat_file", "_cat", "_get_file"})
_SILENT = frozenset({"set_session", "connect", "_connect", "close_session", "_close", "_isdir"})
_SECRET = re.compile(r"secret|key|token|pass|credential|sas", re.IGNORECASE)
_AHEAD_SECONDS = 30.0
_IO_THREAD = "fsspecIO"

_File = tuple[str, str, str]


def is_file_thread() -> bool:
    """Tell whether this thread speaks to file systems for fsspec, which are compared here."""
    return threading.current_thread().name == _IO_THREAD


@dataclass(slots=True)
class _Run:
    read: dict[_File, Any] = field(default_factory=dict)
    wrote: dict[_File, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    is_unknown: bool = False


class FilesystemTracker(Watcher[_Run]):
    """Follows files opened through fsspec; ``is_ahead`` tells that a forecast is asked for."""

    name = "filesystems"

    def __init__(self, is_ahead: Callable[[], bool] = lambda: False) -> None:
        super().__init__()
        self._is_ahead = is_ahead
        self._answers: dict[_File, tuple[float, Any]] = {}

    def _begin(self, patches: Patches) -> _Run:
        run = _Run()

        def on_open(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            path = kwargs["path"] if len(args) < 2 else args[1]
            mode = kwargs.get("mode", "rb") if len(args) < 3 else args[2]
            _note(run, args[0], path, is_write="r" not in mode or "+" in mode)

        def on_memory(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            _note(run, args[0], [*args[1:], *kwargs.values()][0])

        def on_change(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            _note(run, args[0], [*args[1:], *kwargs.values()][0], is_write=True)

        def on_listing(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            run.is_unknown = True

        def on_sync(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            _note_call(run, args[1], [*args[2:], *kwargs.values()])

        _when_loaded(patches, "fsspec.spec", on_open, "AbstractFileSystem.open")
        _when_loaded(patches, "fsspec.asyn", on_sync, "sync")
        memory = "fsspec.implementations.memory"
        _when_loaded(patches, memory, on_memory, "MemoryFileSystem.cat_file")
        _when_loaded(patches, memory, on_change, "MemoryFileSystem.pipe_file")
        _when_loaded(patches, memory, on_change, "MemoryFileSystem.rm")
        _when_loaded(patches, memory, on_listing, "MemoryFileSystem.ls")
        _when_loaded(patches, memory, on_listing, "MemoryFileSystem.find")
        return run

    def _end(self, run: _Run) -> Observed:
        late: dict[str, Any] = {}
        wrote = {file: answer_of(system, file[2]) for file, system in run.wrote.items()}
        for part, files in (("read", run.read), ("wrote", wrote)):
            rows = [[*file, files[file]] for file in sorted(files)]
            known = [row for row in rows if row[3] is not None]
            run.is_unknown = run.is_unknown or len(known) < len(rows)
            if known:
                late[part] = known
        if late:
            late["options"] = run.options
        count = len(run.wrote)
        notes = [f"wrote {count} remote file{'s' * (count != 1)}"] if count else []
        if run.is_unknown:
            notes.append(NETWORK)
        return Observed(late or None, notes=tuple(notes), impure=bool(notes))

    def _check(self, late: Mapping[str, Any]) -> str | None:
        options = late.get("options", {})
        for protocol, digest, path, answer in [*late.get("read", ()), *late.get("wrote", ())]:
            shown = f"`{protocol}://{path.lstrip('/')}`"
            system = _find_system(protocol, digest, options.get(digest))
            if system is None:
                return f"{shown} cannot be asked yet: its options are not known in this kernel"
            now = self._ask(system, (protocol, digest, path))
            if now is None:
                return f"{shown} could not be reached"
            if now != answer:
                return f"{shown} {'is gone' if now == _MISSING else 'changed'}"
        return None

    def _ask(self, system: Any, file: _File) -> Any:
        known = self._answers.get(file)
        if self._is_ahead() and known and time.monotonic() - known[0] < _AHEAD_SECONDS:
            return known[1]
        system.invalidate_cache()
        answer = answer_of(system, file[2])
        self._answers[file] = time.monotonic(), answer
        return answer


_MISSING = ["missing"]


def _when_loaded(patches: Patches, module: str, hook: Hook, name: str) -> None:
    """Watch a function of a module, now or as soon as the run imports it."""

    def watch(loaded: Any) -> None:
        owner, _, attribute = name.rpartition(".")
        patches.watch(hook, (getattr(loaded, owner) if owner else loaded, attribute))

    loaded = sys.modules.get(module)
    if loaded is not None and not getattr(loaded.__spec__, "_initializing", False):
        watch(loaded)
    else:
        patches.on_arrival(module, watch)


def _note(run: _Run, system: Any, path: Any, *, is_write: bool = False) -> None:
    """Note a file that is about to be read or written, by what is told of it then."""
    protocol = _protocol_of(system)
    if protocol in _TOLD_ELSEWHERE:
        return
    if not isinstance(path, str):
        run.is_unknown = True
        return
    digest = _digest(system)
    run.options[digest] = _without_secrets(system)
    file = protocol, digest, str(system._strip_protocol(path))
    if is_write:
        run.wrote[file] = system
    elif file not in run.wrote and file not in run.read:
        run.read[file] = answer_of(system, file[2])


def _note_call(run: _Run, function: Any, given: list[Any]) -> None:
    """Note what a blocking call of an asynchronous system asks for."""
    name, system = getattr(function, "__name__", ""), getattr(function, "__self__", None)
    if system is None or name in _SILENT:
        return
    if name not in _READS or not given:
        run.is_unknown = True
        return
    for path in given[0] if isinstance(given[0], list) else [given[0]]:
        _note(run, system, path)


def answer_of(system: Any, path: str) -> list[Any] | None:
    """Return what a system tells of a file now; None if nothing can be compared."""
    try:
        if _protocol_of(system) == "memory":
            return ["content", text_digest(bytes(system.cat_file(path)))]
        told = system.info(path)
    except FileNotFoundError:
        return list(_MISSING)
    except Exception:
        return None
    for kind, names in (("tag", _TAGS), ("time", _TIMES)):
        for name in names:
            if told.get(name) is not None:
                return [kind, str(told[name]), told.get("size")]
    return None


def _protocol_of(system: Any) -> str:
    protocol = system.protocol
    return str(protocol if isinstance(protocol, str) else protocol[0])


def _digest(system: Any) -> str:
    return text_digest(repr(sorted(system.storage_options.items(), key=repr)))


def _without_secrets(system: Any) -> dict[str, Any] | None:
    """Return a system's options if nothing in them is secret and all of it is plain data."""
    options: dict[str, Any] = dict(system.storage_options)
    try:
        return None if _SECRET.search(json.dumps(options)) else options
    except (TypeError, ValueError):
        return None


def _find_system(protocol: str, digest: str, options: Mapping[str, Any] | None) -> Any:
    return next((one for one in _systems(protocol, options) if _digest(one) == digest), None)


def _systems(protocol: str, options: Mapping[str, Any] | None) -> Iterator[Any]:
    """Yield the systems of a protocol that this process knows, or can make."""
    import fsspec

    yield from list(fsspec.get_filesystem_class(protocol)._cache.values())
    yield fsspec.filesystem(protocol, **(options or {}))
