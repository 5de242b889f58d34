"""What became of one cell of a headless run, and how its kernel told it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from nbcache.events import CellEvent, State


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one cell; ``number`` counts the cells that run, from 1.

    ``event`` is None for a cell that nbcache left alone.
    """

    number: int
    title: str
    seconds: float
    event: CellEvent | None


def read_event(data: Mapping[str, Any]) -> CellEvent:
    """Return the event that ``CellEvent.as_dict`` gave, as far as this version knows it."""
    known = {field.name for field in fields(CellEvent)}
    values = {name: value for name, value in data.items() if name in known}
    values["state"] = State(values["state"])
    for name in ("reasons", "notes"):
        values[name] = tuple(values.get(name, ()))
    return CellEvent(**values)
