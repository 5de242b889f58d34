"""Putting a session together: the one place where its parts are chosen."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from nbcache.deps.digests import keep_table
from nbcache.deps.trackers import standard_trackers
from nbcache.replay.outputs import Tap, tap_of
from nbcache.session import Session
from nbcache.settings import Settings
from nbcache.shelf import Shelf
from nbcache.store.opening import find_location, open_store
from nbcache.store.protocol import Store
from nbcache.store.signing import find_key_folder
from nbcache.trail import Trail


def make_session(shell: Any, settings: Settings, history: Sequence[str]) -> Session:
    """Return a session over the user's store for one shell; ``history`` is what ran before."""

    def opened(place: str, tell: Callable[[str], None]) -> Store:
        store: Store = open_store(place or settings.location or None, tell=tell)
        return store

    def tap() -> Tap:
        return tap_of(shell)

    location = settings.location or find_location()
    own = (location, find_key_folder())
    trackers = standard_trackers(own, history=history, namespace=shell.user_ns)
    folder = find_location() if "://" in location else location
    keep_table(os.path.join(folder, "digests.json"))
    trail = Trail(os.path.join(folder, "trail"))
    return Session(shell, Shelf(opened, settings, trail), trackers, tap)
