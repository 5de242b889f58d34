"""What is said of pinned results, and of runs that are not stored."""

from __future__ import annotations

from pathlib import Path

from kernels import kernel

CELL = "%%cache\nq = n"


def test_clearing_a_pinned_cell_lets_it_go(tmp_path: Path) -> None:
    """A pin that stands already is no error; what was cleared runs again."""
    with kernel(tmp_path / "store") as made:
        made.run("n = 1")
        made.run(CELL)
        assert "PINNED" in made.run("%nbcache pin q").text
        made.run("n = 2")
        assert made.run(CELL).state == "pinned"
        told = made.run("%nbcache pin q").text
        assert "is pinned already" in told
        assert "Error" not in told
        assert made.run("print(q)").text == "1\n"
        assert "forgotten" in made.run("%nbcache clear q").text
        assert made.run(CELL).state != "pinned"
        assert made.run("print(q)").text == "2\n"


def test_a_refresh_that_may_not_write_stores_nothing(tmp_path: Path) -> None:
    """Its event tells of no stored run, and the old one is still there."""
    with kernel(tmp_path / "store") as made:
        made.run("n = 1")
        made.run(CELL)
        reply = made.run(CELL.replace("%%cache", "%%cache read_only refresh"))
        assert (reply.state, reply.event.get("stored_at")) == ("refreshed", None)
        assert "not stored: read_only" in reply.event["reasons"]
        assert made.run(CELL).state == "hit"


def test_a_name_to_keep_that_is_not_bound_is_told(tmp_path: Path) -> None:
    with kernel(tmp_path / "store") as made:
        reply = made.run("%%cache keep=zz\nkk = 1")
        assert "`keep=zz`: the cell binds no `zz`" in reply.event["notes"]
        assert not made.run("%%cache keep=kk\nkk = 1; b = 2").event["notes"]


def test_a_result_of_another_text_is_told(tmp_path: Path) -> None:
    """Where the key leaves the source out; another layout of the same text is no other."""
    with kernel(tmp_path / "store") as made:
        made.run("n = 1")
        told = []
        for text in ("y = n + 1", "y = n  +  1  # the same", "y = n + 2"):
            reply = made.run(f"%%cache policy=INPUTS\n{text}")
            told.append((reply.state, "another text" in str(reply.event["notes"])))
        assert told == [("miss", False), ("hit", False), ("hit", True)]


def test_pin_false_lets_a_pinned_result_go(tmp_path: Path) -> None:
    """A cell that asks for no pin is served and runs as any other again."""
    with kernel(tmp_path / "store") as made:
        made.run("n = 1")
        made.run(CELL.replace("%%cache", "%%cache pin"))
        made.run("n = 2")
        assert made.run(CELL).state == "pinned"
        assert made.run(CELL.replace("%%cache", "%%cache pin=false")).state != "pinned"
        assert made.run("print(q)").text == "2\n"
        assert made.run(CELL).state == "hit"
