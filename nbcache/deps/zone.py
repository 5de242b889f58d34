"""The time zone of this process, as it is compared with a recorded one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any


def present_zone() -> list[Any]:
    """Return the names and offsets of the zone, as JSON data."""
    return [*time.tzname, time.timezone, time.daylight]


def zone_news(late: Mapping[str, Any]) -> str | None:
    """Return None if the zone is the recorded one, else a sentence."""
    if list(late["zone"]) == present_zone():
        return None
    return f"the time zone changed ({late['zone'][0]} → {present_zone()[0]})"
