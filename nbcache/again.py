"""Cells that were served before: while nothing moved, they are served again without being read.

What is left to look at each time is what may move without a cell: inputs, the store's folders,
late dependencies, the clock. Values that run code when they are restored go the usual way.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nbcache.deps.trackers import Trackers
from nbcache.entry import Body, Entry
from nbcache.errors import CacheError
from nbcache.heap.muted import muted
from nbcache.heap.walk import Walk
from nbcache.pinning import pin_key
from nbcache.policy import decide
from nbcache.reading import Reader, Reading, Request
from nbcache.replay.codec import load_plain
from nbcache.replay.outputs import Tap
from nbcache.replay.replaying import show
from nbcache.runs import Run
from nbcache.shelf import Shelf
from nbcache.store.local import CELLS, ROOT_NAME
from nbcache.store.opening import JoblibStore
from nbcache.store.shards import SHARD_DIGITS, is_settled
from nbcache.unmoved import Grounds, grounds_of

MOST_CELLS = 256
LARGEST_BYTES = 256 << 10
"""Larger entries are looked up anew: what is known of a cell holds its outputs in memory."""

_NOTHING = ("patches", "effects", "annotations", "modules", "made")
_NO_EFFECTS = ("setup", "registered", "import_path", "bound_modules", "payload", "compression")
_Places = tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Known:
    """A cell that was served: what its reading rests on, and the entry that served it."""

    grounds: Grounds
    reading: Reading
    entry: Entry
    store: JoblibStore
    places: _Places


class Again:
    """The cells of one session that can be served again at once, by their text."""

    def __init__(self, reader: Reader, shelf: Shelf, trackers: Trackers) -> None:
        self._reader, self._shelf, self._trackers = reader, shelf, trackers
        self._known: dict[str, Known] = {}

    def serve(self, run: Run, now: float, tap: Callable[[], Tap]) -> bool:
        """Serve a cell as it was served before; return whether that was possible."""
        known = self._known.get(run.request.text)
        if known is None:
            return False
        if not (self._stands(known) and known.grounds.hold(run.request, run.policy, self._reader)):
            del self._known[run.request.text]
            return False
        entry = known.entry
        if self._trackers.check(entry.late) or self._reader.moved(entry, known.reading):
            return False
        decision = decide(entry, run.policy, now, refresh_all=self._shelf.settings.refresh)
        began = time.perf_counter()
        values = self._load(known) if decision.serve else None
        if values is None:
            return False
        self._bind(values)
        shell, count = self._reader.shell, run.request.execution_count
        show(shell, entry, values["result"], count, tap())
        run.reading, run.entry, run.estimate = known.reading, entry, entry.cost
        run.state, run.reasons = decision.state, decision.reasons
        run.load_time = time.perf_counter() - began
        return True

    def _stands(self, known: Known) -> bool:
        """Tell whether the store is the same, and nothing came to or left the cell's places."""
        return self._shelf.store is known.store and all(
            _mark(place) == mark for place, mark in known.places
        )

    def _load(self, known: Known) -> Mapping[str, Any] | None:
        """Return the values of the entry, None if they are there no more."""
        try:
            return load_plain(known.store.load(known.entry), dict(known.grounds.bindings))
        except CacheError:
            return None

    def _bind(self, values: Mapping[str, Any]) -> None:
        """Delete and bind names as the run did."""
        namespace = self._reader.namespace
        with muted():  # what the names were bound to may say something when it goes
            for name in values["delete"]:
                namespace.pop(name, None)
            namespace.update(values["bind"])

    def note(self, run: Run) -> None:
        """Remember a cell that was served the usual way, if all that it rests on is plain."""
        reading, entry, store = run.reading, run.entry, self._shelf.store
        self._known.pop(run.request.text, None)
        if reading is None or entry is None or type(store) is not JoblibStore:
            return
        if any(map(entry.effects.get, _NO_EFFECTS)) or "lines" in entry.late or entry.origin:
            return
        if entry.size_bytes > LARGEST_BYTES:
            return
        if entry.effects.get("compile_flags", 0) & ~run.request.compile_flags:
            return
        places = self._places(store, reading.key, run.request)
        grounds = places and grounds_of(run.policy, reading, self._reader)
        if not places or not grounds or not _is_plain(store.load(entry), grounds):
            return
        if len(self._known) >= MOST_CELLS:
            self._known.clear()
        alone = replace(reading, walk=Walk(reading.walk.namespace))
        self._known[run.request.text] = Known(grounds, alone, entry, store, places)

    def _places(self, store: JoblibStore, key: str, request: Request) -> _Places | None:
        """Return the folders in which the cell's results and its pin lie, as they are now."""
        keys = key, pin_key(request, self._shelf.settings.notebook)
        root = f"{store.location}/{ROOT_NAME}/{'/'.join(CELLS)}"
        found = [
            (place, _mark(place)) for place in (f"{root}/{one[:SHARD_DIGITS]}" for one in keys)
        ]
        return None if any(mark is None for _, mark in found) else tuple(found)


def _is_plain(body: Body, grounds: Grounds) -> bool:
    """Tell whether a run left nothing but names bound to plain values."""
    values = load_plain(body, dict(grounds.bindings))
    return values is not None and not any(map(values.get, _NOTHING))


def _mark(folder: str) -> object:
    """Return what changes with what lies in a folder; None if it may have changed just now."""
    try:
        status = os.lstat(folder)
    except OSError:
        return "missing"
    if not is_settled(status.st_mtime_ns, time.time_ns()):
        return None
    return status.st_mtime_ns, status.st_ino, status.st_dev
