"""Durations as people write and read them: ``90s``, ``1h30m``, ``1 day``, ``never``."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time, timedelta
from typing import Final

from nbcache.errors import OptionError

ACCEPTED: Final = (
    "seconds (60), 500ms, 90s, 10m, 1h30m, 2d, 1w, '1 day', '2 hours 30 min', "
    "a date (2030-01-01 or 2030-01-01T12:00), or never"
)

_UNITS: Final = {
    0.001: ("ms", "msec", "millisecond", "milliseconds"),
    1.0: ("s", "sec", "secs", "second", "seconds"),
    60.0: ("m", "min", "mins", "minute", "minutes"),
    3600.0: ("h", "hr", "hrs", "hour", "hours"),
    86400.0: ("d", "day", "days"),
    604800.0: ("w", "wk", "week", "weeks"),
}
_SECONDS: Final = {word: seconds for seconds, words in _UNITS.items() for word in words}
_NEVER: Final = frozenset({"never", "none", "forever"})
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_PART: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([a-z]+)\s*(?:,|and\b)?\s*")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![^t ])")


def parse_duration(value: object, now: float) -> float | None:
    """Return a duration in seconds, None for ``never``; 0 expires at once.

    A date stands for the time from ``now`` until then, in local time unless it carries a
    zone; one that has passed gives 0. Anything else raises :class:`OptionError`.
    """
    if value is None:
        return None
    if isinstance(value, timedelta):
        return _checked(value.total_seconds(), value)
    if isinstance(value, date):
        return _until(value, now)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _checked(value, value)
    if isinstance(value, str):
        return _parse_text(value, now)
    raise _bad(value)


def _parse_text(text: str, now: float) -> float | None:
    """Return the seconds that a text stands for."""
    words = text.strip().lower()
    if words in _NEVER:
        return None
    if _DATE.match(words):
        try:
            return _until(datetime.fromisoformat(re.sub("z$", "+00:00", words)), now)
        except ValueError:
            raise _bad(text) from None
    if _NUMBER.fullmatch(words):
        return _checked(float(words), text)
    return _checked(_sum_of_parts(words, text), text)


def _sum_of_parts(words: str, text: str) -> float:
    """Add up the parts of a text such as ``1h30m`` or ``2 hours 30 min``."""
    total, position = 0.0, 0
    while position < len(words) or not words:
        part = _PART.match(words, position)
        if part is None or part[2] not in _SECONDS:
            raise _bad(text)
        total += float(part[1]) * _SECONDS[part[2]]
        position = part.end()
    return total


def _until(moment: date, now: float) -> float:
    """Return the seconds from now to a date or datetime, 0 if it has passed."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time.min)
    try:
        return max(0.0, moment.timestamp() - now)
    except (OverflowError, OSError, ValueError):
        raise _bad(moment) from None


def _checked(seconds: float, value: object) -> float:
    """Return finite seconds that are not negative."""
    try:
        number = float(seconds)
    except OverflowError:
        raise _bad(value) from None
    if not math.isfinite(number) or number < 0:
        raise _bad(value)
    return number


def _bad(value: object) -> OptionError:
    shown = str(value) if isinstance(value, (str, timedelta, date)) else repr(value)
    return OptionError(f"{shown[:80]!r} is not a duration. Write {ACCEPTED}.")


def format_duration(seconds: float | None) -> str:
    """Return a duration as a person says it: ``120 ms``, ``3.2 s``, ``1 h 30 min``, ``3 days``."""
    if seconds is None or seconds == math.inf:
        return "never"
    if seconds < 0 or math.isnan(seconds):
        return f"-{format_duration(-seconds)}" if seconds < 0 else "unknown"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.0005 or not seconds else "<1 ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return _two_units(whole)


def _two_units(whole: int) -> str:
    """Return minutes and more; the smaller unit only where it still matters."""
    if whole < 600 and whole % 60:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    hours = round(minutes / 60)
    if hours < 48:
        return _days(hours // 24) + (f" {hours % 24} h" if hours % 24 else "")
    return _days(round(hours / 24))


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"
