"""A run on a terminal: its lines as in a log, and below them what runs now, with a bar.

What stands below is drawn anew in one write, so that nothing flickers, and taken away before a
line that stays is written. It never reaches the last column, and a terminal that was made
narrower meanwhile is taken into account: what it wrapped is taken away as well.
"""

from __future__ import annotations

import os
import shutil
import time
from typing import TextIO

from nbcache.cli.outcomes import Outcome
from nbcache.cli.progress import Lines, Total
from nbcache.duration import format_duration

_BAR_WIDTH = 30
_COLOURS = {
    "hit": "32", "pinned": "32", "error": "31", "bypass": "33", "reason": "2", "stale": "36",
    "expired": "36", "refreshed": "36",
}  # fmt: skip


class Live(Lines):
    """As ``Lines``, and below them the running cell with its time, and the notebook's bar."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream, shutil.get_terminal_size().columns)
        self._total: Total | None = None
        self._began = 0.0
        self._now: tuple[int, str, float] | None = None
        self._shown: list[str] = []
        self._has_colours = not os.environ.get("NO_COLOR")
        self._signs = "━╸" if "utf" in (getattr(stream, "encoding", "") or "").lower() else "=-"

    def start(self, total: Total) -> None:
        """Name the notebook, and say that its kernel starts."""
        super().start(total)
        self._total, self._began, self._now = total, time.monotonic(), None
        self._draw()

    def begin(self, number: int, title: str) -> None:
        """Show the running cell."""
        self._now = (number, title, time.monotonic())
        self._draw()

    def tick(self) -> None:
        """Show how long the cell has been running."""
        self._draw()

    def end(self, outcome: Outcome) -> None:
        """Write the cell's line above what is shown of the notebook."""
        self._now = None
        super().end(outcome)

    def finish(self, total: Total) -> None:
        """Write the total; a cell that did not come to its end stays in view."""
        if self._now is not None:
            number, title, began = self._now
            took = format_duration(time.monotonic() - began)
            self._tell("error", self._line(number, "stopped", took, title))
        self._total = self._now = None
        super().finish(total)

    def _tell(self, state: str, line: str) -> None:
        self._write(f"{self._in_colour(line, _COLOURS.get(state, ''))}\n")

    def _write(self, text: str) -> None:
        """Write lines that stay above what is shown of the moment."""
        below = self._below()
        self._stream.write(self._erased() + text + "\n".join(below))
        self._stream.flush()
        self._shown = below

    def _draw(self) -> None:
        self._write("")

    def _erased(self) -> str:
        """Return what takes away what is shown, on as many lines as it takes by now."""
        width = max(shutil.get_terminal_size().columns, 1)
        rows = sum(-(-len(line) // width) for line in self._shown)
        return "\r\x1b[2K" + "\x1b[1A\x1b[2K" * (rows - 1) if self._shown else ""

    def _below(self) -> list[str]:
        """Return the lines of the moment: the running cell, and the bar."""
        total = self._total
        if total is None:
            return []
        self._width = max(shutil.get_terminal_size().columns - 1, 20)
        running = "starting the kernel" if not total.outcomes else ""
        if self._now is not None:
            number, title, began = self._now
            seconds = int(time.monotonic() - began)
            took = format_duration(seconds) if seconds else ""
            running = self._line(number, "running", took, title)
        return [line[: self._width] for line in (running, self._bar(total)) if line]

    def _bar(self, total: Total) -> str:
        done = len(total.outcomes)
        filled = round(_BAR_WIDTH * done / max(total.of, 1))
        full, end = self._signs[0], self._signs[1]
        bar = (full * filled + end * (filled < _BAR_WIDTH)).ljust(_BAR_WIDTH + 1)
        told = f"{bar} {done}/{total.of}"
        if total.served:
            told += f" · {total.served} from the cache"
        if total.saved >= 1:
            told += f" · saved {format_duration(total.saved)}"
        number, among = total.place
        told += f" · notebook {number} of {among}" if among > 1 else ""
        seconds = int(time.monotonic() - self._began)
        return f"{told} · {format_duration(seconds)}" if seconds else told

    def _in_colour(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if code and self._has_colours else text
