"""A store in this process's memory, bounded by bytes; what was used longest ago goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from nbcache.entry import Body, Entry
from nbcache.errors import StoreError
from nbcache.store.protocol import Lock, Store, Waiting

LIMIT_BYTES = 256 * 1024 * 1024


class MemoryStore:
    """Entries by name; values are bytes, so that nobody's changes reach them."""

    label = "memory"

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        self._held: OrderedDict[str, tuple[Entry, Body]] = OrderedDict()
        self._names: dict[str, list[str]] = {}
        self._lock = threading.RLock()

    def find(self, key: str) -> Sequence[Entry]:
        """Return the entries under ``key``, newest first."""
        with self._lock:
            found = [self._held[name][0] for name in self._names.get(key, ())]
        return sorted(found, key=lambda entry: entry.stored_at, reverse=True)

    def load(self, entry: Entry) -> Body:
        """Return the values of ``entry``; its buffers are copies."""
        with self._lock:
            held = self._held.get(entry.name)
            if held is None or held[0].stored_at != entry.stored_at:
                raise StoreError(f"Entry {entry.name} is no longer in memory.")
            self._held.move_to_end(entry.name)
        from nbcache.own_memory import copy_of  # a session that keeps nothing in memory needs none

        return Body(held[1].stream, [copy_of(buffer) for buffer in held[1].buffers])

    def put(self, entry: Entry, body: Body) -> Entry:
        """Keep an entry; one larger than the limit is not kept."""
        copy = Body(bytes(body.stream), [bytes(memoryview(b).cast("B")) for b in body.buffers])
        stored = replace(entry, size_bytes=entry.size_bytes or copy.size_bytes)
        with self._lock:
            self.remove(entry)
            if copy.size_bytes > self.limit_bytes:
                return stored
            self._held[entry.name] = stored, copy
            self._names.setdefault(entry.key, []).append(entry.name)
            self.size_bytes += copy.size_bytes
            while self.size_bytes > self.limit_bytes:
                self.remove(next(iter(self._held.values()))[0])
        return stored

    def entries(self) -> Iterator[Entry]:
        """Yield every entry."""
        with self._lock:
            yield from [entry for entry, _ in self._held.values()]

    def lock(
        self, key: str, waiting: Waiting | None = None, wait: float | None = None
    ) -> Lock | None:
        """Return None: nobody else sees this memory."""
        return None

    def remove(self, entry: Entry) -> None:
        """Forget one entry; a missing one is no error."""
        with self._lock:
            held = self._held.pop(entry.name, None)
            if held is None:
                return
            self.size_bytes -= held[1].size_bytes
            names = self._names[entry.key]
            names.remove(entry.name)
            if not names:
                del self._names[entry.key]


SHARED = MemoryStore()
"""The memory tier of this process."""


class TieredStore:
    """A store whose entries are kept in memory too: read from there first, written to both."""

    def __init__(self, memory: MemoryStore, backing: Store) -> None:
        self._memory = memory
        self._backing = backing

    @property
    def label(self) -> str:
        """The name of the store behind."""
        return self._backing.label

    def find(self, key: str) -> Sequence[Entry]:
        """Return the entries in memory, then those of the store behind, which is asked late."""
        is_trusted: Any = getattr(self._backing, "is_trusted", lambda entry: True)
        held = [entry for entry in self._memory.find(key) if is_trusted(entry)]
        return _Chained(held, lambda: self._backing.find(key))

    def load(self, entry: Entry) -> Body:
        """Return the values of ``entry``, and keep them in memory."""
        try:
            return self._memory.load(entry)
        except StoreError:
            self._memory.put(entry, self._backing.load(entry))
            return self._backing.load(entry)

    def put(self, entry: Entry, body: Body) -> Entry:
        """Store in both; the store behind goes first."""
        return self._memory.put(self._backing.put(entry, body), body)

    def entries(self) -> Iterator[Entry]:
        """Yield what the store behind has."""
        return self._backing.entries()

    def lock(
        self, key: str, waiting: Waiting | None = None, wait: float | None = None
    ) -> Lock | None:
        """Take the lock of the store behind."""
        return self._backing.lock(key, waiting, wait)

    def remove(self, entry: Entry) -> None:
        """Forget an entry in both."""
        self._memory.remove(entry)
        self._backing.remove(entry)


class _Chained(Sequence[Entry]):
    """Some entries, then others that are looked up only when the first were not enough."""

    def __init__(self, first: Sequence[Entry], rest: Callable[[], Sequence[Entry]]) -> None:
        self._first = first
        self._rest = rest

    def __iter__(self) -> Iterator[Entry]:
        yield from self._first
        names = {entry.name for entry in self._first}
        yield from (entry for entry in self._rest() if entry.name not in names)

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, index: Any) -> Any:
        return list(iter(self))[index]
