"""How a run is told while it goes on: live on a terminal, plain in a log, JSON for programs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Protocol, TextIO

from nbcache.cli.outcomes import Outcome
from nbcache.duration import format_duration
from nbcache.events import State

_STATE_WIDTH = 10
_TIME_WIDTH = 14


@dataclass(slots=True)
class Total:
    """What became of one notebook; times are seconds, ``place`` is its number, and of how many."""

    notebook: str
    of: int
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0
    running: str = ""
    output: str = ""
    error: str = ""
    place: tuple[int, int] = (1, 1)

    @property
    def served(self) -> int:
        """How many cells came from the cache."""
        return sum(o.event is not None and o.event.is_served for o in self.outcomes)

    @property
    def saved(self) -> float:
        """Seconds that the cache saved."""
        return sum(o.event.saved for o in self.outcomes if o.event is not None)


class Progress(Protocol):
    """Told by the run, once for each step."""

    def start(self, total: Total) -> None:
        """A notebook begins."""

    def begin(self, number: int, title: str) -> None:
        """A cell begins."""

    def tick(self) -> None:
        """About a second passed in the same cell."""

    def end(self, outcome: Outcome) -> None:
        """A cell has ended."""

    def finish(self, total: Total) -> None:
        """The notebook has ended, well or not."""


class Lines:
    """One plain line for each cell and a total: for logs."""

    def __init__(self, stream: TextIO, width: int = 100) -> None:
        self._stream = stream
        self._width = width
        self._of = 0

    def start(self, total: Total) -> None:
        """Name the notebook."""
        self._of = total.of
        self._write(f"{total.notebook}\n")

    def begin(self, number: int, title: str) -> None:
        """Say nothing: a log gets one line a cell."""

    def tick(self) -> None:
        """Say nothing."""

    def end(self, outcome: Outcome) -> None:
        """Write the cell's line, and why it was not cached if it was not."""
        event = outcome.event
        if event is not None and event.is_served:
            took = f"saved {format_duration(event.saved)}" if event.saved >= 0.001 else ""
        else:
            took = format_duration(outcome.seconds)
        state = "ran" if event is None else event.state.value
        self._tell(state, self._line(outcome.number, state, took, outcome.title))
        if event is not None and event.state is State.BYPASS:
            indent = " " * (len(self._counter(outcome.number)) + 1)
            self._tell("reason", f"{indent}{' '.join(event.reasons)}")

    def finish(self, total: Total) -> None:
        """Write the total."""
        self._write(total_line(total) + "\n")

    def _tell(self, state: str, line: str) -> None:
        """Write a line that stays; ``state`` is what it tells of."""
        self._write(f"{line}\n")

    def _line(self, number: int, state: str, took: str, title: str) -> str:
        head = f"{self._counter(number)} {state:<{_STATE_WIDTH}}{took:<{_TIME_WIDTH}}"
        room = max(self._width - len(head) - 1, 8)
        return head + (title if len(title) <= room else title[: room - 1] + "…")

    def _counter(self, number: int) -> str:
        return f"[{number:>{len(str(self._of))}}/{self._of}]"

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class JsonLines:
    """One JSON object a line, for each cell and each notebook: for programs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._total = Total("", 0)

    def start(self, total: Total) -> None:
        """Remember which notebook it is."""
        self._total = total

    def begin(self, number: int, title: str) -> None:
        """Say nothing."""

    def tick(self) -> None:
        """Say nothing."""

    def end(self, outcome: Outcome) -> None:
        """Write the cell's event."""
        told: dict[str, Any] = {"state": "ran", "title": outcome.title}
        if outcome.event is not None:
            told = outcome.event.as_dict()
        place = {"notebook": self._total.notebook, "number": outcome.number, "of": self._total.of}
        self._write({"type": "cell", **place, "seconds": round(outcome.seconds, 6), **told})

    def finish(self, total: Total) -> None:
        """Write the notebook's totals."""
        self._write(
            {
                "type": "total",
                "notebook": total.notebook,
                "cells": len(total.outcomes),
                "of": total.of,
                "served": total.served,
                "seconds": round(total.seconds, 6),
                "saved": round(total.saved, 6),
                "output": total.output,
                "error": total.error,
            }
        )

    def _write(self, data: dict[str, Any]) -> None:
        self._stream.write(json.dumps(data) + "\n")
        self._stream.flush()


def total_line(total: Total) -> str:
    """Return the notebook's totals as one line."""
    ran = len(total.outcomes)
    noun = "cell" if total.of == 1 else "cells"
    told = [f"{ran} of {total.of} {noun}" if ran < total.of else f"{ran} {noun}"]
    told.append(f"{total.served} from the cache")
    told.append(f"took {format_duration(total.seconds)}")
    if total.saved > 0:
        told.append(f"saved {format_duration(total.saved)}")
    if total.output:
        told.append(f"wrote {total.output}")
    return " · ".join(told)


def choose(stream: TextIO, *, as_json: bool) -> Progress:
    """Return the way of telling that suits the stream."""
    if as_json:
        return JsonLines(stream)
    if not stream.isatty():
        return Lines(stream)
    from nbcache.cli.live import Live

    return Live(stream)
