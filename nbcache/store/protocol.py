"""What the session needs of a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from nbcache.entry import Body, Entry

Waiting = Callable[[str, float], None]
"""Told once when a wait begins: who computes the key, and since when (Unix time)."""


class Lock(Protocol):
    """A held lock of a key."""

    waited: float

    def release(self) -> None:
        """Give the lock back."""


class Store(Protocol):
    """Keeps entries under their cell key; every method may raise ``StoreError``."""

    @property
    def label(self) -> str:
        """A short name for people, such as the store's folder."""

    def find(self, key: str) -> Sequence[Entry]:
        """Return the verified manifests under ``key``, newest first; skips what is damaged."""

    def load(self, entry: Entry) -> Body:
        """Return the verified values of ``entry``."""

    def put(self, entry: Entry, body: Body) -> Entry:
        """Store the entry atomically and return it with its size filled in."""

    def entries(self) -> Iterator[Entry]:
        """Yield every readable manifest, in no particular order."""

    def lock(
        self, key: str, waiting: Waiting | None = None, wait: float | None = None
    ) -> Lock | None:
        """Wait until no other process computes ``key``, at most ``wait`` seconds.

        None where there are no locks, or the time was up.
        """

    def remove(self, entry: Entry) -> None:
        """Forget one entry; a missing one is no error."""
