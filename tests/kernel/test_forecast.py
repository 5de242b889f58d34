"""Staleness ahead of running: what a cell would be is told without running it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernels import Kernel, kernel

ASK = "__import__('nbcache.forecast').forecast"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forecast")


@pytest.fixture(scope="module")
def shared(folder: Path) -> Iterator[Kernel]:
    with kernel(folder / "store", folder=folder) as made:
        yield made


@pytest.fixture
def made(shared: Kernel) -> Kernel:
    shared.run("%reset -f")
    return shared


def one(made: Kernel, text: str, cell_id: str = "") -> dict[str, Any]:
    """Return the forecast of one cell."""
    call = f"{ASK}.forecast(get_ipython(), {text!r}, cell_id={cell_id!r}).as_dict()"
    return eval(made.value(call))


def every(made: Kernel, cells: list[tuple[str, str]], options: str = "") -> list[dict[str, Any]]:
    """Return the forecasts of a notebook's cells, given as (id, text)."""
    given = [{"id": name, "source": text, "cell_type": "code"} for name, text in cells]
    call = f"{ASK}.forecast_all(get_ipython(), {given!r}{options})"
    return eval(made.value(f"[event.as_dict() for event in {call}]"))


def run_all(made: Kernel, cells: list[tuple[str, str]]) -> list[str]:
    return [made.run(text, cell_id=name).state for name, text in cells]


def test_one_cell_hits_until_an_input_changes(made: Kernel) -> None:
    """A cell that would be served is a hit; once an input moved it is stale, and named so."""
    cell = "%%cache\ny = threshold + 1"
    assert one(made, cell)["state"] == "miss"
    made.run("threshold = 0.5")
    made.run(cell)
    assert one(made, cell)["state"] == "hit"
    assert one(made, "y = threshold + 1")["state"] == "off"
    made.run("threshold = 0.7")
    told = one(made, cell)
    assert told["state"] == "stale"
    assert "`threshold` changed" in told["reasons"][0]
    made.run("threshold = 0.5")
    assert one(made, cell)["state"] == "hit"


def test_files_ttl_refusals_and_errors_are_told(made: Kernel, folder: Path) -> None:
    """A changed file is stale, an old result expired, a refused cell bypass, broken text error."""
    data = folder / "data.txt"
    data.write_text("1")
    cell = "%%cache\ntext = open('data.txt').read()"
    made.run(cell)
    assert one(made, cell)["state"] == "hit"
    data.write_text("22")
    told = one(made, cell)
    assert told["state"] == "stale"
    assert "`data.txt` changed on disk" in told["reasons"][0]
    aged = "%%cache ttl=0.001\nage = 1"
    made.run(aged)
    assert one(made, aged)["state"] == "expired"
    assert one(made, "%%cache\n%store age")["state"] == "bypass"
    assert one(made, "%%cache\nage = = 1")["state"] == "error"
    assert one(made, "%%cache ttll=3\nage = 1")["state"] == "error"


def test_nothing_runs_and_nothing_is_loaded(made: Kernel) -> None:
    """A forecast neither binds names, nor unpickles, nor counts as a run."""
    cell = "%%cache\nclass C:\n    def __setstate__(self, s): print('loaded')\nc = C(); c.a = 1"
    made.run(cell)
    made.run("del c, C")
    assert one(made, cell)["state"] == "hit"
    assert made.value("'c' in globals()") == "False"
    count = made.value("get_ipython().execution_count")
    one(made, cell)
    assert made.value("get_ipython().execution_count") == count


def test_downstream_of_an_edited_cell_is_stale(made: Kernel) -> None:
    """Cells that read what an edited cell leaves are stale, through cells that aren't cached."""
    cells = [
        ("a", "import math\nbase = 1"),
        ("b", "double = base * 2"),
        ("c", "%%cache\nshown = double + 1"),
        ("d", "%%cache\nother = math.pi"),
        ("e", "%%cache\nlast = shown"),
    ]
    run_all(made, cells)
    assert [told["state"] for told in every(made, cells)] == ["off", "off", "hit", "hit", "hit"]
    edited = [("a", "import math\nbase = 5"), *cells[1:]]
    told = every(made, edited)
    assert [one["state"] for one in told] == ["off", "off", "stale", "hit", "stale"]
    assert "which is stale" in told[2]["reasons"][0]
    made.run(edited[0][1], cell_id="a")
    states = [one["state"] for one in every(made, edited)]
    assert states == ["off", "off", "stale", "hit", "stale"]
    run_all(made, edited)
    assert {one["state"] for one in every(made, edited)[2:]} == {"hit"}


def test_a_cell_that_changes_its_own_input_is_not_out_of_date(made: Kernel) -> None:
    """In-place changes by the cell or by cells below it don't make it stale; from above they do."""
    cells = [
        ("p", "rows = [1]"),
        ("q", "%%cache\nrows.append(2)"),
        ("r", "%%cache\nrows.append(3)\nprint(rows)"),
    ]
    run_all(made, cells)
    assert [told["state"] for told in every(made, cells)] == ["off", "miss", "miss"]
    cells[0] = ("p", "rows = [7]")
    made.run(cells[0][1], cell_id="p")
    assert [told["state"] for told in every(made, cells)] == ["off", "stale", "stale"]


def test_an_edit_of_the_cell_itself_is_stale(made: Kernel) -> None:
    """A cell whose text was edited is stale, one whose comments were edited is not."""
    made.run("%%cache\nk = 1", cell_id="k")
    assert one(made, "%%cache\nk = 1  # same", cell_id="k")["state"] == "hit"
    told = one(made, "%%cache\nk = 2", cell_id="k")
    assert told["state"] == "stale"
    assert "code changed" in told["reasons"][0]


def test_without_time_the_last_state_is_told(made: Kernel) -> None:
    """Cells beyond the budget keep the state of their last run, with a note that says so."""
    cells = [("z", "%%cache\nz = 1"), ("m", "# text")]
    run_all(made, cells)
    told = every(made, cells, ", budget=0.0")
    assert told[0]["state"] == "miss"
    assert "not looked at again" in told[0]["notes"][-1]
    assert json.dumps(told)


def test_a_new_kernel_knows_what_was_stored(tmp_path: Path) -> None:
    """In a new kernel unchanged cells are hits, edited ones stale, and others wait for a name."""
    cells = [("a", "%%cache\nx = 1"), ("b", "%%cache\ny = x"), ("c", "%%cache\nz = 3")]
    with kernel(tmp_path / "store") as first:
        run_all(first, cells)
    cells[2] = ("c", "%%cache\nz = 4")
    with kernel(tmp_path / "store") as second:
        told = every(second, cells)
        assert [one["state"] for one in told] == ["hit", "miss", "stale"]
        assert "which has not run" in told[1]["reasons"][0]
        assert "`x`, not defined here yet" in one(second, cells[1][1])["reasons"][0]
        assert told[2]["reasons"] == ["the cell's code changed: line 2"]
