"""Where calls are cached: the store, the trackers and the switches of this process.

In a kernel with nbcache loaded they are those of its session, so that a cell that is being
recorded learns what a cached call inside it depended on. A plain script has its own.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from nbcache.deps.trackers import Trackers, standard_trackers
from nbcache.duration import format_duration
from nbcache.holding import Stores
from nbcache.layers import at_its_place, policy_over
from nbcache.policy import Policy, build_policy
from nbcache.setting_files import Layer, find_layers
from nbcache.settings import Settings, read_settings
from nbcache.store.opening import find_location, open_store
from nbcache.store.protocol import Waiting

_SWITCHES = (
    "NBCACHE_DIR", "NBCACHE_KEY_DIR", "NBCACHE_DISABLE", "NBCACHE_REFRESH", "NBCACHE_READ_ONLY",
    "NBCACHE_REQUIRE", "NBCACHE_TTL", "NBCACHE_POLICY", "NBCACHE_STORE",
)  # fmt: skip


def say_wait(name: str, who: str, since: float) -> None:
    """Say in the log that a call waits, and on a terminal too; an empty ``who``: no longer."""
    if not who:
        return
    text = f"{name}() waits for {who}, at work for {format_duration(time.time() - since)}"
    logging.getLogger("nbcache").info(text)
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write(f"\x1b[2mnbcache: {text}\x1b[0m\n")


@dataclass(frozen=True, slots=True)
class Room:
    """What calls share in one process, under one environment."""

    settings: Settings
    trackers: Trackers
    stores: Stores
    layers: Sequence[Layer] = ()
    now: Callable[[], float] = time.time
    tell_wait: Callable[[str, str, float], None] = say_wait

    @contextmanager
    def waiting(self, name: str) -> Iterator[Waiting]:
        """Give what a lock calls when a wait for it begins, and tell when that wait is over."""
        told: list[str] = []

        def begin(who: str, since: float) -> None:
            told.append(who)
            self.tell_wait(name, who, since)

        try:
            yield begin
        finally:
            if told:
                self.tell_wait(name, "", 0.0)

    def policy(self, options: Mapping[str, object] = MappingProxyType({})) -> Policy:
        """Return the policy of a function or block that asks for these options.

        Raises:
            OptionError: an option or setting is wrong; the message names where it comes from.
        """
        settings = self.settings
        base = policy_over(Policy(), self.layers, self.clock())
        policy = build_policy(options, base=base, now=self.clock())
        own = options.get("key")
        return replace(
            at_its_place(policy, self.layers),
            key=(own,) if isinstance(own, str) else policy.key,  # a text, not an expression
            require=settings.require or policy.require,
            read_only=settings.read_only or policy.read_only,
        )

    def clock(self) -> float:
        """Return the Unix time."""
        return self.now()


# Past the encoding of each name, which costs six times as much as the look-up.
_variables: dict[Any, Any] = os.environ._data  # type: ignore[attr-defined]
_ENCODED = tuple(map(os.environ.encodekey, _SWITCHES))
_rooms: dict[str, tuple[object, Room]] = {}


def current_room() -> Room:
    """Return the room of this process as it is now; a kernel's settings are read once a cell."""
    extension = _extension()
    mark: object
    if extension is None:
        mark = tuple(map(_variables.get, _ENCODED))
    else:
        mark = extension.session, extension.shell.execution_count, dict(extension.asking.chosen)
    known = _rooms.get("now")
    if known is None or known[0] != mark:
        room = _script_room() if extension is None else _kernel_room(extension, known)
        known = _rooms["now"] = mark, room
    return known[1]


def _extension() -> Any:
    """Return the extension of the IPython shell that runs here, if nbcache is loaded in it."""
    package = sys.modules.get("IPython")
    shell = package.get_ipython() if package is not None else None
    return getattr(shell, "_nbcache_extension", None)


def _kernel_room(extension: Any, known: tuple[object, Room] | None) -> Room:
    """Return the room of a session, the same one as long as no setting changed."""
    session, layers = extension.session, extension.asking.layers()
    if known is not None and known[1].trackers is session.trackers and known[1].layers == layers:
        return known[1]

    def now() -> float:
        return float(session.clock())

    shelf = session.shelf
    waiting = extension.tell_waiting
    return Room(shelf.settings, session.trackers, shelf.stores, layers, now, waiting)


def _script_room() -> Room:
    settings = read_settings(os.environ)
    location = settings.location or find_location()
    main = sys.modules["__main__"].__dict__
    trackers = standard_trackers((location,), namespace=main)
    stores = Stores(lambda place: open_store(place or settings.location or None))
    layers = find_layers(os.environ, configured={}, notebook=settings.notebook, folder=os.getcwd())
    return Room(settings, trackers, stores, layers)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_rooms.clear)
