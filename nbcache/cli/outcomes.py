"""What became of one cell of a headless run, and how its kernel told it."""

from __future__ import annotations

from dataclasses import dataclass

from nbcache.events import CellEvent


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one cell; ``number`` counts the cells that run, from 1.

    ``event`` is None for a cell that nbcache left alone.
    """

    number: int
    title: str
    seconds: float
    event: CellEvent | None
