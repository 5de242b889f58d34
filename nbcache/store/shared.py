"""A local store in front of one that machines share: read through, written behind.

What is missing here is fetched, verified and kept here; what is stored here goes to the shared
store in the background. A shared store that cannot be reached never stops a cell: one word in
the status, then this machine alone, and another try after a while.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, overload

from nbcache.entry import Body, Entry
from nbcache.errors import StoreError, StoreUnavailable, TooLarge
from nbcache.store.envelope import disclose, enclose
from nbcache.store.header import read_manifest
from nbcache.store.identity import Identity
from nbcache.store.origins import Posture
from nbcache.store.outbox import Outbox
from nbcache.store.patience import within
from nbcache.store.protocol import Lock, Waiting
from nbcache.store.remote import Remote, shown, unreachable

T = TypeVar("T")

RETRY_AFTER = 60.0
"""Seconds after which a remote that failed is tried again."""

_PATIENCE_AT_EXIT = 20.0
_PATIENCE_TO_LIST = 10.0
_PATIENCE_TO_FETCH = 120.0
"""Seconds that a cell waits for a shared store that does not answer: for names, for an entry."""


class Candidates(Sequence[Entry]):
    """Entries found here, and those of the shared store as soon as somebody asks further.

    What expired here comes last, unless the shared store has a later one of its name.
    """

    def __init__(
        self, found: Sequence[Entry], now: float, fetch: Callable[[], Sequence[Entry]]
    ) -> None:
        self._found = [entry for entry in found if entry.is_young(now)]
        self._expired = [entry for entry in found if not entry.is_young(now)]
        self._fetch: Callable[[], Sequence[Entry]] | None = fetch

    def _complete(self) -> list[Entry]:
        fetch, self._fetch = self._fetch, None
        if fetch is not None:
            known = {entry.name for entry in self._found}
            self._found += [entry for entry in fetch() if entry.name not in known]
            known = {entry.name for entry in self._found}
            self._found += [entry for entry in self._expired if entry.name not in known]
        return self._found

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(index, int) and 0 <= index < len(self._found):
            return self._found[index]
        return self._complete()[index]

    def __len__(self) -> int:
        return len(self._complete())

    def __iter__(self) -> Iterator[Entry]:
        yield from list(self._found)
        seen = len(self._found)
        yield from self._complete()[seen:]


class SharedStore:
    """``local`` is the store here, ``key`` signs its entries, ``identity`` those that are sent."""

    def __init__(
        self,
        local: Any,
        remote: Remote,
        identity: Identity,
        key: bytes,
        *,
        posture: Posture = "on",
        tell: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.local, self.remote = local, remote
        self._now = now
        self._renewed_at: dict[str, float] = {}
        self._identity, self._key, self._posture = identity, key, posture
        self._tell = tell or (lambda text: None)
        self._clock = clock
        self._retry_at = float("-inf")
        self._is_down = False
        self.outbox = Outbox(os.path.join(local.location, "outbox"), remote.url)
        self._wakeup = threading.Event()
        self._worker: threading.Thread | None = None
        self._is_closing = False

    def __getattr__(self, name: str) -> Any:
        """Take what concerns this machine alone (limits, ``memory``) from the local store."""
        return getattr(self.local, name)

    @property
    def label(self) -> str:
        """The shared store's URL without its password, and the local folder."""
        return f"{shown(self.remote.url)} through {self.local.label}"

    def find(self, key: str) -> Sequence[Entry]:
        """Return the entries under ``key``: those here, then those of the shared store."""
        return Candidates(self.local.find(key), self._now(), lambda: self._fetch_all(key))

    def load(self, entry: Entry) -> Body:
        """Return the verified values of ``entry``, which is here since it was found."""
        body: Body = self.local.load(entry)
        return body

    def put(self, entry: Entry, body: Body) -> Entry:
        """Store the entry here, and send it in the background."""
        stored: Entry = self.local.put(entry, body)
        self.outbox.add(stored.name)
        self._start_worker()
        return stored

    def entries(self) -> Iterator[Entry]:
        """Yield the entries that are here."""
        return iter(self.local.entries())

    def lock(
        self, key: str, waiting: Waiting | None = None, wait: float | None = None
    ) -> Lock | None:
        """Wait for other processes of this machine; a lock manager of Redis is for others."""
        lock: Lock | None = self.local.lock(key, waiting, wait)
        return lock

    def remove(self, entry: Entry) -> None:
        """Forget the entry here; the shared store keeps it for the others."""
        self.outbox.discard(entry.name)
        self.local.remove(entry)

    def pull(self, name: str) -> Entry | None:
        """Fetch one entry into the local store; None if there is none.

        Raises:
            StoreError: the shared store cannot be reached, or the entry cannot be trusted.
        """
        data = self.remote.get(name)
        return None if data is None else self._adopt(name, data)

    def _adopt(self, name: str, data: bytes, after: float | None = None) -> Entry | None:
        """Verify what was fetched, and keep it here; only if it was stored after that moment."""
        file = disclose(name, data, self._identity, self._key, self._posture)
        if after is not None:
            stored_at = read_manifest(file, len(file), self._key).entry.stored_at
            if stored_at <= after:
                return None
        adopted: Entry = self.local.adopt(name, file)
        return adopted

    def push(self, name: str) -> None:
        """Send one entry that is here.

        Raises:
            StoreError: it cannot be read, or the shared store cannot be reached.
        """
        self.remote.put(name, enclose(name, self.local.read_file(name), self._identity))

    def flush(self, patience: float | None = None) -> int:
        """Send what waits in the outbox, at most ``patience`` seconds; return how much is left."""
        until = None if patience is None else self._clock() + patience
        for name in self.outbox.names():
            if until is not None and self._clock() > until:
                break
            mark = self.outbox.mark(name)
            try:
                self.push(name)
            except StoreUnavailable as problem:
                self._note_failure(problem)
                break
            except TooLarge as problem:
                self._tell(str(problem))
            except StoreError:
                pass  # it is here no more: there is nothing to send
            else:
                self._is_down = False
            self.outbox.discard(name, mark)  # it may have been stored anew meanwhile
        return len(self.outbox.names())

    def _fetch_all(self, key: str) -> list[Entry]:
        """Return the shared store's entries under a key that are not here, or expired here.

        None when it fails.
        """
        if self._clock() < self._retry_at:
            return []
        known = {entry.name: entry for entry in self.local.find(key)}
        found = []
        try:
            for name in self._ask(_PATIENCE_TO_LIST, lambda: list(self.remote.names(key))):
                here = known.get(name)
                if here is None:
                    found += self._pull_quietly(name)
                elif self._may_be_renewed(here):
                    found += self._pull_quietly(name, here.stored_at)
            self._is_down = False
        except StoreUnavailable as problem:
            self._note_failure(problem)
        return sorted(found, key=lambda entry: entry.stored_at, reverse=True)

    def _may_be_renewed(self, here: Entry) -> bool:
        """Whether to fetch what is here and expired: somebody may have stored it anew.

        Once in a while, since what is there is mostly the same.
        """
        now = self._clock()
        if here.is_young(self._now()) or now < self._renewed_at.get(here.name, now):
            return False
        self._renewed_at[here.name] = now + RETRY_AFTER
        return True

    def _pull_quietly(self, name: str, after: float | None = None) -> list[Entry]:
        data = self._ask(_PATIENCE_TO_FETCH, lambda: self._get(name))
        try:
            adopted = None if data is None else self._adopt(name, data, after)
        except StoreError as problem:
            self._tell(str(problem))
            return []
        return [] if adopted is None else [adopted]

    def _get(self, name: str) -> bytes | None:
        """Return what lies in the shared store under a name; a word on what is refused."""
        try:
            return self.remote.get(name)
        except StoreUnavailable:
            raise
        except StoreError as problem:
            self._tell(str(problem))
            return None

    def _ask(self, seconds: float, act: Callable[[], T]) -> T:
        """Ask the shared store something; one that does not answer cannot be reached."""
        try:
            return within(seconds, act)
        except TimeoutError as error:
            raise unreachable(self.remote.url, error) from error

    def _note_failure(self, problem: StoreUnavailable) -> None:
        """Leave the shared store alone for a while; an outage is told of once."""
        self._retry_at = self._clock() + RETRY_AFTER
        was_down, self._is_down = self._is_down, True
        if not was_down:
            alone = f"Working with {self.local.label} alone; tried again every minute."
            self._tell(f"{problem} {alone}")

    def _start_worker(self) -> None:
        self._wakeup.set()
        if self._worker is None or not self._worker.is_alive():
            if self._worker is None:
                atexit.register(self.close)
            self._worker = threading.Thread(target=self._work, name="nbcache-outbox", daemon=True)
            self._worker.start()

    def _work(self) -> None:
        """Send what is stored, as it comes; what fails waits for the next try."""
        while not self._is_closing:
            self._wakeup.wait(RETRY_AFTER)
            self._wakeup.clear()
            if self._clock() >= self._retry_at and not self._is_closing:
                with contextlib.suppress(Exception):
                    self.flush()

    def close(self) -> None:
        """Send what is left, for a little while; the rest is sent by the next session."""
        self._is_closing = True
        self._wakeup.set()
        worker = self._worker
        if worker is not None and worker is not threading.current_thread():
            worker.join(_PATIENCE_AT_EXIT)
            if worker.is_alive():
                return
        with contextlib.suppress(Exception):
            if self._clock() >= self._retry_at:
                self.flush(_PATIENCE_AT_EXIT)
