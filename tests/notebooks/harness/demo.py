"""Shows nbcache at work: a real notebook cold and then warm, in new kernels, as a table by cell.

Run as ``make demo``; everything goes to ``demo-output/``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness import catalogue, fetch, summary

ROOT = catalogue.HERE.parent.parent
OUTPUT = ROOT / "demo-output"
SHOWN = "emcee/quickstart"
TOUR = ROOT / "notebooks" / "tour.ipynb"


def choose(wanted: str) -> Path:
    """Return the notebook to show: one that others wrote, or the tour where it can't be had."""
    if wanted.endswith(".ipynb"):
        return Path(wanted).resolve()
    (notebook,) = (one for one in catalogue.notebooks() if one.id == wanted)
    try:
        fetch.fetch(notebook.sdist)
    except (fetch.FetchError, OSError) as problem:
        print(f"{problem}\nShowing this project's own tour instead.\n")
        return TOUR
    return notebook.path


def events(notebook: Path, target: Path) -> Iterator[dict[str, Any]]:
    """Run the notebook through the public command and yield what it tells, as it tells it."""
    command = [fetch.tool("jupyter-nbcache"), "run", str(notebook), "-o", str(target), "--json"]
    command.append("--trust")  # the notebook draws its start without a seed
    environment = os.environ | {"NBCACHE_DIR": str(OUTPUT / "store"), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=OUTPUT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode:
        sys.exit(f"`{' '.join(command)}` ended with status {process.returncode}.")


def run(notebook: Path, label: str) -> tuple[dict[int, dict[str, Any]], float]:
    """Run the notebook once with progress by cell; return its cells, and seconds in all."""
    print(f"\n{label} run of {notebook.name} in a new kernel", flush=True)
    started = time.perf_counter()
    cells = {}
    for event in events(notebook, OUTPUT / f"{label}.ipynb"):
        if event.get("type") != "cell":
            continue
        cells[event["number"]] = event
        place = f"[{event['number']}/{event['of']}]"
        print(f"  {place:>8} {event['state']:<8} {event['seconds']:8.3f} s  {event['title'][:60]}")
        sys.stdout.flush()
    return cells, time.perf_counter() - started


def table(cold: dict[int, dict[str, Any]], warm: dict[int, dict[str, Any]]) -> list[str]:
    """Return one line for each cell: its state when warm, its times, and what was saved."""
    rows = [["cell", "state", "cold s", "warm s", "saved s"]]
    for number, event in sorted(warm.items()):
        before = cold.get(number, event)["seconds"]
        after = event["seconds"]
        name = f"{number:>3} {event['title'][:56]}"
        times = [f"{one:.3f}" for one in (before, after, before - after)]
        rows.append([name, event["state"], *times])
    before, after = (sum(one["seconds"] for one in cells.values()) for cells in (cold, warm))
    rows.append(["all cells", "", *(f"{one:.3f}" for one in (before, after, before - after))])
    return summary.table(rows)


def explanations(warm: dict[int, dict[str, Any]]) -> list[str]:
    """Return why each cell that ran again was not served."""
    return [
        f"Cell {number} ran again: {'; '.join(event['reasons']) or 'no reason given'}"
        for number, event in sorted(warm.items())
        if event["state"] not in {"hit", "pinned"}
    ]


def main() -> None:
    """Show one notebook cold and warm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebook", nargs="?", default=SHOWN, help="a catalogue id, or a file")
    notebook = choose(parser.parse_args().notebook)
    shutil.rmtree(OUTPUT, ignore_errors=True)
    work = OUTPUT / "notebook"
    shutil.copytree(notebook.parent, work, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    cold, cold_seconds = run(work / notebook.name, "cold")
    warm, warm_seconds = run(work / notebook.name, "warm")
    served = sum(event["state"] in {"hit", "pinned"} for event in warm.values())
    print("\n" + "\n".join(table(cold, warm)))
    print(f"\n{served} of {len(warm)} cells came from the cache. With the kernel's start the cold")
    print(f"run took {cold_seconds:.1f} s, the warm one {warm_seconds:.1f} s.")
    print("\n".join(explanations(warm)))
    shown = (OUTPUT / "warm.ipynb").relative_to(ROOT)
    print(f"To look at it: .venv/bin/pip install jupyterlab, then .venv/bin/jupyter lab {shown}")
    print("To use it there: put `%load_ext nbcache` in a cell, and `%%cache ttl=60` on others.")


if __name__ == "__main__":
    main()
