"""Where a policy's results are held, how they are packed, and under which lock they are made."""

from __future__ import annotations

import importlib
import os
import struct
from collections.abc import Callable
from typing import Any

from nbcache.deps.own_folders import exclude_folder
from nbcache.entry import Body, Entry
from nbcache.errors import CacheError, StoreError
from nbcache.policy import Policy
from nbcache.report import format_bytes
from nbcache.store.memory import SHARED, TieredStore
from nbcache.store.pieces import raw_view
from nbcache.store.protocol import Lock, Store, Waiting

PACKED = "compression"
"""The effect of an entry that names how its values are compressed."""


class Stores:
    """The stores of one session: the usual one, others by name, and those kept in memory."""

    def __init__(self, open_store: Callable[[str], Store]) -> None:
        self._open = open_store
        self._opened: dict[str, Store] = {}
        self._tiered: dict[str, Store] = {}

    def everywhere(self) -> list[Store]:
        """Return the stores that were opened so far, and this process's memory."""
        return [*self._opened.values(), SHARED]

    @property
    def opened(self) -> list[Store]:
        """The stores on disk that were opened so far."""
        return list(self._opened.values())

    def of(self, policy: Policy) -> Store:
        """Return the store of a policy.

        Raises:
            StoreError: it cannot be opened.
        """
        if policy.persist is False:
            return SHARED
        place = policy.store or str(policy.policy.key_storage or "")
        store = self._opened.get(place)
        if store is None:
            store = self._opened[place] = self._open(place)
            location = str(getattr(store, "location", ""))
            if location and "://" not in location:
                exclude_folder(location)
                _trust_blobs(location)
        if not policy.memory:
            return store
        if place not in self._tiered:
            self._tiered[place] = TieredStore(SHARED, store)
        return self._tiered[place]


def _trust_blobs(location: str) -> None:
    """Say where files lie that are never changed, so that what rests on them need not be read."""
    from nbcache.heap.protection import trust_folder
    from nbcache.store.local import ROOT_NAME
    from nbcache.store.pieces import BLOBS

    trust_folder(os.path.join(location, ROOT_NAME, *BLOBS))


def take_lock(
    store: Store, policy: Policy, key: str, waiting: Waiting | None = None
) -> Lock | None:
    """Wait until nobody else computes the key, as the policy says; None where nobody is asked."""
    if not policy.is_exclusive:
        return None
    manager = policy.policy.lock_manager
    try:
        if manager is not None:
            taken: Lock | None = manager.take(key, waiting, policy.wait)
            return taken
        return store.lock(key, waiting, policy.wait)
    except StoreError:
        return None  # a store that is broken was told of at the look-up


def pack(body: Body, codec: str) -> Body:
    """Return the values compressed with one of Python's codecs, each where that pays.

    The stream begins with the length of every part before it was compressed.
    """
    if codec == "none":
        return body
    module: Any = importlib.import_module(codec)
    parts = [memoryview(body.stream), *(raw_view(one) for one in body.buffers)]
    packed = [_shrink(part, module) for part in parts]
    pairs = list(zip((body.stream, *body.buffers), packed, strict=True))
    lengths = [_AS_IT_IS if new is None else memoryview(old).nbytes for old, new in pairs]
    kept = [old if new is None else new for old, new in pairs]
    head = _MARK + _LENGTH.pack(len(lengths)) + b"".join(map(_LENGTH.pack, lengths))
    return Body(head + kept[0], kept[1:])


def pack_for(policy: Policy, body: Body) -> Body:
    """Return the values packed as a policy says.

    Raises:
        StoreError: they are larger than the policy lets be stored.
    """
    packed = pack(body, policy.compression)
    if policy.most_bytes is not None and packed.size_bytes > policy.most_bytes:
        raise StoreError(
            f"Not stored: the result takes {format_bytes(packed.size_bytes)}, more than"
            f" {format_bytes(policy.most_bytes)}. Raise max_size, or leave large names out by drop."
        )
    return packed


def unpack(entry: Entry, body: Body) -> Body:
    """Return the values as they were before ``pack``; the entry says how.

    Raises:
        CacheError: they are not what was packed, or would grow beyond what they were.
    """
    codec = entry.effects.get(PACKED, "none")
    if codec == "none":
        return body
    try:
        module: Any = importlib.import_module(codec)
        start, (count,) = len(_MARK) + 8, _LENGTH.unpack_from(body.stream, len(_MARK))
        if not body.stream.startswith(_MARK) or count != 1 + len(body.buffers):
            raise ValueError("its parts are not those that were packed")
        lengths = [_LENGTH.unpack_from(body.stream, start + 8 * n)[0] for n in range(count)]
        parts = [body.stream[start + 8 * count :], *body.buffers]
        grown = [_grow(part, length, module) for part, length in zip(parts, lengths, strict=True)]
        return Body(bytes(grown[0]), grown[1:])
    except Exception as error:
        raise CacheError(f"its values can't be decompressed ({codec}): {error}") from error


_MARK = b"NBCP"
_LENGTH = struct.Struct("<Q")
_AS_IT_IS = (1 << 64) - 1
_MUST_SAVE = 0.05


def _shrink(part: memoryview, module: Any) -> bytes | None:
    """Return a part compressed, None where that saves next to nothing."""
    small: bytes = module.compress(part)
    return small if len(small) <= part.nbytes * (1 - _MUST_SAVE) else None


def _grow(part: Any, length: int, module: Any) -> Any:
    """Return a part as it was, writable; never more of it than was said."""
    if length == _AS_IT_IS:
        return part
    kinds = {"zlib": "decompressobj", "lzma": "LZMADecompressor", "bz2": "BZ2Decompressor"}
    stream = getattr(module, kinds[module.__name__])()
    found = stream.decompress(bytes(part), length + 1)
    if len(found) != length or not stream.eof or stream.unused_data:
        raise ValueError(f"{length} bytes were packed, and others come out")
    return bytearray(found)


def packing(policy: Policy) -> dict[str, str]:
    """Return the effect by which an entry tells how it is packed."""
    return {} if policy.compression == "none" else {PACKED: policy.compression}
