"""What caching a cell is worth: the time that it takes against the time to bring it back.

Automatic mode asks before it stores, with what earlier runs of this kernel taught: how long it took
to find a result, and how long to load so many bytes. ``%%cache`` on a cell is never overruled.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

from nbcache.duration import format_duration

LEAST_GAIN = 0.5
"""A result is worth its place if it comes back in this share of the run's time, or less."""

TIRES_AFTER = 2
"""So many runs in a row that were not worth storing, and the next one is not watched."""

_NEWEST = 0.3
_SMALL = 1 << 20


class _Poor(NamedTuple):
    text: str
    times: int
    reason: str
    until: float


@dataclass(slots=True)
class Estimates:
    """How long results take to come back: seconds in all, and seconds a byte for large ones."""

    base: float = 0.002
    per_byte: float = 0.5e-9
    _poor: dict[Hashable, _Poor] = field(default_factory=dict)

    def learn(self, size: int, seconds: float) -> None:
        """Take in that a result of ``size`` bytes was found and brought back in ``seconds``."""
        if size < _SMALL:
            self.base += _NEWEST * (seconds - self.base)
        else:
            measured = max(0.0, seconds - self.base) / size
            self.per_byte += _NEWEST * (measured - self.per_byte)

    def seconds_to_serve(self, size: int, found_in: float = 0.0) -> float:
        """Return how long a result of ``size`` bytes will take to come back.

        ``found_in``: the seconds that it took to look for it, if that is known.
        """
        return max(self.base, found_in) + self.per_byte * size

    def is_worth(self, cost: float, size: int, found_in: float = 0.0) -> bool:
        """Tell whether a run of ``cost`` seconds that left so many bytes pays when stored."""
        return self.seconds_to_serve(size, found_in) <= LEAST_GAIN * cost

    def judge(self, cell: Hashable, text: str, reason: str, until: float) -> None:
        """Note why a run of a cell was not worth storing; no reason when it was.

        ``until``: a run of so many seconds is another matter.
        """
        known = self._poor.get(cell)
        if not reason:
            self._poor.pop(cell, None)
            return
        times = known.times if known is not None and known.text == text else 0
        self._poor[cell] = _Poor(text, times + 1, reason, until)

    def judge_again(self, cell: Hashable, cost: float) -> None:
        """Take in how long a run took that was not watched."""
        known = self._poor.get(cell)
        if known is not None and cost >= known.until:
            del self._poor[cell]

    def why_not(self, cell: Hashable, text: str) -> str:
        """Return why a cell's next run need not be watched; empty if it should be."""
        known = self._poor.get(cell)
        if known is None or known.text != text or known.times < TIRES_AFTER:
            return ""
        return f"not watched: its last runs were not worth storing ({known.reason})"


def not_worth(cost: float, serving: float) -> str:
    """Say why a run is not stored: it comes back hardly sooner than it runs."""
    return (
        f"not stored: bringing it back would take about {format_duration(serving)}, and it ran"
        f" {format_duration(cost)}; put %%cache on it to store it all the same"
    )
