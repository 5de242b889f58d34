"""The session's way to its store: opened when first needed, never in the cell's way."""

from __future__ import annotations

import atexit
import platform
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nbcache.deps.folders import importing_from
from nbcache.entry import Body, Entry
from nbcache.errors import StoreError
from nbcache.events import CellEvent, State
from nbcache.holding import Stores, pack_for, packing, take_lock, unpack
from nbcache.key import digest_late
from nbcache.policy import Policy
from nbcache.reading import Reading, Request
from nbcache.replay.codec import load
from nbcache.replay.codes import nested_codes
from nbcache.replay.hushed import hushed
from nbcache.replay.imports import with_modules
from nbcache.replay.recorded import Recording
from nbcache.runs import Run
from nbcache.settings import Settings
from nbcache.store.protocol import Lock, Store, Waiting
from nbcache.store.rows import rows_of
from nbcache.store.usage import Use, note_use
from nbcache.trail import Trail, cell_names
from nbcache.transactions import STAYS, staged, transaction

_NOT_COUNTED = frozenset({State.OFF, State.ERROR})


class Shelf:
    """Finds, loads and stores the entries of one session; a broken store is told once."""

    def __init__(
        self,
        open_store: Callable[[str, Callable[[str], None]], Store],
        settings: Settings,
        trail: Trail | None = None,
    ) -> None:
        self.settings = settings
        self.trail = trail or Trail()
        self.stores = Stores(lambda place: open_store(place, self._tell))
        self._policy = Policy()
        self.groups: dict[str, transaction] = {}
        self._whole = transaction() if settings.atomic else None
        atexit.register(self.end_groups)
        self._told: set[str] = set()
        self._problems: list[str] = []

    def choose(self, policy: Policy, *, is_inner: bool = False) -> None:
        """Turn to the store of the cell that is under way; groups of other cells end here."""
        self._policy = policy
        for name in [] if is_inner else [name for name in self.groups if name != policy.group]:
            self.end_group(name)

    def end_group(self, name: str, *, keep: bool = True) -> int:
        """Store the results of a group, or forget them; return how many there were."""
        group = self.groups.pop(name, None)
        if group is None:
            return 0
        count = group.count
        try:
            group.commit() if keep else group.rollback()
        except StoreError as problem:
            self._tell(str(problem))
        return count

    def commit_run(self) -> None:
        """Store the results of a run that was asked to be atomic; unless called, none is.

        Raises:
            StoreError: the store could not take all of them, so it took none.
        """
        self.end_groups()
        if self._whole is not None:
            self._whole.commit()

    def drop_group(self, name: str) -> str:
        """Forget the results of a group one of whose cells raised; return what to tell."""
        count = self.end_group(name, keep=False)
        return f"group `{name}` was rolled back: {count} result(s) were not stored; {STAYS}"

    def end_groups(self) -> None:
        """Store the results of every group that is under way."""
        for name in list(self.groups):
            self.end_group(name)

    @property
    def store(self) -> Store:
        """The store of the cell that was last under way, opened on first use.

        Raises:
            StoreError: it can't be opened.
        """
        store = staged(self.stores.of(self._policy))
        store = self._whole.over(store) if self._whole is not None else store
        name = self._policy.group
        return self.groups.setdefault(name, transaction()).over(store) if name else store

    @property
    def label(self) -> str:
        """The store's name for people; empty when it is out of order."""
        try:
            return self.store.label
        except StoreError:
            return ""

    def find(self, key: str) -> Sequence[Entry]:
        """Return the entries under a key, newest first; none when the store is broken."""
        try:
            return self.store.find(key)
        except StoreError as problem:
            self._tell(str(problem))
            return ()

    def forget(self, is_meant: Callable[[Any], bool], key: str = "") -> int:
        """Remove stored runs from every store in use; return how many there were.

        With a key only what lies under it is looked at.

        Raises:
            StoreError: a store is broken.
        """
        names = set()
        for store in {id(one): one for one in (self.store, *self.stores.everywhere())}.values():
            held: list[Any] = [*(store.find(key) if key else rows_of(store))]
            meant = list(filter(is_meant, held))
            for entry in meant:
                store.remove(entry)
                names.add((entry.name, entry.stored_at))
            if meant and hasattr(store, "collect_soon"):
                store.collect_soon()
        return len(names)

    def nearest(self, request: Request, source_digest: str) -> Entry | None:
        """Return the last stored run of this cell, whatever its key was; None if unknown."""
        for key, variant in self.trail.last(self._names(request, source_digest)):
            for entry in self.find(key):
                if entry.variant == variant:
                    return entry
        return None

    def _names(self, request: Request, source_digest: str) -> list[str]:
        return cell_names(source_digest, request.cell_id, request.title, self.settings.notebook)

    def lock(self, key: str, policy: Policy, waiting: Waiting | None = None) -> Lock | None:
        """Wait until no other kernel computes ``key``; None where that can't be known."""
        try:
            return take_lock(self.store, policy, key, waiting)
        except StoreError:
            return None  # a store that is broken was told of at the look-up

    def load_values(self, entry: Entry, reading: Reading) -> dict[str, Any]:
        """Return the values of an entry over the live objects of a reading.

        Raises:
            CacheError: they can't be read or restored here.
        """
        return _load(unpack(entry, self.store.load(entry)), entry.effects, reading)

    def load_fresh(self, recording: Recording, reading: Reading) -> dict[str, Any]:
        """Return the values of a recording as a hit would bring them back."""
        from nbcache.own_memory import copy_of

        body = Body(recording.body.stream, [copy_of(one) for one in recording.body.buffers])
        return _load(body, recording.effects, reading)

    def store_run(self, run: Run, recording: Recording, now: float) -> Entry:
        """Store a recording and return its entry.

        Raises:
            StoreError: the store could not take it.
        """
        reading = run.reading
        assert reading is not None  # noqa: S101 - a recorded run was read before
        entry = Entry(
            key=reading.key,
            variant=digest_late(recording.late),
            stored_at=now,
            ttl=run.policy.ttl,
            cost=run.cost,
            title=run.request.title,
            notebook=self.settings.notebook,
            parts=reading.parts,
            late=recording.late,
            outputs=recording.outputs,
            effects={**recording.effects, **packing(run.policy)},
            notes=run.notes,
            versions={"python": platform.python_version()},
            about={**reading.about, "writes": list(recording.writes)},
        )
        stored = self.store.put(entry, pack_for(run.policy, recording.body))
        self.trail.note(self._names(run.request, reading.source.digest), stored.name)
        return stored

    def note_use(self, event: CellEvent, now: float) -> None:
        """Count a cell that was served or ran, for the savings that ``stats`` shows."""
        if self.settings.read_only or event.state in _NOT_COUNTED or not self.label:
            return
        store = self.store
        served = int(event.is_served)
        use = Use(self.settings.notebook, now, served, 1 - served, event.saved)
        note_use(getattr(store, "location", ""), use)

    def take_problems(self) -> tuple[str, ...]:
        """Return what the store had to tell since the last call; each thing is told once."""
        problems, self._problems = tuple(self._problems), []
        return problems

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._problems.append(text)


def _load(body: Body, effects: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    path, modules = (effects.get(name, ()) for name in ("import_path", "bound_modules"))
    with hushed(), importing_from(path), with_modules(reading.walk.namespace, dict(modules)):
        return load(body, reading.walk, lambda: nested_codes(reading.request))
