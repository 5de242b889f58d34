"""Verification: a would-be hit runs instead, and is compared with what is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernels import Kernel, kernel

SETUP = "import time, random, os\nbase = [1]\nbox = {'b': base}"
CELLS = {
    "alike": "%%cache\ndef f(a, k=base): return a + 1\nz = {'a': f(1), 'b': base}\nprint(f)\nz",
    "clock": "%%cache\nwhen = time.perf_counter(); same = [1, 2]\nprint('at', when)",
    "patch": "%%cache\nbox['b'].append(time.perf_counter())\nok = 1",
    "stream": "%%cache\nrandom.seed(time.time()); os.environ['CORPUS_V'] = str(time.time())",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every cell was stored once."""
    place = tmp_path_factory.mktemp("verify")
    with kernel(place / "store", folder=place, PYTHONHASHSEED="1") as made:
        made.run(SETUP)
        for name, cell in CELLS.items():
            assert made.run(cell, cell_id=name).state == "miss"
    return place


@pytest.fixture
def made(place: Path) -> Iterator[Kernel]:
    """A kernel in which every would-be hit is verified."""
    with kernel(place / "store", folder=place, PYTHONHASHSEED="2", NBCACHE_VERIFY="1") as made:
        made.run(SETUP)
        yield made


def test_a_would_be_hit_runs_and_each_part_is_compared(made: Kernel) -> None:
    """Names, changes of earlier objects, outputs, streams and surroundings are compared by name."""
    alike = made.run(CELLS["alike"], cell_id="alike")
    assert alike.state == "refreshed"
    assert (alike.event["verified"], alike.event["differences"]) == (True, [])
    assert alike.event["notes"][0].startswith("verified")

    clock = made.run(CELLS["clock"], cell_id="clock").event
    assert (clock["state"], clock["verified"]) == ("refreshed", False)
    first, second = clock["differences"]
    assert first.startswith("`when` differs: ")
    assert second == "output message 1 differs"
    assert clock["notes"][0].startswith("not deterministic: `when` differs")
    assert "not deterministic" in made.run("%nbcache why clock").text

    patch = made.run(CELLS["patch"], cell_id="patch").event
    assert patch["differences"] == ["the change of `box['b']` differs"]
    assert made.value("len(base), base is box['b']") == "(2, True)"

    stream = made.run(CELLS["stream"], cell_id="stream").event
    assert [said.split(" differ")[0] for said in stream["differences"]] == [
        "the random streams",
        "the surroundings",
    ]


def test_verify_by_magic_and_its_mark_stays(tmp_path: Path) -> None:
    """`%nbcache verify` runs a cell that would be served; later hits tell what was found."""
    store = tmp_path / "store"
    with kernel(store) as made:
        made.run(SETUP)
        made.run(CELLS["clock"], cell_id="clock")
        made.run(CELLS["alike"], cell_id="alike")
        before = made.value("when")
        assert "not deterministic: `when` differs" in made.run("%nbcache verify clock").text
        assert made.value("when") != before
        assert "`: verified" in made.run("%nbcache verify alike").text
        made.run("base.append(5)")
        assert "would not be served now" in made.run("%nbcache verify alike").text
        made.run("base.pop()")
        assert made.run(CELLS["alike"], cell_id="alike").event["verified"] is True  # as ordered
        assert "No cached cell" in str(made.run("%nbcache verify nothing").messages)
    with kernel(store) as made:
        made.run(SETUP)
        clock, alike = (made.run(CELLS[name], cell_id=name).event for name in ("clock", "alike"))
        assert (clock["state"], clock["verified"]) == ("hit", False)
        assert clock["differences"][0].startswith("`when` differs")
        assert (alike["state"], alike["verified"], alike["differences"]) == ("hit", True, [])
        assert "not deterministic" in made.run("%nbcache why clock").text
        text = made.run("%nbcache verify alike --json").text
        (verdict,) = json.loads(text[text.index("[\n {") :])
        assert (verdict["verified"], verdict["cell_id"]) == (True, "alike")


def test_a_cell_answers_to_its_name_and_to_every_number_it_had(tmp_path: Path) -> None:
    """A verification leaves the number under which the user ran the cell; it can be repeated."""
    with kernel(tmp_path / "store") as made:
        made.run("%%cache name=one\nx = 1 + 1")
        for which in ("one", "one", "1", ""):
            assert "Cell [1] `x = 1 + 1`: verified" in made.run(f"%nbcache verify {which}").text
        made.run("%%cache\nz = 1")
        made.run("%%cache name=one\nx = 1 + 1")
        assert "`x = 1 + 1`" in made.run("%nbcache why 1").text
        assert "`z = 1`" in made.run("%nbcache why z").text
        assert "No cached cell answers to '99'" in str(made.run("%nbcache why 99").messages)
