"""Widgets: refused with the reason, unless they are neither stored nor shown."""

from __future__ import annotations

from pathlib import Path

from kernels import kernel

CELL = "import ipywidgets\nslider = ipywidgets.IntSlider(value=3)\nslider.value = 4\nx = [1]"


def test_widgets_left_out_are_no_obstacle(tmp_path: Path) -> None:
    """A cell whose widgets are dropped and not shown is replayed without them; others say why."""
    with kernel(tmp_path / "store") as made:
        assert "creates widgets" in made.run(f"%%cache\n{CELL}").event["reasons"][0]
        kept = made.run(f"%%cache drop=x\n{CELL}")
        assert "`slider` (ipywidgets.widgets.widget_int.IntSlider)" in kept.event["reasons"][0]
        shown = made.run(f"%%cache drop=slider\n{CELL}\ndisplay(slider)")
        assert "creates widgets" in shown.event["reasons"][0]
        assert made.run(f"%%cache drop=slider\n{CELL}").state == "miss"
        read = "%%cache\ny = slider.value + 1"
        assert [made.run(read).state, made.run(read).state] == ["miss", "hit"]
        made.run("slider.value = 9")
        assert made.run(read).state == "stale" or made.value("y") == "10"
        changed = made.run("%%cache drop=q\nslider.value = 5\nq = 1")
        assert "talks to widgets" in changed.event["reasons"][0]
    with kernel(tmp_path / "store") as made:
        assert made.run(f"%%cache drop=slider\n{CELL}").state == "hit"
        assert made.value("x, 'slider' in globals()") == "([1], False)"
