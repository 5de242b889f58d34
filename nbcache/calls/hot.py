"""Small results that this process just used, valid as long as the store's own are in place.

A store that can tell whether an entry is still the one that it was (``mark``) is spared reading
and verifying it again; every other store is asked each time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from nbcache.entry import Body, Entry
from nbcache.store.protocol import Store

LIMIT_BYTES = 64 * 1024 * 1024
LARGEST_BYTES = 1024 * 1024
"""Larger values are read from the store, which maps them into memory."""

_BYTES_AN_ENTRY = 4096


class Hot:
    """Entries with their values by key, those used last; bounded by bytes."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._size = 0
        self._held: OrderedDict[tuple[int, str], tuple[Store, object, Entry, Body]] = OrderedDict()
        self._lock = threading.Lock()

    def chain(self, store: Store, key: str) -> Iterator[Entry]:
        """Yield the entry at hand, if it is still the store's, then what the store finds."""
        held = self._held.get((id(store), key))
        first = None
        if held is not None and held[0] is store and _mark(store, held[2]) == held[1]:
            first = held[2]
            yield first
        for entry in store.find(key):
            if first is None or entry != first:
                yield entry

    def has(self, store: Store, entry: Entry) -> bool:
        """Tell whether an entry is at hand and still the store's."""
        held = self._held.get((id(store), entry.key))
        if held is None or held[0] is not store or held[2] is not entry:
            return False
        return _mark(store, entry) == held[1]

    def load(self, store: Store, entry: Entry) -> Body:
        """Return the values of an entry; their buffers are private."""
        place = (id(store), entry.key)
        held = self._held.get(place)
        if held is not None and held[0] is store and held[2] is entry:
            self._held.move_to_end(place)
            return Body(held[3].stream, [bytearray(buffer) for buffer in held[3].buffers])
        mark = _mark(store, entry)
        body = store.load(entry)
        if mark is not None and body.size_bytes <= LARGEST_BYTES:
            self._keep(place, (store, mark, entry, body))
        return body

    def forget(self, store: Store, key: str) -> None:
        """Let the store be asked for a key that was just written."""
        with self._lock:
            self._drop((id(store), key))

    def _keep(self, place: tuple[int, str], held: tuple[Store, object, Entry, Body]) -> None:
        body = held[3]
        copy = Body(body.stream, [bytes(memoryview(b).cast("B")) for b in body.buffers])
        with self._lock:
            self._drop(place)
            self._held[place] = (*held[:3], copy)
            self._size += copy.size_bytes + _BYTES_AN_ENTRY
            while self._size > self._limit:
                self._drop(next(iter(self._held)))

    def _drop(self, place: tuple[int, str]) -> None:
        old = self._held.pop(place, None)
        if old is not None:
            self._size -= old[3].size_bytes + _BYTES_AN_ENTRY


def _mark(store: Store, entry: Entry) -> object:
    """Return what the store says of an entry as it is now, None if it can't or it is gone."""
    marking: Any = getattr(store, "mark", None)
    return None if marking is None else marking(entry)


HOT = Hot()
"""The one of this process."""
