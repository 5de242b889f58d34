"""How a large buffer is cut into blobs, so that what did not change is stored once.

A blob is named by the digest and the length of its bytes. A buffer of one row of memory is one
blob; the block of a frame, whose rows are its columns, is cut along them: a changed column is
one new blob, or a few. Pieces that are mapped begin at pages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nbcache.errors import DamagedEntry, StoreError

BLOBS = ("nbcache", "blobs")
"""Where blobs lie below the folder of joblib's items."""

BLOB_FROM_BYTES = 64 << 10
"""Smaller buffers stay in the entry's own file, where they cost no file of their own."""

PAGE_BYTES = 64 << 10
"""A multiple of every page size in use, so that a map may begin there."""

MAP_FROM_BYTES = 1 << 20
"""Buffers of at least this size are mapped copy-on-write instead of copied."""

_SMALLEST_ROWS = 8 << 10
_SHORTEST_ROW = 4 << 10
_MOST_ROWS = 128
_PAGED_BYTES = 8 << 20
_DIVIDED_BYTES = 32 << 20
_LONG_BYTES = 32 << 20
_DIGEST = re.compile(r"[0-9a-f]{32}")
_BLOB_NAME = re.compile(r"[0-9a-f]{32}-[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Pieces:
    """A buffer as blobs of ``piece_bytes`` each, the last one shorter; their digests in order."""

    piece_bytes: int
    length: int
    digests: tuple[str, ...]

    @property
    def lengths(self) -> list[int]:
        """The length of each blob."""
        whole, rest = divmod(self.length, self.piece_bytes)
        return [self.piece_bytes] * whole + ([rest] if rest else [])

    @property
    def names(self) -> list[str]:
        """The file name of each blob."""
        pairs = zip(self.digests, self.lengths, strict=True)
        return [f"{digest}-{length}" for digest, length in pairs]

    def as_record(self) -> dict[str, Any]:
        """Return what a header tells of them."""
        return {"piece": self.piece_bytes, "length": self.length, "digests": list(self.digests)}


def blob_name(digest: str, length: int) -> str:
    """Return the file name of a blob."""
    return f"{digest}-{length}"


def is_blob_name(name: str) -> bool:
    """Whether a text is the name of a blob, which leads nowhere else."""
    return _BLOB_NAME.fullmatch(name) is not None


def as_pieces(record: Any) -> Pieces:
    """Return the pieces that a header tells of.

    Raises:
        DamagedEntry: it contradicts itself; nothing is allocated before.
    """
    size, length, digests = int(record["piece"]), int(record["length"]), record["digests"]
    if size <= 0 or length <= 0 or len(digests) != -(-length // size):
        raise DamagedEntry("The entry's table of blobs contradicts itself.")
    if not all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in digests):
        raise DamagedEntry("The entry's table of blobs names no blobs.")
    return Pieces(size, length, tuple(digests))


def cut(length: int, piece_bytes: int) -> Sequence[tuple[int, int]]:
    """Return where each piece begins and ends."""
    return [(at, min(at + piece_bytes, length)) for at in range(0, length, piece_bytes)]


def raw_view(buffer: Any) -> memoryview:
    """Return the buffer's memory as flat bytes, in C or Fortran order alike."""
    from pickle import PickleBuffer

    try:
        return PickleBuffer(buffer).raw()
    except BufferError as error:
        raise StoreError(f"A buffer cannot be stored: {error}.") from error


def is_large(buffer: Any) -> bool:
    """Whether a buffer becomes blobs."""
    return memoryview(buffer).nbytes >= BLOB_FROM_BYTES


def choose_piece_bytes(buffer: Any) -> int:
    """Return how long the pieces of a buffer are; a function of its shape alone.

    A buffer of two axes says that its rows change one by one. Below 8 MiB its pieces are whole
    rows, and it is copied when it is restored; above, they begin at pages, and it is mapped.
    """
    view = memoryview(buffer)
    has_rows = view.ndim == 2 and view.format == "B" and view.c_contiguous
    row_bytes = view.nbytes // view.shape[0] if has_rows and view.shape else 0
    if _SHORTEST_ROW <= row_bytes < view.nbytes:
        least = max(_SMALLEST_ROWS, view.nbytes // _MOST_ROWS)
        if view.nbytes < _PAGED_BYTES:
            return row_bytes * -(-least // row_bytes)
        return max(1, max(row_bytes, least) // PAGE_BYTES) * PAGE_BYTES
    if view.nbytes < _DIVIDED_BYTES:
        return view.nbytes
    return _power_below(max(view.nbytes // 32, min(view.nbytes // 4, _LONG_BYTES)))


def _power_below(number: int) -> int:
    """Return the largest power of two that is no larger."""
    return 1 << (number.bit_length() - 1)
