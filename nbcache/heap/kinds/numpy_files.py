"""NumPy's files left open: memory maps and archives are opened again, since they only read."""

from __future__ import annotations

import io
import mmap
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from nbcache.errors import NotFingerprintable, NotStorable
from nbcache.heap import rebuild_arrays, rebuild_files
from nbcache.heap.kinds.array_facts import address_of, is_writeable, owner_of
from nbcache.heap.kinds.instance import PlainKind
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import frame, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

_CHUNK_BYTES = 8 << 20


def reduce_map(array: Any) -> Any:
    """Return how to map the file again, or how to take a part of such a map.

    Raises:
        NotStorable: the array is no plain map of a named file, or its changes are nowhere.
    """
    owner = owner_of(array)
    if type(array) is not np.memmap or type(owner) is not np.memmap or array.filename is None:
        raise NotStorable("is a memory map without a named file; copy it")
    if array.mode == "c":
        raise NotStorable("is a memory map whose changes are not in its file (mode 'c'); copy it")
    if owner is not array:
        place = (address_of(array) - address_of(owner), array.shape, array.strides)
        view = _Part((owner, place, array.dtype, is_writeable(array)))
        return rebuild_files.make_map_view, (view, owner)
    if not isinstance(array.base, mmap.mmap):
        raise NotStorable("is a memory map that numpy did not open itself; copy it")
    order = "C" if array.flags.c_contiguous else "F"
    place = array.offset, array.shape, order
    return rebuild_files.open_map, (array.filename, array.mode, array.dtype, place)


class _Part:
    """A plain view of a map, on its way into a stream."""

    __slots__ = ("args",)

    def __init__(self, args: tuple[Any, ...]) -> None:
        self.args = args


class PartKind(Kind):
    """Plain views of maps."""

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Take the view."""
        return rebuild_arrays.make_array_view, obj.args


class ArchiveKind(PlainKind):
    """``np.load("data.npz")`` left open: it can only be read from. A closed one is plain."""

    opaque = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the archive's bytes."""
        if obj.zip is None:
            return super().encode(obj, walk)
        state = xxhash.xxh3_128()
        with open(_path_of(obj, NotFingerprintable), "rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                state.update(chunk)
        return frame(b"nz", text(repr(_options(obj))), state.digest())

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Open it again."""
        if obj.zip is None:
            return super().reduce(obj, dump)
        path = _path_of(obj, NotStorable)
        args = (os.fspath(obj.fid.name), path, os.path.getsize(path), _options(obj))
        return rebuild_files.open_archive, args


def _path_of(archive: Any, error: type[Exception]) -> str:
    """Return the absolute path of the file that numpy opened for an archive."""
    file = archive.fid
    if type(file) is not io.BufferedReader or not isinstance(file.name, (str, os.PathLike)):
        raise error("is an archive over a file that numpy did not open; close it in the cell")
    path = os.path.abspath(file.name)
    if not os.path.exists(path) or not os.path.samestat(os.stat(path), os.fstat(file.fileno())):
        raise error("is an archive whose file was replaced or moved; load it again")
    return path


def _options(archive: Any) -> dict[str, Any]:
    size = archive.max_header_size
    return {"allow_pickle": archive.allow_pickle, "max_header_size": size, **archive.pickle_kwargs}


register(PartKind(), _Part)
register(ArchiveKind(), np.lib.npyio.NpzFile)
