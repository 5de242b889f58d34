"""Files: closed ones are values, the standard streams are the live ones, open ones are refused."""

from __future__ import annotations

import csv
import gc
import gzip
import io
import sys
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotFingerprintable, NotStorable
from nbcache.heap import rebuild_files
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

_OPEN = "is an open file; use it inside of `with open(…)`, or close it before the cell ends"
_ODD = "is a file over something that is no file; leave it out with `drop=`, or delete its name"
_STREAMS = ("stdout", "stderr", "stdin", "__stdout__", "__stderr__", "__stdin__")


def stream_name(obj: Any) -> str | None:
    """Return the name under which ``sys`` has this standard stream, None for other files."""
    return next((name for name in _STREAMS if getattr(sys, name, None) is obj), None)


class StreamKind(Kind):
    """Standard streams: a hit refers to those of its own process."""

    mixed = True
    opaque = True

    def is_value(self, obj: Any) -> bool:
        """Its name says all of a standard stream."""
        return stream_name(obj) is not None

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the name."""
        name = stream_name(obj)
        if name is None:
            raise NotFingerprintable(_OPEN)
        return joined(b"ss", [text(name)])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Look it up by its name."""
        name = stream_name(obj)
        if name is None:
            raise NotStorable(_OPEN)
        return rebuild_files.get_stream, (name,)


class FileKind(StreamKind):
    """Files on disk and pipes, once they are closed."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode all that can be asked of a closed file."""
        if stream_name(obj) is not None:
            return super().encode(obj, walk)
        layers = facts_of(obj)
        if layers is None:
            raise NotFingerprintable(_ODD if obj.closed else _OPEN)
        return joined(b"cf", [text(repr(layers))])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make a closed file of the same name and mode, without touching that file."""
        if stream_name(obj) is not None:
            return super().reduce(obj, dump)
        layers = facts_of(obj)
        if layers is None:
            raise NotStorable(_ODD if obj.closed else _OPEN)
        return rebuild_files.make_closed_file, (layers,)


def facts_of(file: Any) -> list[Any] | None:
    """Return what tells a closed file from others, layer by layer; None for an open one."""
    if not file.closed:
        return None
    layers: list[Any] = []
    try:
        if type(file) is io.TextIOWrapper:
            options = (file.encoding, file.errors, file.line_buffering, file.write_through)
            layers.append((*options, file.newlines, _own(file)))
            file = file.buffer
        if type(file) is gzip.GzipFile and type(file.name) is str:
            return [*layers, ("gzip", file.name, "w" if file.mode == gzip.WRITE else "r")]
        if type(file) in rebuild_files.BUFFERED:
            layers.append(type(file).__name__)
            file = file.raw
        if type(file) is not io.FileIO:
            return None
        layers.append((file.mode, _own(file)))
    except ValueError:  # detached
        return None
    return layers


def _own(file: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(file).items() if name != "__IOBase_closed"}


class WriterKind(Kind):
    """``csv.writer``: the file that it writes to, and the dialect."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode both."""
        return joined(b"cw", map(walk.ref, (_write_of(obj), _dialect(obj))))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make a writer for the same file."""
        write = _write_of(obj)
        return rebuild_files.make_writer, (getattr(write, "__self__", None), write, _dialect(obj))


class ReaderKind(Kind):
    """``csv.reader`` of a file that is closed: it can read no more."""

    opaque = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode file, dialect and how many lines it has read."""
        parts = (_closed_file(obj, NotFingerprintable), _dialect(obj), obj.line_num)
        return joined(b"cr", map(walk.ref, parts))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make a reader of the same closed file that has read as many lines."""
        file = _closed_file(obj, NotStorable)
        return rebuild_files.make_reader, (file, _dialect(obj), obj.line_num)


def _closed_file(reader: Any, error: type[Exception]) -> Any:
    for held in gc.get_referents(reader):
        if type(held) is io.TextIOWrapper and held.closed:
            return held
    raise error("is a reader that has not come to its end; make a list of its rows")


def _write_of(writer: Any) -> Any:
    for held in gc.get_referents(writer):
        if callable(held) and getattr(held, "__name__", "") == "write":
            return held
    raise NotFingerprintable("is a writer without a file")


def _dialect(obj: Any) -> dict[str, Any]:
    return {name: getattr(obj.dialect, name) for name in rebuild_files.DIALECT}


_closed = io.StringIO()
register(FileKind(), io.TextIOWrapper, io.FileIO, gzip.GzipFile, *rebuild_files.BUFFERED)
register(WriterKind(), type(csv.writer(_closed)))
register(ReaderKind(), type(csv.reader([])))
