"""Why a cell was served or ran, what would become of it now, and who wrote and reads a variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbcache.errors import CacheError
from nbcache.events import CellEvent, State
from nbcache.extension import Extension
from nbcache.forecast import forecast
from nbcache.report import why_text
from nbcache.steering import find_cell


@dataclass(frozen=True, slots=True)
class Explanation:
    """The last outcome of a cell, what it would be now, and the cells around a variable."""

    event: CellEvent
    now: CellEvent | None = None
    name: str = ""
    written_by: tuple[CellEvent, ...] = ()
    read_by: tuple[CellEvent, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON data: the event's own, with ``now`` and ``name`` beside it."""
        found = self.event.as_dict()
        if self.now is not None:
            found["now"] = {"state": self.now.state.value, "reasons": list(self.now.reasons)}
        if self.name:
            cells = {"written_by": self.written_by, "read_by": self.read_by}
            found["name"] = {"name": self.name} | {
                role: [_reference(event) for event in events] for role, events in cells.items()
            }
        return found

    def as_text(self) -> str:
        """Return the explanation for a person."""
        pieces = [why_text(self.event)]
        if self.now is not None:
            pieces.append(_outlook(self.now))
        if self.name:
            pieces.insert(0, self._about_name())
        return "\n\n".join(pieces)

    def _about_name(self) -> str:
        lines = [f"`{self.name}` was written by {_listed(self.written_by)}."]
        if self.read_by:
            lines.append(f"It is read by {_listed(self.read_by)}.")
        return "\n".join(lines)


def explain(extension: Extension, which: str) -> Explanation:
    """Return why a cell (number, id, name, part of its text), or a variable's cell, hit or ran.

    Raises:
        CacheError: no cached cell answers to ``which``.
    """
    ledger = extension.session.ledger
    event = find_cell(extension, which)
    readers = tuple(ledger.readers(which)) if which.isidentifier() else ()
    if event is None and readers:
        event = readers[-1]
    if event is None:
        raise CacheError(
            f"No cached cell answers to {which!r}. `%nbcache` lists them."
            if which
            else "No cell has been cached in this kernel yet. Put `%%cache` on one."
        )
    now = _now(extension, event)
    writers = tuple(ledger.writers(which))
    if which.isidentifier() and (writers or readers):
        return Explanation(event, now, which, writers, readers)
    return Explanation(event, now)


def _now(extension: Extension, event: CellEvent) -> CellEvent | None:
    """Return what the cell would be now, None when its text is not known any more."""
    for run in reversed(extension.log.runs):
        if run.count == event.execution_count and run.cell_id == event.cell_id:
            return forecast(extension.shell, run.text, cell_id=run.cell_id)
    return None


def _outlook(now: CellEvent) -> str:
    if now.is_served:
        return "If it ran now: it would be served."
    if now.state is State.OFF:
        return "If it ran now: it would not be cached; nobody asks for it."
    reasons = "".join(f"\n  - {reason}" for reason in now.reasons)
    return f"If it ran now: it would run ({now.state.value}).{reasons}"


def _reference(event: CellEvent) -> dict[str, Any]:
    return {
        "cell_id": event.cell_id,
        "execution_count": event.execution_count,
        "title": event.title,
        "state": event.state.value,
    }


def _listed(events: tuple[CellEvent, ...]) -> str:
    told = [f"cell [{event.execution_count}] `{event.title}`" for event in events]
    return ", ".join(told) if told else "no cached cell"
