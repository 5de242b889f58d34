"""Times of one run: collected in turn, compared with their reference, told as a table."""

from __future__ import annotations

import json
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ARTEFACTS = Path(__file__).resolve().parents[1] / "artefacts"
HEAD = ("n", "median", "p90", "p99", "extra", "ratio", "cpu", "extra cpu")


@dataclass
class Times:
    """Seconds that one thing took, again and again; ``reference`` names what it is held against.

    ``cpu`` is what the process that did it spent on processors, which a busy machine hardly
    changes; empty where the system does not tell.
    """

    name: str
    reference: str = ""
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, seconds: float, cpu: float | None = None) -> None:
        self.seconds.append(seconds)
        if cpu is not None:
            self.cpu.append(cpu)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def cpu_median(self) -> float:
        return statistics.median(self.cpu) if self.cpu else float("nan")

    def percentile(self, share: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True)
class Table:
    """All times of one run by name."""

    title: str
    rows: Mapping[str, Times]

    def extra(self, name: str) -> float:
        """Return how many seconds more than its reference a thing took, as medians."""
        row = self.rows[name]
        return row.median - self.rows[row.reference].median

    def extra_at_best(self, name: str) -> float:
        """Return the same of the lower quartiles, which other work on the machine moves least."""
        row = self.rows[name]
        return row.percentile(0.25) - self.rows[row.reference].percentile(0.25)

    def extra_cpu(self, name: str) -> float:
        """Return how many processor seconds more than its reference a thing took."""
        row = self.rows[name]
        return row.cpu_median - self.rows[row.reference].cpu_median

    def ratio(self, name: str) -> float:
        """Return how many times longer than its reference a thing took, as medians."""
        row = self.rows[name]
        return row.median / self.rows[row.reference].median

    def text(self) -> str:
        width = max(map(len, self.rows))
        head = " ".join(f"{word:>9}" for word in HEAD)
        lines = [f"{name:<{width}} {self._line(row)}" for name, row in self.rows.items()]
        return "\n".join(["", f"{self.title} (ms)", f"{'':<{width}} {head}", *lines])

    def _line(self, row: Times) -> str:
        figures = (row.median, row.percentile(0.9), row.percentile(0.99))
        line = f"{len(row.seconds):>9} " + " ".join(f"{1000 * one:>9.2f}" for one in figures)
        if not row.reference:
            return f"{line} {'':>9} {'':>9} {1000 * row.cpu_median:>9.2f}"
        extra = f"{1000 * self.extra(row.name):>+9.2f} {self.ratio(row.name):>9.2f}"
        cpu = f"{1000 * row.cpu_median:>9.2f} {1000 * self.extra_cpu(row.name):>+9.2f}"
        return f"{line} {extra} {cpu}"

    def as_dict(self) -> dict[str, Any]:
        return {
            row.name: {
                "n": len(row.seconds),
                "median_ms": 1000 * row.median,
                "p90_ms": 1000 * row.percentile(0.9),
                "p99_ms": 1000 * row.percentile(0.99),
                "cpu_median_ms": 1000 * row.cpu_median,
                "reference": row.reference,
                "extra_ms": 1000 * self.extra(row.name) if row.reference else None,
                "extra_cpu_ms": 1000 * self.extra_cpu(row.name) if row.reference else None,
            }
            for row in self.rows.values()
        }


@dataclass(frozen=True)
class Case:
    """One thing to time: ``prepare`` runs untimed before each ``act``.

    ``process`` is the id of the process that does the work, 0 where its processor time does
    not matter.
    """

    name: str
    act: Callable[[Any], Any]
    reference: str = ""
    prepare: Callable[[], Any] = lambda: None
    process: int = 0


def processor_time(process: int) -> float | None:
    """Return the seconds that all threads of a process spent on processors so far.

    Of this process with those that have ended, of another one without.
    """
    if process == os.getpid():
        return time.process_time()
    try:
        threads = list(Path(f"/proc/{process}/task").iterdir())
        return sum(int((one / "schedstat").read_text().split()[0]) for one in threads) / 1e9
    except (OSError, ValueError, IndexError):
        return None


def timed(case: Case) -> tuple[float, float | None]:
    """Return the seconds that one act took, and its processor seconds if they are known."""
    prepared = case.prepare()
    before = processor_time(case.process) if case.process else None
    began = time.perf_counter()
    case.act(prepared)
    seconds = time.perf_counter() - began
    after = processor_time(case.process) if case.process else None
    return seconds, None if before is None or after is None else after - before


def take_turns(title: str, cases: Sequence[Case], rounds: int, warm_up: int = 1) -> Table:
    """Time every case once a round, in an order that changes; the first rounds do not count."""
    rows = {case.name: Times(case.name, case.reference) for case in cases}
    order = random.Random(0)
    for turn in range(warm_up + rounds):
        for case in order.sample(list(cases), len(cases)):
            figures = timed(case)
            if turn >= warm_up:
                rows[case.name].add(*figures)
    return Table(title, rows)


def tell(*tables: Table, into: str) -> None:
    """Print the tables and keep their figures in ``tests/artefacts``."""
    for table in tables:
        sys.stdout.write(table.text() + "\n")
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    told = {table.title: table.as_dict() for table in tables}
    record = {"python": platform.python_version(), "machine": platform.platform(), "tables": told}
    (ARTEFACTS / into).write_text(json.dumps(record, indent=1))
