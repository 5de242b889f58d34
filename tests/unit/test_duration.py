"""Durations as people write and read them."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta, timezone

import pytest

from nbcache.duration import format_duration, parse_duration
from nbcache.errors import OptionError

NOW = datetime(2030, 1, 1, 12).timestamp()

ACCEPTED = [
    (60, 60), (1.5, 1.5), (0, 0), ("0", 0), ("60", 60), (" 60 ", 60), ("1.5", 1.5), (".5", 0.5),
    ("90s", 90), ("10m", 600), ("1h30m", 5400), ("1h 30m", 5400), ("2d", 172800), ("1w", 604800),
    ("500ms", 0.5), ("1.5h", 5400), ("1 day", 86400), ("1 DAY", 86400), ("3 weeks", 1814400),
    ("2 hours 30 min", 9000), ("1 day, 2 hours and 3 seconds", 93603), ("1 hr", 3600),
    ("never", None), ("Never", None), (None, None),
    (timedelta(minutes=2), 120), (timedelta(0), 0),
    ("2030-01-01T12:01", 60), ("2030-01-01 13:00:30", 3630), ("2030-01-02", 43200),
    ("2029-01-01", 0), (date(2030, 1, 2), 43200), (datetime(2030, 1, 1, 12, 5), 300),
]  # fmt: skip

REJECTED = [
    "", "  ", "abc", "-1", -1, "-5m", "1h-2m", "5 parsecs", "h", "1h30", "1e3", "nan", "inf",
    math.nan, math.inf, -math.inf, True, False, [], {}, b"60", timedelta(seconds=-1), "9" * 400,
    "2030-13-01", "2030-01-01T99", "60 60", "1,5h", 10**400,
]  # fmt: skip


@pytest.mark.parametrize(("value", "seconds"), ACCEPTED)
def test_parse(value: object, seconds: float | None) -> None:
    """Seconds, units, words, dates and ``never`` are durations."""
    assert parse_duration(value, NOW) == (seconds if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize("value", REJECTED, ids=lambda value: repr(value)[:20])
def test_reject(value: object) -> None:
    """Whatever else is refused with the forms that are accepted."""
    with pytest.raises(OptionError, match=r"is not a duration\. Write seconds .*1h30m.*never"):
        parse_duration(value, NOW)


def test_zones() -> None:
    """A date that carries a zone is taken in that zone."""
    now = datetime(2030, 1, 1, tzinfo=timezone.utc).timestamp()
    assert parse_duration("2030-01-01T00:01:00Z", now) == 60
    assert parse_duration("2030-01-01T02:01:00+02:00", now) == 60


FORMATS = [
    (0, "0 ms"), (0.00001, "<1 ms"), (0.12, "120 ms"), (0.9996, "1 s"), (1, "1 s"), (3.21, "3.2 s"),
    (9.96, "10 s"), (48.4, "48 s"), (59.4, "59 s"), (59.7, "1 min"), (90, "1 min 30 s"),
    (120, "2 min"), (599.9, "10 min"), (601, "10 min"), (3599, "1 h"), (3600, "1 h"),
    (5400, "1 h 30 min"), (86400, "1 day"), (90000, "1 day 1 h"), (86390, "1 day"),
    (259200, "3 days"), (10 * 86400 + 50000, "11 days"), (None, "never"), (math.inf, "never"),
    (-90, "-1 min 30 s"), (math.nan, "unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("seconds", "text"), FORMATS)
def test_format(seconds: float | None, text: str) -> None:
    """A duration is said with as many digits as matter."""
    assert format_duration(seconds) == text
