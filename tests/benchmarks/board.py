"""One board of figures: nbcache, its peers and the physical limit, with what is aimed at.

A figure is a list of seconds (or of another unit) taken in turns with the others of its line. A
line is compared by ratios alone, so that a busy machine moves both sides alike.
"""

from __future__ import annotations

import gc
import random
import signal
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

PEERS = "peers"
"""Stands for every peer of the line in a goal."""

UNITS = {"ms": 1e3, "µs": 1e6, "MB": 1.0, "s": 1.0}


@dataclass(frozen=True)
class Figure:
    """What one way took, again and again."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def quartiles(self) -> tuple[float, float]:
        """Return the first and the third quartile, which tell the spread."""
        ordered = sorted(self.values)
        last = len(ordered) - 1
        return ordered[round(last / 4)], ordered[round(3 * last / 4)]


@dataclass(frozen=True)
class Goal:
    """What is aimed at: so many times as fast as a peer, within a limit, or under an amount."""

    way: str
    bound: float
    against: str = ""

    def reached(self, line: Line) -> float | None:
        """Return the figure that counts, None where there is nothing to hold it against."""
        own = line.own.median
        if self.way == "under":
            return own
        known = {**line.peers, **line.limits}
        others = line.peers if self.against == PEERS else {self.against: known.get(self.against)}
        found = [one.median / max(own, 1e-9) for one in others.values() if one is not None]
        if not found:
            return None
        return min(found) if self.way == "faster" else 1 / min(found)

    def is_met(self, line: Line) -> bool | None:
        found = self.reached(line)
        if found is None:
            return None
        return found >= self.bound if self.way == "faster" else found <= self.bound

    def text(self, line: Line) -> str:
        """Return the goal, what was reached, and whether that is enough."""
        found, met = self.reached(line), self.is_met(line)
        mark = {True: "met", False: "MISSED", None: "not measured"}[met]
        if self.way == "under":
            scale = UNITS[line.unit]
            told = "" if found is None else f": {scale * found:.3g}"
            return f"under {scale * self.bound:g} {line.unit}{told} {mark}"
        sign = "at least" if self.way == "faster" else "at most"
        told = "" if found is None else f": {found:.3g}"
        if met is False and self.way == "faster" and self.against in line.peers and line.limits:
            least = min(one.median for one in line.limits.values())
            told += f" (the limit: {line.peers[self.against].median / least:.3g})"
        return f"{self.against} {sign} {self.bound:g}x{told} {mark}"


@dataclass(frozen=True)
class Line:
    """One piece of work, done by everybody who can."""

    name: str
    own: Figure
    peers: Mapping[str, Figure] = field(default_factory=dict)
    limits: Mapping[str, Figure] = field(default_factory=dict)
    goals: tuple[Goal, ...] = ()
    unit: str = "ms"
    unsound: tuple[str, ...] = ()

    def text(self, width: int) -> list[str]:
        """Return the line for people: own figure, limits, peers as multiples, then the goals."""
        limits = "  ".join(f"{name} {self._told(one)}" for name, one in self.limits.items())
        peers = "  ".join(f"{name} {self._times(one)}" for name, one in self.peers.items())
        head = f"{self.name:<{width}} {self._told(self.own, spread=True):>26}"
        if self.unsound:
            peers += f"  (not of the value: {', '.join(self.unsound)})"
        told = [f"{head} | {limits or '-':<30} | {peers or '-'}".rstrip()]
        goals = "; ".join(goal.text(self) for goal in self.goals)
        return told + ([f"{'':<{width}}   {goals}"] if goals else [])

    def _told(self, figure: Figure, spread: bool = False) -> str:
        scale = UNITS[self.unit]
        text = f"{scale * figure.median:,.4g} {self.unit}"
        if spread and len(figure.values) > 1:
            low, high = (scale * one for one in figure.quartiles())
            text += f" ({low:,.3g}-{high:,.3g})"
        return text

    def _times(self, figure: Figure) -> str:
        return f"{figure.median / max(self.own.median, 1e-9):.3g}x"

    def as_dict(self) -> dict[str, Any]:
        """Return the line as JSON data."""

        def told(figure: Figure) -> list[float]:
            low, high = figure.quartiles()
            return [float(f"{UNITS[self.unit] * one:.4g}") for one in (figure.median, low, high)]

        return {
            "name": self.name,
            "unit": self.unit,
            "own": told(self.own),
            "peers": {name: told(one) for name, one in self.peers.items()},
            "limits": {name: told(one) for name, one in self.limits.items()},
            "unsound": list(self.unsound),
            "goals": [[goal.text(self), goal.is_met(self)] for goal in self.goals],
        }


Act = Callable[[], Any]

PATIENCE = 30
"""Seconds for one act of a peer."""


def take_turns(
    acts: Mapping[str, Act],
    rounds: int,
    budget: float = 0.5,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, Figure]:
    """Time every act once a round in an order that changes; what raises is left out.

    The first round does not count, unless an act used up its seconds in it.
    """
    found: dict[str, list[float]] = {name: [] for name in acts}
    spent = dict.fromkeys(acts, 0.0)
    order = random.Random(0)
    for turn in range(rounds + 1):
        for name in order.sample(list(acts), len(acts)):
            if name not in found or (spent[name] > budget and found[name]):
                continue
            gc.collect()
            try:
                seconds = _timed(acts[name], clock)
            except Exception:
                if name == "nbcache":
                    raise
                del found[name]
                continue
            spent[name] += seconds
            if turn or spent[name] > budget:
                found[name].append(seconds)
    return {name: Figure(tuple(values)) for name, values in found.items() if values}


def _timed(act: Act, clock: Callable[[], float]) -> float:
    with patience():
        began = clock()
        made = act()
        seconds = clock() - began
    del made
    return seconds


@contextmanager
def patience() -> Iterator[None]:
    """Give up what takes more than half a minute, where the system can ring a bell."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def ring(*_: Any) -> None:
        raise TimeoutError("takes too long")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def line_of(
    own: Act,
    *,
    peers: Mapping[str, Act] | None = None,
    limits: Mapping[str, Act] | None = None,
    goals: tuple[Goal, ...] = (),
    rounds: int = 3,
) -> Line:
    """Time nbcache, its peers and the limits in turn."""
    peers, limits = peers or {}, limits or {}
    figures = take_turns({"nbcache": own, **peers, **limits}, rounds)
    return Line(
        "",
        figures["nbcache"],
        {one: figures[one] for one in peers if one in figures},
        {one: figures[one] for one in limits if one in figures},
        goals,
    )


def faster(against: str, bound: float) -> Goal:
    """At least so many times as fast as a peer."""
    return Goal("faster", bound, against)


def within(against: str, bound: float) -> Goal:
    """At most so many times what a limit takes."""
    return Goal("within", bound, against)


def under(bound: float) -> Goal:
    """At most so many seconds, or megabytes."""
    return Goal("under", bound)
