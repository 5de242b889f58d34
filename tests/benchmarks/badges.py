"""What badges add to a notebook of 300 cells: the same notebook with and without nbcache, in turn.

Figures are seconds of the page's own tasks (Chromium's ``TaskDuration`` and its parts), from the
start of loading to the end of scrolling: processor time, which a busy machine hardly moves.

    PYTHONPATH=tests/browser python tests/benchmarks/badges.py [ROUNDS]
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from chromium import FLAGS, find_browser
from pages import NotebookPage, write_notebook
from playwright.sync_api import sync_playwright
from servers import serve
from test_large import CELLS, scroll

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
PARTS = ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
NAME = "large.ipynb"


def measure(browser: Any, server: Any, *, wants_badges: bool) -> dict[str, float]:
    """Load and scroll the notebook in a fresh page; return the seconds of its work."""
    context = browser.new_context(viewport={"width": 1100, "height": 760})
    try:
        nb = NotebookPage(context.new_page(), server, NAME)
        client = context.new_cdp_session(nb.page)
        client.send("Performance.enable", {"timeDomain": "threadTicks"})
        nb.open()
        if wants_badges:
            nb.page.wait_for_selector(".nbcache-badge")
        scroll(nb)
        found = {
            one["name"]: one["value"] for one in client.send("Performance.getMetrics")["metrics"]
        }
        return {part: found[part] for part in PARTS}
    finally:
        context.close()


def rounds(count: int) -> Iterator[tuple[dict[str, float], dict[str, float]]]:
    """Yield what the page cost without and with nbcache, taking turns at going first."""
    sources = [f"%%cache\nvalue_{number} = {number}" for number in range(CELLS)]
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = {
            wanted: stack.enter_context(serve("lab", home / str(wanted), with_nbcache=wanted))
            for wanted in (False, True)
        }
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        for server in servers.values():
            write_notebook(server, NAME, sources)
        for number in range(-1, count):
            order = (False, True) if number % 2 else (True, False)
            found = {one: measure(browser, servers[one], wants_badges=one) for one in order}
            plain, ours = (found[one]["TaskDuration"] for one in (False, True))
            told = f"round {number + 1} of {count}: {plain:.2f} s, with nbcache {ours:.2f} s"
            print(told, flush=True)
            if number >= 0:  # the first round warms servers and caches
                yield found[False], found[True]
        browser.close()


def main(count: int) -> None:
    """Print the medians side by side, and write them to the artefacts."""
    measured = list(rounds(count))
    table = {}
    for part in PARTS:
        plain, ours = (statistics.median(pair[side][part] for pair in measured) for side in (0, 1))
        ratios = [pair[1][part] / pair[0][part] for pair in measured]
        table[part] = {"plain": plain, "nbcache": ours, "ratio": statistics.median(ratios)}
        print(f"{part:<20} {plain:7.3f} s {ours:7.3f} s  x {table[part]['ratio']:.3f}")
        print(f"{'':<20} {' '.join(f'{ratio:.3f}' for ratio in sorted(ratios))}")
    ARTEFACTS.mkdir(exist_ok=True)
    (ARTEFACTS / "badges.json").write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
