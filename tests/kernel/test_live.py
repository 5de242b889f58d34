"""What a running kernel tells front ends over its comm, and what it lets them ask."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from fronts import Front
from kernels import Kernel, Reply, kernel

SLOW = "%%cache\nimport time\ntime.sleep(0.2)\nx = 1"


@pytest.fixture
def front(tmp_path: Any) -> Iterator[Front]:
    with kernel(tmp_path / "store") as running:
        yield Front(running)


def test_every_outcome_is_told_and_told_again_to_those_who_join(front: Front) -> None:
    """A run tells that it runs, stores, and what came of it, as soon as a front end is there; who
    joins later is told all cells."""
    assert front.run("%%cache quiet\ny = 1", "q", **{"nbcache.front": 0}) == []
    first = front.run(SLOW, "a")
    phases = [cell["progress"]["phase"] for cell in first if cell["progress"]]
    assert phases == ["running", "storing"]
    assert first[-1]["event"]["state"] == "miss"
    assert first[-1]["progress"] is None
    assert front.run(SLOW, "a")[-1]["event"]["state"] == "hit"
    front.say("hello")
    state = front.hear("state")
    assert [cell["id"] for cell in state["cells"]] == ["q", "a"]
    assert state["totals"]["hits"] == 1
    assert front.run("%%cache quiet\ny = 1", "q", **{"nbcache.front": 0}) != []
    assert state["totals"]["saved"] > 0.1
    assert abs(state["clock"] - time.time()) < 60


def test_a_run_again_estimates_its_length(front: Front) -> None:
    """A refreshed cell tells how long its last run took, and orders to refresh are obeyed once."""
    stored = front.run(SLOW, "a")[-1]["event"]
    front.say("refresh", cells=["a"])
    told = front.run(SLOW, "a")
    assert told[0]["progress"]["estimate"] >= 0.2
    assert told[-1]["event"]["state"] == "refreshed", (stored, told[-1]["event"])
    assert front.run(SLOW, "a", nbcache={"refresh": True})[-1]["event"]["state"] == "refreshed"
    assert front.run(SLOW, "a")[-1]["event"]["state"] == "hit"


def test_cleared_cells_run_again(front: Front) -> None:
    """Clearing one cell, or all that the kernel knows, makes the next run a miss."""
    for order in ({"cells": ["a"]}, {}):
        front.run(SLOW, "a")
        front.say("clear", **order)
        assert front.hear("state")["cells"][0]["event"]["stored_at"] is None
        again = front.run(SLOW, "a")[-1]["event"]
        assert again["state"] == "miss", again


def test_the_comm_outlives_whoever_closes_it(front: Front) -> None:
    """A front end that closes the shared comm does not close it for the others; nonsense is
    left alone."""
    client = front.kernel.client
    client.shell_channel.send(client.session.msg("comm_close", {"comm_id": front.comm_id}))
    front.say("hello", version=2)
    front.say("no such order")
    until = time.monotonic() + 30
    while front.comms() != [front.comm_id] and time.monotonic() < until:
        continue
    front.say("hello")
    assert front.hear("state")["cells"] == []
    assert front.kernel.run("%unload_ext nbcache").content["status"] == "ok"
    assert front.comms() == []


def test_edits_turn_cells_stale_before_they_run(front: Front) -> None:
    """A cell that was edited, and one below that reads what it binds, are told as stale ahead."""
    cells = {
        "a": "%%cache\nx = 1",
        "b": "%%cache\ny = x + 1",
        "c": "%%cache\nz = 5",
    }
    for name, source in cells.items():
        front.run(source, name)
    written = {name: {"source": source} for name, source in cells.items()}
    front.say("sources", cells=written, order=list(cells))
    assert {s["state"] for s in front.hear("ahead")["cells"].values()} == {"hit"}
    front.say("sources", cells={"a": {"source": "%%cache\nx = 2"}}, order=list(cells))
    ahead = front.hear("ahead")["cells"]
    assert {name: said["state"] for name, said in ahead.items()} == {"a": "stale", "b": "stale"}
    assert ahead["b"]["reasons"]
    front.say("sources", cells={"a": {"source": "%%cache\nx = 1  # same"}}, order=list(cells))
    assert {s["state"] for s in front.hear("ahead")["cells"].values()} == {"hit"}


def widgets_of(reply: Reply) -> list[dict[str, Any]]:
    view = "application/vnd.jupyter.widget-view+json"
    return [
        content["data"][view] for _, content in reply.messages if view in content.get("data", {})
    ]


def models(kernel: Kernel) -> dict[str, str]:
    """Return the kernel's widgets: their model ids by what stands on them."""
    found = kernel.value(
        "{getattr(w, 'description', ''): i for i, w in"
        " __import__('ipywidgets').widgets.widget._instances.items()}"
    )
    return dict(eval(found))


def click(kernel: Kernel, button: str) -> None:
    data = {"method": "custom", "content": {"event": "click"}}
    content = {"comm_id": models(kernel)[button], "data": data}
    session = kernel.client.session
    kernel.client.shell_channel.send(session.msg("comm_msg", content))


def test_front_ends_without_our_extension_get_a_bar(tmp_path: Any) -> None:
    """A request that names its cell gets a bar of widgets with static HTML beside it, whose
    Refresh runs the cell again as an answer to the same request; headless requests get none."""
    code = "%%cache\nimport uuid\ndrawn = uuid.uuid4().hex\nprint(drawn)"
    with kernel(tmp_path / "store") as made:
        assert widgets_of(made.run(code)) == []
        first = made.run(code, cell_id="a")
        assert {kind for kind, _ in first.messages} == {
            "display_data",
            "stream",
            "update_display_data",
        }
        assert widgets_of(first)[0] == widgets_of(first)[1]
        assert "cached" in first.messages[-1][1]["data"]["text/html"]
        assert first.messages[-1][1]["metadata"]["nbcache"]["state"] == "hit"
        request = first.request
        click(made, "Refresh")
        again = made.collect_output(request)
        assert again.messages[0][0] == "clear_output"
        assert again.messages[-1][1]["metadata"]["nbcache"]["state"] == "refreshed"
        assert again.text.strip() not in ("", first.text.strip())
        assert made.value("drawn") == repr(again.text.strip())
        click(made, "Clear")
        assert made.run(code, cell_id="a").state == "miss"
        panel = made.run("%nbcache panel", cell_id="p")
        assert len(widgets_of(panel)) == 1
        assert "<table" in panel.messages[0][1]["data"]["text/html"]
        made.run("%unload_ext nbcache", cell_id="u")
        assert "Refresh" not in models(made)
