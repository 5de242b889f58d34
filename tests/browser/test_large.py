"""What badges cost a large notebook, measured against the same page without nbcache."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser
CELLS = 300
ROUNDS = 3
LIMIT = 1.05


@pytest.mark.timeout(600)
def test_badges_cost_little_in_a_large_notebook(open_notebook) -> None:
    """Loading and scrolling 300 cached cells takes the page under 5 % more work than without."""
    sources = [f"%%cache\nvalue_{number} = {number}" for number in range(CELLS)]
    work: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(ROUNDS):
        for with_nbcache in (True, False) if turn % 2 else (False, True):
            nb = open_notebook("lab", "large.ipynb", sources, with_nbcache=with_nbcache)
            client = nb.page.context.new_cdp_session(nb.page)
            client.send("Performance.enable")
            scroll(nb)
            work[with_nbcache].append(task_seconds(client))
            assert bool(nb.page.locator(".nbcache-badge").count()) is with_nbcache
            nb.page.context.close()
    ratio = min(work[True]) / min(work[False])
    assert ratio < LIMIT, work


def scroll(nb) -> None:
    """Scroll from the first cell to the last, a screen at a time, and wait for every frame."""
    nb.page.evaluate(
        """async () => {
          const notebook = window.jupyterapp.shell.currentWidget.content;
          const frame = () => new Promise(requestAnimationFrame);
          for (let index = 0; index < notebook.widgets.length; index += 10) {
            await notebook.scrollToItem(index, 'start');
            await frame();
            await frame();
          }
        }"""
    )


def task_seconds(client) -> float:
    """Return how long the page's main thread has worked since it was loaded."""
    metrics = client.send("Performance.getMetrics")["metrics"]
    return next(float(m["value"]) for m in metrics if m["name"] == "TaskDuration")
