"""What a tracker of late dependencies offers: start, finish, check, apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Observed:
    """What one tracker saw of one run.

    ``late`` is JSON data that must still hold when the entry is looked up (None: nothing to
    check). ``effect`` is what a hit must do besides binding names; plain picklable builtins
    only (None: nothing). ``notes`` are sentences for the status. ``refusal`` says why the
    run cannot be replayed. ``impure`` marks a run that automatic mode must not keep.
    """

    late: Mapping[str, Any] | None = None
    effect: Any = None
    notes: tuple[str, ...] = ()
    refusal: str | None = None
    impure: bool = False


class Tracker(Protocol):
    """Watches one kind of dependency during a run; every method must leave no trace after it."""

    name: str

    def start(self) -> None:
        """Begin to watch; called right before the cell's code runs."""

    def finish(self) -> Observed:
        """Stop watching, undo every patch, and tell what was seen; called also after errors."""

    def check(self, late: Mapping[str, Any]) -> str | None:
        """Return None if ``late`` still holds now, else one sentence saying what moved."""

    def apply(self, effect: Any) -> None:
        """Repeat ``effect`` in this process, as the recorded run left it."""
