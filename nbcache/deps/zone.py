"""The time zone of this process, as it is compared with a recorded one."""

from __future__ import annotations

import re
import time
import types
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

_TIME_WORDS = re.compile(
    r"\b(?:date)?time\b|\bdate\b|timestamp|timezone|tz|localtime|ctime|gmtime|mktime|strf|strp"
    r"|\bnow\b|\btoday\b|calendar|zoneinfo|pendulum|arrow\.",
    re.IGNORECASE,
)
_TIME_MODULES = frozenset({"time", "datetime", "calendar", "zoneinfo", "pendulum", "arrow"})


@lru_cache(maxsize=512)
def speaks_of_time(text: str) -> bool:
    """Tell whether a text may ask for local times."""
    return bool(_TIME_WORDS.search(text))


def of_time(modules: Iterable[str]) -> bool:
    """Tell whether one of these modules knows the local time."""
    return any(name.partition(".")[0] in _TIME_MODULES for name in modules)


def time_words(codes: Iterable[types.CodeType]) -> list[str]:
    """Return the names in code that speak of time, in order."""
    return sorted({word for code in codes for word in code.co_names if speaks_of_time(word)})


def present_zone() -> list[Any]:
    """Return the names and offsets of the zone, as JSON data."""
    return [*time.tzname, time.timezone, time.daylight]


def zone_news(late: Mapping[str, Any]) -> str | None:
    """Return None if the zone is the recorded one, else a sentence."""
    if list(late["zone"]) == present_zone():
        return None
    return f"the time zone changed ({late['zone'][0]} → {present_zone()[0]})"
