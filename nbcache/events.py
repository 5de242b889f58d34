"""What happened to one cell: the one message that every listener receives."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any


class State(str, enum.Enum):
    """The states of a cell, as users read them."""

    MISS = "miss"
    HIT = "hit"
    REFRESHED = "refreshed"
    EXPIRED = "expired"
    STALE = "stale"
    WAITING = "waiting"
    PINNED = "pinned"
    BYPASS = "bypass"
    OFF = "off"
    ERROR = "error"


SERVED = frozenset({State.HIT, State.PINNED})
"""The states in which the cell did not run."""


@dataclass(frozen=True, slots=True)
class CellEvent:
    """The outcome of one request for one cell.

    Times are seconds; ``serves_in`` is an estimate for a result that was just stored or was not
    worth it; ``stored_at`` and ``expires_at`` are Unix times; ``size_bytes`` is
    the entry's size in the store. ``key`` and ``variant`` name the entry. ``reasons`` are
    sentences for a person: why the cell ran or what it depends on. ``parts`` are the named
    parts of the key with their digests. ``verified`` tells whether a second run left what was
    stored (None: nobody compared), ``differences`` what it left otherwise.
    """

    state: State
    cell_id: str = ""
    execution_count: int | None = None
    title: str = ""
    key: str = ""
    variant: str = ""
    stored_at: float | None = None
    expires_at: float | None = None
    size_bytes: int = 0
    cost: float = 0.0
    load_time: float = 0.0
    serves_in: float = 0.0
    saved: float = 0.0
    overhead: float = 0.0
    store: str = ""
    quiet: bool = False
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    parts: Mapping[str, str] = field(default_factory=dict)
    verified: bool | None = None
    differences: tuple[str, ...] = ()

    @property
    def is_served(self) -> bool:
        """Whether the cell's effects came from the store."""
        return self.state in SERVED

    def as_dict(self) -> dict[str, Any]:
        """Return the event as plain JSON data."""
        data = dict(zip(_FIELDS, _values_of(self), strict=True))
        data["state"] = self.state.value
        data["reasons"] = list(self.reasons)
        data["notes"] = list(self.notes)
        data["differences"] = list(self.differences)
        data["parts"] = dict(self.parts)
        return data

    def __repr__(self) -> str:
        """Follow the field's habit of naming a hit as a state type."""
        kind = "Cached(type=COMPLETED)" if self.is_served else f"Run({self.state.value})"
        return f"<{kind} {self.title!r} key={self.key[:12]}>"


@dataclass(frozen=True, slots=True)
class Progress:
    """What a cell does that has no outcome yet: it is running, waiting or storing.

    An empty ``phase`` is its end. ``since`` is a Unix time, ``estimate`` the seconds that its last
    run took, ``who`` the process that it waits for, or what is being stored.
    """

    phase: str
    cell_id: str
    since: float
    estimate: float | None = None
    who: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return what it does as plain JSON data."""
        return {name: getattr(self, name) for name in _PROGRESS_FIELDS}


_FIELDS = tuple(field.name for field in fields(CellEvent))
_values_of = attrgetter(*_FIELDS)
_PROGRESS_FIELDS = tuple(field.name for field in fields(Progress))


def not_looked_at(text: str, error: Exception) -> CellEvent:
    """Return the event of a cell at which nbcache failed before it ran."""
    reason = f"nbcache could not look at this cell: {type(error).__name__}: {error}"
    return CellEvent(State.BYPASS, title=text[:72], reasons=(reason,))


def read_event(data: Mapping[str, Any]) -> CellEvent:
    """Return the event that ``CellEvent.as_dict`` gave, as far as this version knows it."""
    values = {name: value for name, value in data.items() if name in _FIELDS}
    values["state"] = State(values["state"])
    for name in ("reasons", "notes", "differences"):
        values[name] = tuple(values.get(name, ()))
    return CellEvent(**values)
