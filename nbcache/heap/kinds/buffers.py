"""Memory of any layout at the speed of reading it: whole, strided, masked, or full of strings.

Nothing here copies more than a block that stays in a core's cache. Memory of 64 MiB and more is
digested in leaves of a fixed size, on a few threads: the digest does not depend on how many.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import xxhash

from nbcache.heap.tokens import digest
from nbcache.heap.untouched import FROM_BYTES, UNTOUCHED

BLOCK_BYTES = 1 << 19
"""What is gathered at a time."""

BLOCK_STRINGS = 1 << 12
"""Strings that are joined at a time."""

LEAF_BYTES = 8 << 20
LARGE_BYTES = 64 << 20
MOST_THREADS = 4

_ITEMS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


class Stream:
    """Digests memory that comes in parts as ``whole`` does what lies in one piece."""

    def __init__(self, total_bytes: int) -> None:
        self._is_large = total_bytes >= LARGE_BYTES
        self._room = LEAF_BYTES if self._is_large else total_bytes + 1
        self._state = xxhash.xxh3_128()
        self._leaves: list[bytes] = []

    def add(self, memory: Any) -> None:
        """Take the next part, which is contiguous bytes."""
        view = memoryview(memory)
        while len(view) >= self._room:
            self._state.update(view[: self._room])
            view = view[self._room :]
            self._leaves.append(self._state.digest())
            self._state.reset()
            self._room = LEAF_BYTES
        self._state.update(view)
        self._room -= len(view)

    def digest(self) -> bytes:
        """Return the digest of all parts."""
        if not self._is_large:
            return bytes(self._state.digest())
        last = [self._state.digest()] if self._room < LEAF_BYTES else []
        return digest(b"".join([*self._leaves, *last]))


def content(array: Any) -> bytes:
    """Return the digest of an array's elements, in the order in which they lie in memory."""
    if array.flags.c_contiguous:
        return whole(bytes_of(array))
    return content_in_order(in_memory_order(array))


def content_in_order(rows: Any) -> bytes:
    """Return the digest of an array's elements, the last axis the quickest."""
    if rows.flags.c_contiguous or not rows.nbytes:
        return whole(bytes_of(rows))
    stream, scratch = Stream(rows.nbytes), np.empty(BLOCK_BYTES, np.uint8)
    for block in _blocks(rows.view(_ITEMS.get(rows.itemsize) or f"V{rows.itemsize}")):
        copy = _place_in(scratch, block)
        np.copyto(copy, block)
        stream.add(bytes_of(copy))
    return stream.digest()


def in_memory_order(array: Any) -> Any:
    """Return the array with its axes from the slowest to the quickest, as they lie in memory."""
    if array.flags.c_contiguous:
        return array
    strides = array.strides
    return array.transpose(sorted(range(array.ndim), key=lambda axis: -abs(strides[axis])))


def whole(memory: Any) -> bytes:
    """Return the digest of contiguous bytes; leaf by leaf, on threads, where there are many."""
    size = len(memory)
    if size < FROM_BYTES or not UNTOUCHED.is_on:
        return _in_leaves(memory)
    address = np.frombuffer(memory, np.uint8).__array_interface__["data"][0]
    return UNTOUCHED.digest(address, memoryview(memory), partial(_in_leaves, memory))


def _in_leaves(memory: Any) -> bytes:
    if len(memory) < LARGE_BYTES:
        return digest(memory)
    view = memoryview(memory)
    leaves = [view[start : start + LEAF_BYTES] for start in range(0, len(view), LEAF_BYTES)]
    return digest(b"".join(_digests(leaves)))


def _digests(leaves: list[memoryview]) -> list[bytes]:
    threads = min(MOST_THREADS, os.cpu_count() or 1)
    if threads > 1:
        try:  # the name keeps the count of unnamed pools, which a cell can see, as it is
            with ThreadPoolExecutor(threads, thread_name_prefix="nbcache-digest") as pool:
                return list(pool.map(digest, leaves))
        except RuntimeError:  # no thread can be started any more: the process ends
            pass
    return list(map(digest, leaves))


def masked_content(data: Any, mask: Any) -> bytes:
    """Return the digest of an array's elements, all that is masked counting as zero."""
    if not mask.any():
        return content(data)
    stream = Stream(data.nbytes)
    add_kept(stream, data.reshape(-1), ~mask.reshape(-1))
    return stream.digest()


def add_kept(stream: Stream, data: Any, kept: Any) -> None:
    """Add a vector's elements to a stream, zeros in place of those that do not count."""
    scratch, items = np.empty(BLOCK_BYTES, np.uint8), data.view(_ITEMS[data.itemsize])
    step = BLOCK_BYTES // items.itemsize
    for start in range(0, len(items), step):
        block = items[start : start + step]
        copy = _place_in(scratch, block)
        np.multiply(block, kept[start : start + step], out=copy)
        stream.add(bytes_of(copy))


def texts(values: Any) -> bytes | None:
    """Return the token of a vector of objects that are all plain strings, None for any other."""
    if not len(values) or type(values[0]) is not str:
        return None
    stream = xxhash.xxh3_128()
    for start in range(0, len(values), BLOCK_STRINGS):
        block = values[start : start + BLOCK_STRINGS].tolist()
        if list(map(type, block)).count(str) != len(block):
            return None
        memory = ("\0".join(block) + "\0").encode("utf-8", "surrogatepass")
        if np.count_nonzero(np.frombuffer(memory, np.uint8) == 0) != len(block):
            return None  # one holds a zero: where it ends would not be plain
        stream.update(memory)
    return b"T%d:" % len(values) + bytes(stream.digest())


def _place_in(scratch: Any, block: Any) -> Any:
    """Return memory of the scratch, laid out for a copy of the block."""
    if block.nbytes > len(scratch):  # a single item of that size
        return np.empty(block.shape, block.dtype)
    return scratch[: block.nbytes].view(block.dtype).reshape(block.shape)


def _blocks(items: Any) -> Iterator[Any]:
    """Cut an array along its first axes into parts that the scratch can hold."""
    row_bytes = items.nbytes // len(items)
    if row_bytes > BLOCK_BYTES and items.ndim > 1:
        for row in items:
            yield from _blocks(row)
        return
    step = max(1, BLOCK_BYTES // row_bytes)
    for start in range(0, len(items), step):
        yield items[start : start + step]


def bytes_of(array: Any) -> Any:
    """Return the memory of a contiguous array as bytes."""
    if not array.nbytes:
        return b""
    return (array if array.ndim == 1 else array.reshape(-1)).view(np.uint8).data
