"""What surrounds the cells in JupyterLab: panel, commands, keys, themes, other front ends."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
LOAD = "%load_ext nbcache"


def test_the_panel_lists_sorts_and_clears(open_notebook, artefacts) -> None:
    """The panel lists the notebook's cached cells with totals, sorts them, refreshes and clears
    them; the status bar tells hits and time saved."""
    slow = "%%cache\nimport time\ntime.sleep(0.3)\nslow = list(range(20000))"
    nb = open_notebook("lab", "panel.ipynb", [LOAD, "%%cache\nquick = 41", slow, "plain = 1"])
    nb.run_all()
    nb.see(2, "miss")
    nb.restart_and_run_all()
    nb.see(2, "hit")
    nb.command("nbcache:show-panel")
    panel = nb.page.locator("#nbcache-panel")
    expect(panel.locator("li")).to_have_count(2)
    expect(panel).to_contain_text("2 cells · 2 hits (100 %) · saved")
    expect(panel).to_contain_text("stored runs")
    expect(panel.locator("li").first).to_contain_text("quick = 41")
    panel.locator("select").select_option("size")
    expect(panel.locator("li").first).to_contain_text("import time")
    expect(nb.page.locator(".nbcache-statusitem")).to_contain_text("2 hits · saved")
    nb.page.screenshot(path=artefacts / "panel-lab.png")
    panel.locator('li:first-child [data-action="refresh"]').click()
    nb.see(2, "refreshed")
    panel.locator('.nbcache-tools [data-action="clear"]').click()
    nb.see(1, "new")
    nb.see(2, "new")
    nb.command("nbcache:run-all")
    nb.see(1, "miss")
    nb.command("nbcache:run-all")
    nb.see(1, "refreshed")
    nb.see(2, "refreshed")
    assert nb.badge(3).count() == 0


def test_cells_that_move_split_copy_and_go(open_notebook) -> None:
    """A badge follows its cell when it moves, a copy has its own, a deleted cell takes it away."""
    cells = [LOAD, "%%cache\nfirst = 100", "%%cache\nsecond = 200"]
    nb = open_notebook("lab", "moves.ipynb", cells)
    nb.run_all()
    nb.see(1, "miss")
    nb.see(2, "miss")
    nb.select(2)
    nb.command("notebook:move-cell-up")
    expect(nb.cell(1)).to_contain_text("second")
    nb.see(1, "miss")
    nb.see(2, "miss")
    nb.select(1)
    nb.command("notebook:duplicate-below")
    expect(nb.page.locator(".jp-Notebook .jp-CodeCell")).to_have_count(4)
    nb.see(2, "ready")
    nb.select(2)
    nb.command("notebook:delete-cell")
    expect(nb.page.locator(".nbcache-badge")).to_have_count(2)
    nb.cell(2).locator(".cm-content").click()
    nb.page.keyboard.press("Control+End")
    nb.page.keyboard.press("Control+Shift+Minus")
    expect(nb.page.locator(".jp-Notebook .jp-CodeCell")).to_have_count(4)
    expect(nb.page.locator(".nbcache-badge")).to_have_count(2)


def test_everything_works_by_keyboard(open_notebook) -> None:
    """Refresh and the reasons have shortcuts, and every control is reached and used with Tab."""
    nb = open_notebook("lab", "keys.ipynb", [LOAD, "%%cache\nby_key = 1"])
    nb.run_all()
    nb.see(1, "miss")
    nb.select(1)
    nb.page.keyboard.press("Alt+Shift+Enter")
    nb.see(1, "refreshed")
    nb.page.keyboard.press("Alt+Shift+W")
    expect(nb.badge(1).locator(".nbcache-details")).to_be_visible()
    focused = "() => document.activeElement.dataset.action ?? ''"
    assert nb.page.evaluate(focused) == "details"
    reached = []
    for _ in range(5):
        nb.page.keyboard.press("Tab")
        reached.append(nb.page.evaluate(focused))
    assert reached[:3] == ["refresh", "toggle", "ttl"]
    assert "clear" in reached
    nb.page.keyboard.press("Enter")
    nb.see(1, "new")


def test_two_browsers_show_one_kernel(open_notebook, browser) -> None:
    """A second browser on the same kernel shows the same states, and follows the first."""
    from pages import NotebookPage

    nb = open_notebook("lab", "two.ipynb", [LOAD, "%%cache\nboth = 1"])
    nb.run_all()
    nb.see(1, "miss")
    nb.save()
    context = browser.new_context()
    try:
        other = NotebookPage(context.new_page(), nb.server, nb.name).open()
        other.see(1, "miss")
        nb.act(1, "refresh")
        nb.see(1, "refreshed")
        other.see(1, "refreshed")
    finally:
        context.close()


def test_a_kernel_without_nbcache_is_left_in_peace(open_notebook) -> None:
    """Where nbcache is not loaded nothing fails and nothing is logged; loading it later joins."""
    nb = open_notebook(
        "lab", "late.ipynb", ["print('hello')", "# nbcache: ttl=1d\nlater = 1", LOAD]
    )
    nb.run_all()
    expect(nb.cell(0).locator(".jp-OutputArea-output")).to_have_text("hello")
    nb.see(1, "new")
    nb.select(1)
    nb.command("notebook:run-cell")
    nb.see(1, "miss")
    assert "No such comm" not in nb.server.log.read_text()


@pytest.mark.parametrize("theme", ["Light", "Dark", "Dark High Contrast"])
def test_themes_are_readable_and_accessible(open_notebook, artefacts, devtools, theme) -> None:
    """In every theme badges, reasons and panel have no serious finding of axe, also at 200 %."""
    cells = [LOAD, "%%cache ttl=1h\nthemed = 1", "%%cache\nhandle = open('/dev/null')"]
    small = {"viewport": {"width": 640, "height": 460}}
    nb = open_notebook("lab", "themes.ipynb", [*cells, "%%cache off\n1"])
    nb.command("apputils:change-theme", json.dumps({"theme": f"JupyterLab {theme}"}))
    nb.run_all()
    nb.see(2, "bypass")
    nb.command("application:toggle-left-area")
    nb.command("nbcache:show-panel")
    nb.act(1, "details")
    for zoom, size in (("100", nb.page.viewport_size), ("200", small["viewport"])):
        nb.page.set_viewport_size(size)
        name = theme.lower().replace(" ", "-")
        nb.page.wait_for_timeout(300)
        nb.page.screenshot(path=artefacts / f"{name}-{zoom}.png")
        found = axe(nb.page, devtools)
        assert not found, json.dumps(found, indent=1)


def axe(page, devtools) -> list[dict[str, object]]:
    """Return the serious findings of axe within our own nodes."""
    page.evaluate((devtools / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    script = """async () => {
      const include = [['.nbcache-badge'], ['#nbcache-panel'], ['.nbcache-statusitem']];
      const found = await axe.run({ include });
      return found.violations.filter(v => ['serious', 'critical'].includes(v.impact))
        .map(v => ({ id: v.id, nodes: v.nodes.map(n => [n.html, n.failureSummary]) }));
    }"""
    return list(page.evaluate(script))
