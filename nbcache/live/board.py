"""The state of every cell of one kernel as front ends see it: data in, messages out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from nbcache.events import CellEvent, Progress

TARGET: Final = "nbcache"
"""The name of the comm's target, which every message repeats."""

VERSION: Final = 1
"""The version of the messages; both sides leave alone what speaks a higher one."""

Message = dict[str, Any]
_RAN: Final = frozenset({"miss", "refreshed", "expired", "stale", "bypass"})
"""The values of the states in which a cell ran."""


class Board:
    """Each cell's last event, what it is doing now, and what its next run would be."""

    def __init__(self) -> None:
        self.totals: Message = {"hits": 0, "runs": 0, "saved": 0.0}
        self._cells: dict[str, Message] = {}

    def _count(self, event: CellEvent) -> None:
        """Count one outcome: what caching was worth in this kernel; ``saved`` is seconds."""
        self.totals["hits"] += event.is_served
        self.totals["runs"] += event.state.value in _RAN
        self.totals["saved"] += event.saved

    def tell(self, event: CellEvent) -> Message:
        """Take in an outcome; return the message that tells it."""
        self._count(event)
        name = event.cell_id or event.title
        self._cells[name] = {"id": name, "event": event.as_dict(), "progress": None, "ahead": None}
        return self._message("cell", cell=self._cells[name], totals=dict(self.totals))

    def tell_progress(self, progress: Progress) -> Message:
        """Take in what a cell is doing; return the message that tells it."""
        cell = self._cell(progress.cell_id)
        cell["progress"] = progress.as_dict() if progress.phase else None
        return self._message("cell", cell=cell, totals=dict(self.totals))

    def tell_ahead(self, found: Mapping[str, Message | None]) -> Message | None:
        """Take in forecasts by cell; return the message that tells those that changed."""
        changed = {name: said for name, said in found.items() if self._foretell(name, said)}
        return self._message("ahead", cells=changed) if changed else None

    def _foretell(self, name: str, said: Message | None) -> bool:
        if said is None and name not in self._cells:
            return False
        cell = self._cell(name)
        changed = bool(cell["ahead"] != said)
        cell["ahead"] = said
        return changed

    def _cell(self, name: str) -> Message:
        empty: Message = {"id": name, "event": None, "progress": None, "ahead": None}
        return self._cells.setdefault(name, empty)

    def event(self, name: str) -> Message:
        """Return a cell's last event, empty when it had none."""
        return (self._cells.get(name) or {}).get("event") or {}

    def events(self) -> list[Message]:
        """Return the last event of every cell that had one."""
        return [cell["event"] for cell in self._cells.values() if cell["event"]]

    def forget(self, name: str) -> None:
        """Forget that a cell's result is stored: its stored run was cleared."""
        event = self.event(name)
        event.update(stored_at=None, expires_at=None, size_bytes=0)

    def snapshot(self, **more: Any) -> Message:
        """Return the message that tells everything, for a front end that joins."""
        cells = list(self._cells.values())
        return self._message("state", cells=cells, totals=dict(self.totals), **more)

    def _message(self, kind: str, **content: Any) -> Message:
        return {"version": VERSION, "target": TARGET, "kind": kind, **content}
