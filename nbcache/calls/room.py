"""Where calls are cached: the store, the trackers and the switches of this process.

In a kernel with nbcache loaded they are those of its session, so that a cell that is being
recorded learns what a cached call inside it depended on. A plain script has its own.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nbcache.deps.trackers import Trackers, standard_trackers
from nbcache.holding import Stores
from nbcache.layers import Layer, find_layers, policy_over
from nbcache.policy import Policy
from nbcache.settings import Settings, read_settings
from nbcache.store.opening import find_location, open_store

_SWITCHES = (
    "NBCACHE_DIR", "NBCACHE_KEY_DIR", "NBCACHE_DISABLE", "NBCACHE_REFRESH", "NBCACHE_READ_ONLY",
    "NBCACHE_REQUIRE", "NBCACHE_TTL", "NBCACHE_POLICY", "NBCACHE_STORE",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Room:
    """What calls share in one process, under one environment."""

    settings: Settings
    trackers: Trackers
    stores: Stores
    layers: Sequence[Layer] = ()
    now: Callable[[], float] = time.time

    def policy(self) -> Policy:
        """Return the policy of a function or block that asks for nothing itself.

        Raises:
            OptionError: a setting is wrong; the message names where it comes from.
        """
        settings = self.settings
        base = policy_over(Policy(), self.layers, self.clock())
        return replace(
            base,
            require=settings.require or base.require,
            read_only=settings.read_only or base.read_only,
        )

    def clock(self) -> float:
        """Return the Unix time."""
        return self.now()


# Past the encoding of each name, which costs six times as much as the look-up.
_variables: dict[Any, Any] = os.environ._data  # type: ignore[attr-defined]
_ENCODED = tuple(map(os.environ.encodekey, _SWITCHES))
_rooms: dict[str, tuple[object, Room]] = {}


def current_room() -> Room:
    """Return the room of this process as it is now."""
    session = _session()
    mark: object = session if session is not None else tuple(map(_variables.get, _ENCODED))
    known = _rooms.get("now")
    if known is None or known[0] != mark:
        room = _kernel_room(session) if session is not None else _script_room()
        known = _rooms["now"] = mark, room
    return known[1]


def _session() -> Any:
    """Return the session of the IPython shell that runs here, if nbcache is loaded in it."""
    package = sys.modules.get("IPython")
    shell = package.get_ipython() if package is not None else None
    extension = getattr(shell, "_nbcache_extension", None)
    return None if extension is None else extension.session


def _kernel_room(session: Any) -> Room:
    def now() -> float:
        return float(session.clock())

    shelf = session.shelf
    layers = _layers(shelf.settings)
    return Room(shelf.settings, session.trackers, shelf.stores, layers, now)


def _layers(settings: Settings) -> list[Layer]:
    notebook, folder = settings.notebook, os.getcwd()
    return find_layers(os.environ, configured={}, notebook=notebook, folder=folder)


def _script_room() -> Room:
    settings = read_settings(os.environ)
    location = settings.location or find_location()
    main = sys.modules["__main__"].__dict__
    trackers = standard_trackers((location,), namespace=main)
    stores = Stores(lambda place: open_store(place or settings.location or None))
    return Room(settings, trackers, stores, _layers(settings))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_rooms.clear)
