"""h5py: files, groups and datasets that are closed say nothing but that; open ones are refused."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotFingerprintable, NotStorable
from nbcache.heap import rebuild_files
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import frame, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

_OPEN = (
    "is part of an open HDF5 file; use it inside of `with h5py.File(…)`, or close the file"
    " before the cell ends"
)


class HandleKind(Kind):
    """What h5py opens."""

    opaque = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the type of a closed one."""
        if obj:
            raise NotFingerprintable(_OPEN)
        return frame(b"h5", text(type(obj).__name__))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make a closed one, without touching any file."""
        if obj or type(obj).__name__ not in rebuild_files.HANDLES:
            raise NotStorable(_OPEN)
        return rebuild_files.make_closed_handle, (type(obj).__name__,)


def refresh() -> None:
    """Register the types that the package has loaded so far."""
    h5py = sys.modules.get("h5py")
    if h5py is not None and hasattr(h5py, "Dataset"):
        register(HandleKind(), h5py.File, h5py.Group, h5py.Dataset)
