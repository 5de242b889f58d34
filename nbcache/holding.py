"""Where a policy's results are held, how they are packed, and under which lock they are made."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from nbcache.deps.file_scope import exclude_folder
from nbcache.entry import Body, Entry
from nbcache.errors import CacheError, StoreError
from nbcache.policy import Policy
from nbcache.store.memory import SHARED, TieredStore
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
        if not policy.memory:
            return store
        if place not in self._tiered:
            self._tiered[place] = TieredStore(SHARED, store)
        return self._tiered[place]


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
    """Return the values compressed with one of Python's codecs."""
    if codec == "none":
        return body
    module: Any = importlib.import_module(codec)
    buffers = [module.compress(bytes(memoryview(buffer).cast("B"))) for buffer in body.buffers]
    return Body(module.compress(body.stream), buffers)


def unpack(entry: Entry, body: Body) -> Body:
    """Return the values as they were before ``pack``; the entry says how.

    Raises:
        CacheError: they are not what was packed.
    """
    codec = entry.effects.get(PACKED, "none")
    if codec == "none":
        return body
    try:
        module: Any = importlib.import_module(codec)
        buffers = [bytearray(module.decompress(bytes(buffer))) for buffer in body.buffers]
        return Body(module.decompress(body.stream), buffers)
    except Exception as error:
        raise CacheError(f"its values can't be decompressed ({codec}): {error}") from error


def packing(policy: Policy) -> dict[str, str]:
    """Return the effect by which an entry tells how it is packed."""
    return {} if policy.compression == "none" else {PACKED: policy.compression}
