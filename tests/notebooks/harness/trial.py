"""One notebook's trial: plain, plain, cold and warm, and the verdict on it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness import compare, flatten
from harness.catalogue import HERE, Notebook

SLOW_SECONDS = 0.05
FLUSH_SECONDS = 0.1
SERVED = frozenset({"hit", "pinned"})
SEEDS = {"plain": 1, "again": 2, "cold": 3, "warm": 4, "like cold": 3, "like warm": 4}
CACHED = ("cold", "warm")
CHECKS = ("like cold", "like warm")
UNREADABLE = frozenset({"SyntaxError", "IndentationError", "TabError"})
RUN_TIMEOUT = 3600


@dataclass(frozen=True, slots=True)
class CellResult:
    """One code cell in all runs; ``counts`` says whether its being served is demanded."""

    index: int
    title: str
    plain: float
    cold: float
    warm: float
    cold_state: str
    warm_state: str
    reasons: tuple[str, ...]
    is_stable: bool
    counts: bool
    is_code: bool = True

    @property
    def is_served(self) -> bool:
        """Whether the warm run took the cell's effects from the store."""
        return self.warm_state in SERVED


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a trial found: differences by mode, and each cell's times and states."""

    notebook: str
    seconds: Mapping[str, float]
    cells: tuple[CellResult, ...]
    differences: Mapping[str, tuple[str, ...]]
    left_out: tuple[str, ...] = ()
    failures: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as plain JSON data."""
        return asdict(self)


class RunFailed(RuntimeError):
    """A run ended without a report."""


def execute(notebook: Notebook, mode: str, scratch: Path, store: Path | None) -> dict[str, Any]:
    """Run the notebook in a process of its own and return its report."""
    out = scratch / f"{mode}.json"
    command = [sys.executable, "-m", "harness.run", str(notebook.path)]
    command += ["--work", str(scratch / "work"), "--out", str(out)]
    command += ["--hash-seed", str(SEEDS[mode])]
    command += [] if store is None else ["--store", str(store)]
    done = subprocess.run(
        command, cwd=HERE, capture_output=True, text=True, timeout=RUN_TIMEOUT, check=False
    )
    (scratch / f"{mode}.log").write_text(done.stdout + done.stderr, encoding="utf-8")
    if not out.is_file():
        raise RunFailed(f"{notebook.id} {mode}: {done.stderr.strip()[-2000:]}")
    report: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return report


def hold(notebook: Notebook, scratch: Path) -> Verdict:
    """Run the notebook in all modes, and return what differs and what was served."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    store = scratch / "store"
    runs = {
        mode: execute(notebook, mode, scratch, store if mode in CACHED else None)
        for mode in ("plain", "again", *CACHED)
    }
    verdict = judge(notebook.id, runs, notebook.volatile, is_seeded=notebook.is_seeded)
    if any(verdict.differences.values()):
        # Two plain runs may agree by luck (the order of a small set): ask the others' hash seeds.
        runs |= {mode: execute(notebook, mode, scratch, None) for mode in CHECKS}
        verdict = judge(notebook.id, runs, notebook.volatile, is_seeded=notebook.is_seeded)
    return verdict


def judge(
    name: str,
    runs: Mapping[str, Any],
    volatile: tuple[str, ...] = (),
    *,
    is_seeded: bool = True,
) -> Verdict:
    """Compare finished runs; pure, so that the harness itself can be tested."""
    racy = frozenset(
        cell["index"]
        for mode in ("plain", "again")
        for cell in runs[mode]["cells"]
        if cell["seconds"] > FLUSH_SECONDS
    )
    flat = {mode: flatten.report(run, volatile, racy) for mode, run in runs.items()}
    plain = flat["plain"]
    others = [flat[mode] for mode in ("again", *CHECKS) if mode in flat]
    left_out = frozenset().union(*(compare.unstable(plain, other) for other in others))
    if not is_seeded:
        left_out = compare.by_chance(runs["plain"]["cells"], plain, left_out)
    cells = tuple(cell_results(runs, left_out))
    found = {mode: compare.differences(plain, flat[mode], left_out) for mode in CACHED}
    exact = {mode: flatten.report(runs[mode], volatile) for mode in CACHED}
    found["replay"] = replay_differences(exact["cold"], exact["warm"], cells)
    return Verdict(
        notebook=name,
        seconds={mode: float(run["seconds"]) for mode, run in runs.items()},
        cells=cells,
        differences={mode: tuple(map(str, ones)) for mode, ones in found.items()},
        left_out=tuple(sorted(left_out, key=compare.reading_order)),
        failures=tuple(failures(cells)),
    )


def replay_differences(
    cold: Mapping[str, Any], warm: Mapping[str, Any], cells: tuple[CellResult, ...]
) -> list[compare.Difference]:
    """Return where a served cell shows anything else than the run that was recorded.

    This holds for cells that are not deterministic too.
    """
    served = tuple(f"cell {cell.index}: " for cell in cells if cell.is_served)
    return compare.differences(
        {where: value for where, value in cold.items() if where.startswith(served)},
        {where: value for where, value in warm.items() if where.startswith(served)},
    )


def cell_results(runs: Mapping[str, Any], left_out: frozenset[str]) -> list[CellResult]:
    """Return each code cell's times, states and reasons."""
    by_index = {mode: {c["index"]: c for c in run["cells"]} for mode, run in runs.items()}
    return [
        one_result(
            index, {mode: cells.get(index, {}) for mode, cells in by_index.items()}, left_out
        )
        for index in by_index["plain"]
    ]


def one_result(index: int, runs: Mapping[str, Any], left_out: frozenset[str]) -> CellResult:
    """Return one cell's result; a cell that raises stores nothing and so does not count."""
    plain = min(runs["plain"]["seconds"], runs["again"].get("seconds", 0.0))
    events = {mode: runs[mode].get("event") or {} for mode in CACHED}
    errors = {out.get("ename") for out in runs["plain"]["outputs"] if "ename" in out}
    is_stable = not any(where.startswith(f"cell {index}: ") for where in left_out)
    return CellResult(
        index=index,
        title=runs["plain"]["source"].strip().splitlines()[0][:60],
        plain=plain,
        cold=runs["cold"].get("seconds", 0.0),
        warm=runs["warm"].get("seconds", 0.0),
        cold_state=events["cold"].get("state", ""),
        warm_state=events["warm"].get("state", ""),
        reasons=(*events["warm"].get("reasons", ()), *events["warm"].get("notes", ())),
        is_stable=is_stable,
        counts=is_stable and not errors and plain > SLOW_SECONDS,
        is_code=has_code(runs["plain"]["source"]) and not errors & UNREADABLE,
    )


def has_code(source: str) -> bool:
    """Say whether a cell is more than comments: of another one no event is demanded."""
    lines = (line.strip() for line in source.splitlines())
    return any(line and not line.startswith("#") for line in lines)


def failures(cells: tuple[CellResult, ...]) -> list[str]:
    """Return what is wrong with the events: a missing one, or a run that nothing explains."""
    wrong = []
    for cell in (one for one in cells if one.is_code):
        if not cell.warm_state:
            wrong.append(f"cell {cell.index}: the reply carried no event")
        elif not cell.is_served and not any(reason.strip() for reason in cell.reasons):
            wrong.append(f"cell {cell.index}: ran ({cell.warm_state}) and no reason was given")
    return wrong
