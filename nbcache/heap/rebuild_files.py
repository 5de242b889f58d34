"""What a stored stream calls to build files, threads and views again; part of the format."""

from __future__ import annotations

import collections
import csv
import importlib
import io
import itertools
import os
import sys
import threading
from collections.abc import Iterator
from concurrent import futures
from typing import Any

BUFFERED: tuple[Any, ...] = (io.BufferedReader, io.BufferedWriter, io.BufferedRandom)
DIALECT = (
    "delimiter", "doublequote", "escapechar", "lineterminator", "quotechar", "quoting",
    "skipinitialspace", "strict",
)  # fmt: skip


def get_stream(name: str) -> Any:
    """Return this process's standard stream."""
    return getattr(sys, name)


def make_closed_file(layers: list[Any]) -> Any:
    """Return a closed file like the recorded one; the file of that name is not touched."""
    *outer, innermost = layers
    seen = outer[0][4] if outer and isinstance(outer[0], tuple) else None
    content = _lines(seen, outer[0][0]) if seen else b""
    if len(innermost) == 3:
        _, name, mode = innermost
        made, own = _gzip_file(name, mode, content), {}
    else:
        mode, own = innermost
        made = _raw_file(mode, content)
    raw = made
    for layer in reversed(outer):
        if isinstance(layer, str):
            made = getattr(io, layer)(made)
        else:
            encoding, errors, line_buffering, write_through, _, attributes = layer
            made = io.TextIOWrapper(made, encoding, errors, None, line_buffering, write_through)
            if seen:
                made.read()
            vars(made).update(attributes)
    vars(raw).update(own)
    made.close()
    return made


def _gzip_file(name: str, mode: str, content: bytes) -> Any:
    gzip = importlib.import_module("gzip")
    return gzip.GzipFile(name, mode, fileobj=io.BytesIO(gzip.compress(content)))


def _raw_file(mode: str, content: bytes) -> Any:
    if not content:
        return io.FileIO(os.devnull, mode.replace("x", "w"))
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return io.FileIO(reading, "rb")


def _lines(seen: Any, encoding: str) -> bytes:
    """Return text that shows a reader these ends of lines."""
    ends = seen if isinstance(seen, tuple) else (seen,)
    return "x".join(["", *ends, ""]).encode(encoding)


def make_writer(file: Any, write: Any, dialect: dict[str, Any]) -> Any:
    """Return a ``csv.writer`` for a file, or for a function that writes."""
    return csv.writer(file if file is not None else _Written(write), **dialect)


class _Written:
    """Something to write to: a function alone."""

    def __init__(self, write: Any) -> None:
        self.write = write


def make_reader(file: Any, dialect: dict[str, Any], lines: int) -> Any:
    """Return a ``csv.reader`` of a closed file that has read so many lines."""

    def rows() -> Iterator[str]:
        yield from itertools.repeat("\n", lines)
        yield from file

    reader = csv.reader(rows(), **dialect)
    collections.deque(itertools.islice(reader, lines), maxlen=0)
    return reader


def make_done_generator(name: str, qualname: str) -> Any:
    """Return a generator that is over."""
    made: Any = (item for item in tuple[Any, ...]())
    made.__name__, made.__qualname__ = name, qualname
    made.close()
    return made


def make_done_thread(kind: Any, name: str, daemon: bool) -> Any:
    """Return a thread that has ended; nothing of its class runs."""
    made = kind.__new__(kind)
    threading.Thread.__init__(made, name=name, daemon=daemon)
    made.run = _nothing
    threading.Thread.start(made)
    threading.Thread.join(made)
    del made.run
    return made


def fill_done_thread(thread: Any, own: dict[str, Any]) -> None:
    """Set what a thread's class and its users keep in it."""
    vars(thread).update(own)


def _nothing() -> None:
    """Do nothing."""


def make_closed_pool(kind: str, arguments: dict[str, Any]) -> Any:
    """Return an executor that was shut down."""
    pool = getattr(futures, kind)(**arguments)
    pool.shutdown()
    return pool


def make_memory_view(holder: Any, place: tuple[Any, ...]) -> Any:
    """Return a memory view of a part of an object's memory."""
    start, size, form, shape, is_locked = place
    view = memoryview(holder).cast("B")[start : start + size]
    if (form, shape) != ("B", (size,)):
        view = view.cast(form, shape)
    return view.toreadonly() if is_locked and not view.readonly else view


HANDLES = ("File", "Group", "Dataset")


def make_closed_handle(name: str) -> Any:
    """Return a closed file, group or dataset of h5py; it never was on any disk."""
    h5py = importlib.import_module("h5py")
    with h5py.File("nbcache", "w", driver="core", backing_store=False) as file:
        group = file.create_group("group")
        dataset = file.create_dataset("dataset", data=[0])
    return {"File": file, "Group": group, "Dataset": dataset}[name]


def open_archive(name: str, path: str, size: int, options: dict[str, Any]) -> Any:
    """Return an ``.npz`` file opened again, by the same name if that still leads there.

    Raises:
        OSError: it is gone, or has become another one.
    """
    if os.path.getsize(path) != size:
        raise OSError(f"{path} has another size than it had")
    is_there = os.path.abspath(name) == path
    return importlib.import_module("numpy").load(name if is_there else path, **options)


def open_map(path: Any, mode: str, dtype: Any, place: tuple[int, tuple[int, ...], str]) -> Any:
    """Return a memory map of a file opened again."""
    offset, shape, order = place
    kind = importlib.import_module("numpy").memmap
    made = kind(path, dtype, "r+" if mode == "w+" else mode, offset, shape, order)
    made.mode, made.filename = mode, path
    return made


def make_map_view(view: Any, owner: Any) -> Any:
    """Return a part of a memory map as what it is: a memory map itself."""
    made = view.view(type(owner))
    vars(made).update(vars(owner))
    return made
