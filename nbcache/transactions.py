"""Results that become visible together or not at all: ``with transaction():``, and groups.

What is undone is what would have been stored. Variables that were bound, objects that were
changed and files that were written stay as the code left them: the kernel has no way back.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any

from nbcache.entry import Body, Entry
from nbcache.errors import CacheError, StoreError
from nbcache.store.memory import MemoryStore, TieredStore
from nbcache.store.protocol import Store

STAYS = "variables, objects and files stay as the code left them"
"""What a rollback does not undo."""

_MOST_BYTES = 1 << 40

Hook = Callable[["transaction"], Any]
_current: contextvars.ContextVar[transaction | None] = contextvars.ContextVar(
    "nbcache_transaction", default=None
)


class Stage(TieredStore):
    """A store in front of which new entries wait; whoever holds the stage sees them."""

    def __init__(self, backing: Store) -> None:
        self._waiting = MemoryStore(_MOST_BYTES)
        super().__init__(self._waiting, backing)

    def load(self, entry: Entry) -> Body:
        """Return the values of an entry that waits here, or of the store behind."""
        try:
            return self._waiting.load(entry)
        except StoreError:
            return self._backing.load(entry)

    def put(self, entry: Entry, body: Body) -> Entry:
        """Let an entry wait."""
        return self._waiting.put(entry, body)

    @property
    def count(self) -> int:
        """How many entries wait."""
        return len(list(self._waiting.entries()))

    def commit(self) -> Iterator[tuple[Store, Entry]]:
        """Store what waits, oldest first; yield each entry with the store that has it."""
        for entry in list(self._waiting.entries()):
            yield self._backing, self._backing.put(entry, self._waiting.load(entry))

    def clear(self) -> None:
        """Forget what waits."""
        for entry in list(self._waiting.entries()):
            self._waiting.remove(entry)


class transaction:
    """Stores what cached functions, blocks and cells inside of it give when it ends, or nothing.

    An exception rolls back. A transaction inside another one ends with the outer one.
    """

    def __init__(self) -> None:
        self.state = "pending"
        self._stages: dict[int, Stage] = {}
        self._on_commit: list[Hook] = []
        self._on_rollback: list[Hook] = []
        self._outer: transaction | None = None
        self._token: contextvars.Token[transaction | None] | None = None

    def on_commit(self, hook: Hook) -> Hook:
        """Call ``hook(transaction)`` once everything is stored; also a decorator."""
        self._on_commit.append(hook)
        return hook

    def on_rollback(self, hook: Hook) -> Hook:
        """Call ``hook(transaction)`` when nothing will be stored, the last hook first."""
        self._on_rollback.append(hook)
        return hook

    def over(self, store: Store) -> Store:
        """Return the stage in front of a store."""
        found = self._stages.get(id(store))
        if found is None:
            found = self._stages[id(store)] = Stage(store)
        return found

    @property
    def count(self) -> int:
        """How many results wait to be stored."""
        return sum(stage.count for stage in self._stages.values())

    def commit(self) -> None:
        """Store everything now.

        Raises:
            StoreError: the store could not take all of it; what it took was removed again.
        """
        if self.state != "pending":
            return
        done: list[tuple[Store, Entry]] = []
        try:
            for stage in self._stages.values():
                done.extend(stage.commit())
        except BaseException as error:
            for store, entry in done:
                with suppress(CacheError):
                    store.remove(entry)
            self.rollback()
            if isinstance(error, CacheError):
                raise StoreError(f"The transaction stored nothing: {error}") from error
            raise
        self.state = "committed"
        for hook in self._on_commit:
            hook(self)

    def rollback(self) -> None:
        """Store nothing, and tell the hooks; what the code did besides stays done."""
        if self.state != "pending":
            return
        self.state = "rolled back"
        for stage in self._stages.values():
            stage.clear()
        for hook in reversed(self._on_rollback):
            hook(self)

    def __enter__(self) -> transaction:
        self._outer = _current.get()
        self._token = _current.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._token is not None:
            _current.reset(self._token)
            self._token = None
        if error is not None:
            waiting = self.count
            self.rollback()
            if waiting and hasattr(error, "add_note"):
                error.add_note(f"nbcache: {waiting} result(s) were not stored; {STAYS}")
        elif self._outer is None:
            self.commit()
        elif self.state == "pending":
            self._join(self._outer)

    def _join(self, outer: transaction) -> None:
        """Hand everything to the transaction around this one."""
        for stage in self._stages.values():
            for _ in stage.commit():  # the store behind is the outer one's stage
                pass
        self.state = "joined"
        outer._on_commit += [partial(_call, hook, self) for hook in self._on_commit]
        outer._on_rollback += [partial(_call, hook, self) for hook in self._on_rollback]


def _call(hook: Hook, inner: transaction, outer: transaction) -> None:
    """Tell a hook of the transaction that it was given to, whichever ended."""
    hook(inner)


def staged(store: Store) -> Store:
    """Return the store, or the stage of the transaction that is under way in front of it."""
    found = _current.get()
    if found is None or found.state != "pending":
        return store
    chain: Sequence[transaction] = _outermost_first(found)
    for one in chain:
        store = one.over(store)
    return store


def _outermost_first(innermost: transaction) -> list[transaction]:
    found = [innermost]
    while found[0]._outer is not None:
        found.insert(0, found[0]._outer)
    return found
