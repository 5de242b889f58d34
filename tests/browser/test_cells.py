"""The way of cached cells through a real notebook page, in JupyterLab and in Notebook 7."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
KINDS = pytest.mark.parametrize("kind", ["lab", "notebook"])
LOAD = "%load_ext nbcache"
DRAW = "%%cache\nimport time, uuid\ntime.sleep(0.4)\nname = uuid.uuid4().hex\nprint(name)"


@KINDS
def test_a_cell_is_new_then_ran_then_served_then_refreshed(open_notebook, artefacts, kind) -> None:
    """A cell's badge goes from new to miss, to hit after a restart; Refresh puts the new output
    into that same cell, runs no other one, and is saved with the file; a reload shows it again."""
    other = "%%cache\nimport uuid\nother = uuid.uuid4().hex\nprint(other)"
    nb = open_notebook(kind, f"way-{kind}.ipynb", [LOAD, DRAW, other, "print(1 + 1)"])
    assert "will be cached" in nb.see(1, "new").inner_text()
    nb.run_all()
    assert "miss" in nb.see(1, "miss").inner_text()
    nb.see(2, "miss")
    drawn, kept = nb.output(1), nb.output(2)
    assert nb.cell(1).locator(".jp-OutputArea-output").count() == 1
    assert nb.badge(3).count() == 0

    nb.restart_and_run_all()
    hit = nb.see(1, "hit")
    nb.see(2, "hit")
    assert "saved" in hit.inner_text()
    assert "old" in hit.inner_text()
    assert (nb.output(1), nb.output(2)) == (drawn, kept)
    nb.page.screenshot(path=artefacts / f"hit-{kind}.png")

    nb.act(1, "refresh")
    nb.see(1, "refreshed")
    assert nb.output(1) != drawn
    assert nb.output(2) == kept
    saved = nb.save()["cells"]
    assert saved[1]["outputs"][0]["text"] == [nb.output(1) + "\n"]
    assert len(saved[1]["outputs"]) == 1
    assert "nbcache" not in saved[1]["metadata"]

    nb.open(reset=False)
    nb.see(1, "refreshed")
    nb.see(2, "hit")


@KINDS
def test_what_moved_turns_stale_before_it_runs(open_notebook, artefacts, kind) -> None:
    """An edited cell, and those that read what it binds, turn stale before they run, and back
    when the edit is undone; a comment changes nothing; the reasons open on a click."""
    cells = [LOAD, "%%cache\nrate = 2", "%%cache\ncost = rate * 21", "%%cache\nfixed = 7"]
    nb = open_notebook(kind, f"stale-{kind}.ipynb", cells)
    nb.run_all()
    for position in (1, 2, 3):
        nb.see(position, "miss")
    nb.type_into(1, "%%cache\nrate = 3")
    nb.see(1, "stale")
    assert "stale" in nb.see(2, "stale").inner_text()
    nb.see(3, "miss")
    nb.act(2, "details")
    expect(nb.badge(2).locator(".nbcache-details")).to_contain_text("depends on")
    nb.page.screenshot(path=artefacts / f"stale-{kind}.png")
    nb.type_into(1, "%%cache\nrate = 2  # as before")
    nb.see(1, "miss")
    nb.see(2, "miss")


@KINDS
def test_settings_are_written_into_the_cell(open_notebook, kind) -> None:
    """The toggle and the time field write the cell's metadata, and the kernel obeys it."""
    nb = open_notebook(kind, f"settings-{kind}.ipynb", [LOAD, "%%cache\nx = 1", "print(2)"])
    nb.run_all()
    nb.see(1, "miss")
    nb.act(1, "details")
    field = nb.badge(1).locator('[data-action="ttl"]')
    field.fill("1h")
    field.press("Tab")
    nb.until(lambda: nb.save()["cells"][1]["metadata"].get("nbcache") == {"ttl": "1h"})
    nb.run_all()
    assert "expires in" in nb.see(1, "hit").inner_text()
    nb.act(1, "toggle")
    nb.see(1, "off")
    assert nb.save()["cells"][1]["metadata"]["nbcache"]["off"] is True
    nb.run_all()
    nb.see(1, "off")
    nb.act(1, "toggle")
    nb.run_all()
    nb.see(1, "hit")


def test_a_result_expires_by_itself(open_notebook) -> None:
    """The badge counts down and turns to expired when the time is up, without being run."""
    nb = open_notebook("lab", "expiry.ipynb", [LOAD, "%%cache ttl=1h\nlasting = 1"])
    nb.run_all()
    assert "expires in" in nb.see(1, "miss").inner_text()
    nb.page.clock.set_fixed_time(time.time() * 1000 + 59.5 * 60_000)
    expect(nb.badge(1)).to_contain_text(" s")
    nb.page.clock.set_fixed_time(time.time() * 1000 + 61 * 60_000)
    nb.see(1, "expired")


def test_a_running_cell_tells_how_long_it_took_before(open_notebook) -> None:
    """While a cell runs its badge tells for how long, and how long its last run took."""
    slow = "%%cache\nimport time\ntime.sleep(2.5)"
    nb = open_notebook("lab", "running.ipynb", [LOAD, slow])
    nb.run_all()
    nb.see(1, "running")
    nb.see(1, "miss")
    nb.act(1, "refresh")
    expect(nb.see(1, "running")).to_contain_text("last time 2.5 s")
    nb.see(1, "refreshed")


def test_a_page_without_the_extension_refreshes_through_widgets(open_notebook, artefacts) -> None:
    """Where only widgets are there, a bar above the output tells the state, and its Refresh puts
    the new output into that same cell."""
    nb = open_notebook("lab", "bar.ipynb", [LOAD, DRAW], with_nbcache=False)
    nb.run_all()
    cell = nb.cell(1)
    expect(cell).to_contain_text("miss")
    refresh = cell.get_by_role("button", name="Refresh")
    expect(refresh).to_be_visible()
    texts = cell.locator(".jp-OutputArea-output pre")
    expect(texts).to_have_count(1)
    drawn = texts.inner_text()
    nb.page.screenshot(path=artefacts / "bar-lab.png")
    refresh.click()
    expect(cell).to_contain_text("refreshed")
    expect(texts).to_have_count(1)
    assert texts.inner_text() != drawn
    expect(cell.get_by_role("button", name="Refresh")).to_have_count(1)
    outputs = nb.save()["cells"][1]["outputs"]
    assert [out["output_type"] for out in outputs] == ["display_data", "stream"]
    assert outputs[0]["metadata"]["nbcache"]["state"] == "refreshed"
