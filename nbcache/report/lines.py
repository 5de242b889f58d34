"""One cell's outcome in words: a line, or the reasons behind it."""

from __future__ import annotations

from collections.abc import Sequence

from nbcache.duration import format_duration
from nbcache.events import CellEvent, State

DOT = " · "
_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")

LABELS = {
    State.MISS: ("ran", "miss"),
    State.HIT: ("cached", "hit"),
    State.REFRESHED: ("ran", "refreshed"),
    State.EXPIRED: ("ran", "expired"),
    State.STALE: ("ran", "stale"),
    State.WAITING: ("waiting", "another kernel is computing this cell"),
    State.PINNED: ("cached", "pinned"),
    State.BYPASS: ("ran", "not cached"),
    State.OFF: ("ran", "caching is off"),
    State.ERROR: ("ran", "error"),
}
_NOT_STORED = "not stored: "
_STATES_WITH_REASON = frozenset({State.STALE, State.BYPASS, State.ERROR})


def format_bytes(size: int) -> str:
    """Return ``size`` in decimal units with two significant digits or more: ``1.2 MB``."""
    amount = float(size)
    for unit in _BYTE_UNITS:
        if amount < 999.5 or unit == _BYTE_UNITS[-1]:
            break
        amount /= 1000
    if unit == "B" or amount >= 9.95:
        return f"{amount:.0f} {unit}"
    return f"{amount:.1f} {unit}"


def format_age(seconds: float) -> str:
    """Return an age or a time to come without fractions, because it moves as one reads it."""
    return format_duration(float(int(seconds))) if seconds >= 1 else "under 1 s"


def status_line(event: CellEvent, now: float) -> str:
    """Return the outcome of one cell as a single line of plain text."""
    return DOT.join(segments(event, now))


def segments(event: CellEvent, now: float, *, brief: bool = False) -> list[str]:
    """Return the parts of the status line; the first says whether the cell ran.

    ``brief`` leaves the first sentence of a long reason, for where the rest can be unfolded.
    """
    verb, label = LABELS[event.state]
    if event.reasons and event.state in _STATES_WITH_REASON:
        reason = as_clause(event.reasons[0]).removeprefix(_NOT_STORED)
        label = f"{label}: {reason.split('. ')[0] if brief else reason}"
    told = _served_segments(event, now) if event.is_served else _run_segments(event, now)
    return [verb, label, *told, *_note_segments(event)]


def _served_segments(event: CellEvent, now: float) -> list[str]:
    told = []
    if event.stored_at is not None:
        told.append(f"{format_age(now - event.stored_at)} old")
    if event.state is State.PINNED:
        told.append("kept until unpinned")
    elif event.expires_at is not None:
        told.append(_expiry(event.expires_at, now))
    if event.saved > 0:
        told.append(f"saved {format_duration(event.saved)}")
    return told


def _run_segments(event: CellEvent, now: float) -> list[str]:
    if event.state in (State.BYPASS, State.ERROR):
        return []
    if event.stored_at is None:
        return [as_clause(reason) for reason in event.reasons if reason.startswith(_NOT_STORED)]
    took = f" in {format_duration(event.overhead)}" if event.overhead > 0 else ""
    told = [f"stored {format_bytes(event.size_bytes)}{took}"]
    if event.expires_at is not None:
        told.append(_expiry(event.expires_at, now))
    return told


def _note_segments(event: CellEvent) -> list[str]:
    told = [as_clause(note) for note in event.notes]
    if len(told) > 2:
        return [told[0], f"{len(told) - 1} more notes"]
    return told


def _expiry(expires_at: float, now: float) -> str:
    left = expires_at - now
    if left <= 0:
        return f"expired {format_age(-left)} ago"
    return f"expires in {format_age(left)}"


def as_clause(sentence: str) -> str:
    """Return the first line of a sentence without its full stop, to stand between dots."""
    lines = sentence.strip().splitlines()
    return " ".join(lines[0].split()).rstrip(".") if lines else ""


def why_text(event: CellEvent) -> str:
    """Return the reasons, notes and named parts of one cell's outcome."""
    verb, label = LABELS[event.state]
    where = f"Cell [{event.execution_count}]" if event.execution_count else "This cell"
    title = f" `{event.title}`" if event.title else ""
    lines = [f"{where}{title}: {verb}, {label}."]
    lines += _bullets("Why", event.reasons or (default_reason(event),))
    lines += _bullets("Good to know", event.notes)
    if event.key:
        lines += ["", f"Key {event.key}"]
    if event.parts:
        width = max(map(len, event.parts))
        lines += ["made of"] if event.key else ["", "Depends on"]
        lines += [f"  {name:<{width}}  {digest[:16]}" for name, digest in event.parts.items()]
    return "\n".join(lines)


def _bullets(heading: str, sentences: Sequence[str]) -> list[str]:
    if not sentences:
        return []
    return ["", heading, *(f"  - {sentence}" for sentence in sentences)]


def default_reason(event: CellEvent) -> str:
    """Return the sentence that explains a state for which no reason was given."""
    if event.is_served:
        return "Nothing that the cell depends on has changed since it was stored."
    return {
        State.MISS: "Nothing is stored yet for this source and these inputs.",
        State.EXPIRED: "The stored result was older than its ttl.",
        State.REFRESHED: "A refresh was asked for.",
        State.STALE: "Something that the cell depends on has changed.",
        State.WAITING: "Another kernel is computing the same cell; its result will be used.",
        State.OFF: "Caching is switched off for this cell.",
    }.get(event.state, "No reason was recorded.")
