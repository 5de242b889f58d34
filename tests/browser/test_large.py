"""What badges cost a large notebook, from a profile of the page itself."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser
CELLS = 300
LIMIT = 0.05
"""The share of the page's work that may be ours. A share of one run: it holds on busy machines,
where two pages, with and without nbcache, differ by more than this from one time to the next."""


@pytest.mark.timeout(280)
def test_badges_cost_little_in_a_large_notebook(open_notebook, record_property) -> None:
    """Of the work of loading and scrolling 300 cached cells less than 5 % is for their badges."""
    sources = [f"%%cache\nvalue_{number} = {number}" for number in range(CELLS)]
    nb = open_notebook("lab", "large.ipynb", sources)
    client = nb.page.context.new_cdp_session(nb.page)
    for order, options in (
        ("enable", {}),
        ("setSamplingInterval", {"interval": 500}),
        ("start", {}),
    ):
        client.send(f"Profiler.{order}", options)
    nb.open()
    scroll(nb)
    share = share_of_ours(client.send("Profiler.stop")["profile"])
    record_property("share", round(share, 4))
    assert nb.page.locator(".nbcache-badge").count() > CELLS / 2
    assert 0 < share < LIMIT


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


def share_of_ours(profile: dict[str, Any]) -> float:
    """Return the share of the time at work in which a function of ours was on the stack."""
    nodes = {node["id"]: node for node in profile["nodes"]}
    parents = {child: node["id"] for node in nodes.values() for child in node.get("children", ())}

    def is_ours(number: int | None) -> bool:
        while number is not None:
            if "/extensions/nbcache/" in nodes[number]["callFrame"]["url"]:
                return True
            number = parents.get(number)
        return False

    ours = work = 0
    for number, length in zip(profile["samples"], profile["timeDeltas"], strict=True):
        if nodes[number]["callFrame"]["functionName"] != "(idle)":
            work += length
            ours += length * is_ours(number)
    return ours / work
