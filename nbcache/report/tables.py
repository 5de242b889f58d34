"""Many cells' outcomes as a table of text."""

from __future__ import annotations

import time
from collections.abc import Sequence

from nbcache.duration import format_duration
from nbcache.events import CellEvent
from nbcache.report.lines import DOT, as_clause, format_age, format_bytes

HEADERS = ("cell", "state", "age", "expires", "size", "cost", "saved", "source")
NUMBERS = ("age", "expires", "size", "cost", "saved")
NOTHING_YET = "No cell has been cached yet. Put `%%cache` on the first line of a cell."
_TITLE_WIDTH = 48


def columns(event: CellEvent, now: float) -> tuple[str, ...]:
    """Return the columns of one row of the table."""
    age = expires = "-"
    if event.stored_at is not None:
        age = format_age(now - event.stored_at)
        expires = "never"
    if event.expires_at is not None:
        left = event.expires_at - now
        expires = f"in {format_age(left)}" if left > 0 else "expired"
    return (
        f"[{event.execution_count}]" if (event.execution_count or 0) > 0 else "[ ]",
        event.state.value,
        age,
        expires,
        format_bytes(event.size_bytes) if event.size_bytes else "-",
        format_duration(event.cost) if event.cost > 0 else "-",
        format_duration(event.saved) if event.saved > 0 else "-",
        _shorten(event.title),
    )


def _shorten(title: str) -> str:
    line = as_clause(title)
    return line if len(line) <= _TITLE_WIDTH else line[: _TITLE_WIDTH - 1] + "…"


def summary(rows: Sequence[CellEvent]) -> str:
    """Return the totals of a table: cells, served cells, size and time saved."""
    served = sum(row.is_served for row in rows)
    told = [_count(len(rows), "cell"), f"{served} from the cache"]
    if stored := sum(row.size_bytes for row in rows):
        told.append(format_bytes(stored))
    if saved := sum(row.saved for row in rows):
        told.append(f"saved {format_duration(saved)}")
    return DOT.join(told)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def align(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> str:
    """Return a text table; the columns named in ``right`` hold numbers."""
    everything = [headers, *rows]
    widths = [max(len(row[i]) for row in everything) for i in range(len(headers))]
    lines = []
    for row in everything:
        padded = [
            text.rjust(width) if header in right else text.ljust(width)
            for header, text, width in zip(headers, row, widths, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def table(rows: Sequence[CellEvent], now: float | None = None) -> str:
    """Return the cells as an aligned text table with a line of totals.

    ``now`` is a Unix time; by default the clock is read.
    """
    if not rows:
        return NOTHING_YET
    at = time.time() if now is None else now
    body = align(HEADERS, [columns(row, at) for row in rows], NUMBERS)
    return f"{body}\n\n{summary(rows)}"
