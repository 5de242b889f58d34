"""Shows verdicts to people: a table by notebook, a table by cell, and files for later."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from harness.trial import CellResult, Verdict

TIMED = ("plain", "cold", "warm")
LIBRARY_COLUMNS = ["library", "notebooks", "cells", "served", "refused", "raised", "ran again"]
LIBRARY_COLUMNS += [*(f"{mode} s" for mode in TIMED), "differences"]


def counted(verdicts: Iterable[Verdict]) -> list[CellResult]:
    """Return the cells that are demanded to be served: deterministic, and not quick."""
    return [cell for verdict in verdicts for cell in verdict.cells if cell.counts]


def share_served(verdicts: Iterable[Verdict]) -> float:
    """Return which share of the counted cells was served; 1.0 when none counts."""
    cells = counted(verdicts)
    return sum(cell.is_served for cell in cells) / len(cells) if cells else 1.0


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of text as aligned lines; the first column is left-aligned."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            text.ljust(width) if i == 0 else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def by_notebook(verdicts: Sequence[Verdict]) -> list[str]:
    """Return the table of all notebooks, and the total."""
    rows = [["notebook", "plain s", "cold s", "warm s", "served", "differences", "left out"]]
    for one in verdicts:
        served = sum(cell.is_served for cell in one.cells if cell.counts)
        rows.append(
            [
                one.notebook,
                *(f"{one.seconds[mode]:.1f}" for mode in ("plain", "cold", "warm")),
                f"{served}/{len(counted([one]))}",
                str(sum(map(len, one.differences.values()))),
                str(len(one.left_out)),
            ]
        )
    cells = counted(verdicts)
    total = f"{sum(cell.is_served for cell in cells)} of {len(cells)} deterministic cells over "
    total += f"50 ms were served warm ({share_served(verdicts):.0%})"
    return [*table(rows), total]


def by_library(verdicts: Sequence[Verdict]) -> list[str]:
    """Return the table of all libraries, and the total; error cells count as refused."""
    rows = [LIBRARY_COLUMNS]
    libraries = groupby(verdicts, key=lambda verdict: verdict.notebook.partition("/")[0])
    groups = [(name, list(ones)) for name, ones in libraries]
    for name, ones in [*groups, ("all", list(verdicts))]:
        cells = [cell for one in ones for cell in one.cells]
        states = Counter(kind_of_run(cell) for cell in cells)
        rows.append(
            [
                name,
                *map(str, (len(ones), len(cells))),
                f"{states['served'] / max(1, len(cells)):.0%}",
                *(str(states[kind]) for kind in ("refused", "raised", "ran")),
                *(f"{sum(one.seconds[mode] for one in ones):.0f}" for mode in TIMED),
                str(sum(len(found) for one in ones for found in one.differences.values())),
            ]
        )
    return table(rows)


def kind_of_run(cell: CellResult) -> str:
    """Say whether a cell was served when warm, refused, raised, or ran for another reason."""
    if cell.is_served:
        return "served"
    return {"bypass": "refused", "error": "raised"}.get(cell.warm_state, "ran")


def reasons(verdicts: Iterable[Verdict], limit: int = 40) -> list[str]:
    """Return why cells ran when warm, the most frequent first; names and numbers left out."""
    counted = Counter(
        re.sub(r"`[^`]*`|\d+", "…", reason)
        for verdict in verdicts
        for cell in verdict.cells
        if not cell.is_served
        for reason in cell.reasons[:1]
    )
    return [f"{count:>5}  {reason}" for reason, count in counted.most_common(limit)]


def by_cell(verdict: Verdict) -> list[str]:
    """Return one notebook's table by cell, with the reasons of those that ran."""
    rows = [["cell", "plain ms", "cold ms", "warm ms", "cold", "warm", "counts"]]
    for cell in verdict.cells:
        times = [f"{1000 * one:.0f}" for one in (cell.plain, cell.cold, cell.warm)]
        name = f"{cell.index:>3} {cell.title}"
        rows.append([name, *times, cell.cold_state, cell.warm_state, "yes" if cell.counts else ""])
    lines = table(rows)
    for cell in verdict.cells:
        if not cell.is_served:
            lines.append(f"cell {cell.index} ran: {'; '.join(cell.reasons) or 'no reason given'}")
    return lines


def findings(verdict: Verdict, limit: int = 12) -> list[str]:
    """Return the differences and failures as lines, the first ``limit`` of each mode."""
    lines = []
    for mode, found in verdict.differences.items():
        lines += [f"{mode}: {one}" for one in found[:limit]]
        if len(found) > limit:
            lines.append(f"{mode}: … and {len(found) - limit} more")
    return [*lines, *verdict.failures]


def write(verdicts: Sequence[Verdict], folder: Path) -> Path:
    """Write all verdicts as JSON and as Markdown, and return the Markdown file."""
    folder.mkdir(parents=True, exist_ok=True)
    data = [verdict.as_dict() for verdict in verdicts]
    (folder / "notebooks.json").write_text(json.dumps(data, indent=1), encoding="utf-8")
    parts = ["# Real notebooks: plain, cold, warm", "```text", *by_library(verdicts), "```"]
    parts += ["Why cells ran when warm:", "```text", *reasons(verdicts), "```"]
    parts += ["```text", *by_notebook(verdicts), "```"]
    for verdict in verdicts:
        parts += [f"## {verdict.notebook}", "```text", *by_cell(verdict), "```"]
        parts += [f"- {line}" for line in findings(verdict, limit=100)]
        parts += [f"- left out: {', '.join(verdict.left_out) or 'nothing'}"]
    target = folder / "notebooks.md"
    target.write_text("\n".join(parts) + "\n", encoding="utf-8")
    return target
