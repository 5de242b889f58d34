"""Which texts ran in this kernel, in what order, and under which cell id."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_LONGEST = 5000
"""Runs remembered; older ones count as never seen."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of one cell; ``number`` grows with every run, ``count`` is the prompt's number."""

    number: int
    cell_id: str
    text: str
    count: int = 0


class RunLog:
    """The runs of one kernel, cached or not.

    ``generation`` changes with every run. ``memo`` holds what was found out about the kernel's
    present state and is emptied by the next run; ``digests`` keeps those of the texts.
    """

    def __init__(self, earlier: Iterable[str] = ()) -> None:
        """Begin with the texts of the cells that ran before anybody took notes."""
        self.runs: list[Ran] = []
        self.generation = 0
        self.memo: dict[Any, Any] = {}
        self.digests: dict[str, str] = {}
        for count, text in enumerate(earlier):
            if text.strip():
                self.note("", text, count)

    def note(self, cell_id: str, text: str, count: int = 0) -> None:
        """Remember that a cell is about to run."""
        self.generation += 1
        self.memo.clear()
        self.runs.append(Ran(self.generation, cell_id, text, count))
        if len(self.runs) > _LONGEST:
            del self.runs[: _LONGEST // 2]

    def runs_of(self, cell_id: str, text: str) -> list[Ran]:
        """Return the runs of a cell: those under its id, or else those of its very text."""
        found = [run for run in self.runs if cell_id and run.cell_id == cell_id]
        if found:
            return found
        alike = [run for run in self.runs if run.text.strip() == text.strip()]
        return [run for run in alike if not (cell_id and run.cell_id)]

    def last(self, cell_id: str, text: str) -> Ran | None:
        """Return the last run of a cell, None when it never ran here."""
        found = self.runs_of(cell_id, text)
        return found[-1] if found else None
