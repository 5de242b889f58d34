"""How staleness spreads: from cell to cell, through names."""

from __future__ import annotations

import ast

import pytest

from nbcache.cell.names import read_names
from nbcache.cell.touches import touched_names
from nbcache.downstream import Link, is_own_doing, spread
from nbcache.ran import Ran, RunLog


def link(label: str, reads: str = "", touches: str = "", **more: object) -> Link:
    names = frozenset(reads.split()), frozenset(touches.split())
    return Link(label, *names, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x = 1", {"x"}),
        ("df['a'] = 1", {"df"}),
        ("a.b.c = 1", {"a"}),
        ("rows.append(x)", {"rows", "x"}),
        ("fill(rows, n=box.items)", {"rows", "box"}),
        ("y = f(x)", {"y"}),
        ("for i in range(3):\n    d[i] += 1", {"i", "d"}),
        ("del q", {"q"}),
    ],
)
def test_touched_names(text: str, names: set[str]) -> None:
    """A cell touches what it binds, deletes, assigns into, and hands to a call on its own."""
    nodes = ast.parse(text).body
    assert touched_names(nodes, read_names(nodes)) == names


def test_staleness_goes_from_cell_to_cell() -> None:
    """What reads a stale cell's names is stale, and so is what reads that."""
    links = [
        link("cell 1", "", "x", unsettled="was edited"),
        link("cell 2", "x", "y"),
        link("cell 3", "y", "z"),
        link("cell 4", "w"),
    ]
    assert spread(links) == [
        "",
        "depends on cell 1, which was edited",
        "depends on cell 2, which is stale",
        "",
    ]


def test_a_settled_cell_that_binds_a_name_anew_ends_it() -> None:
    """A name that a settled cell binds without reading it is settled below that cell."""
    links = [
        link("cell 1", "", "x", unsettled="is stale"),
        link("cell 2", "", "x"),
        link("cell 3", "x"),
    ]
    assert spread(links) == ["", "", ""]


def test_a_cell_is_outrun_by_another_source_above_it() -> None:
    """A cell whose inputs nobody compared is stale if a cell above ran with new code since."""

    def runs(*numbers_and_digests: tuple[int, str]) -> list[tuple[Ran, str]]:
        return [(Ran(number, "", ""), digest) for number, digest in numbers_and_digests]

    above = link("cell 1", "", "x", runs=runs((1, "old"), (3, "new")))
    again = link("cell 1", "", "x", runs=runs((1, "old"), (3, "old")))
    below = link("cell 2", "x", "y", runs=runs((2, "same")))
    exact = link("cell 2", "x", "y", runs=runs((2, "same")), is_exact=True)
    assert spread([above, below])[1] == "depends on cell 1, which ran since"
    assert spread([again, below])[1] == ""
    assert spread([above, exact])[1] == ""


def test_own_changes_are_no_ones_fault() -> None:
    """Inputs moved by the cell itself or from below are its own doing, those from above not."""

    def made(label: str, number: int, *, moved: str = "") -> Link:
        runs = [(Ran(number, "", ""), "d")]
        return link(label, "", "rows", runs=runs, moved=frozenset(moved.split()))

    below = [made("cell 1", 1), made("cell 2", 2, moved="rows"), made("cell 3", 3)]
    above = [made("cell 1", 4), made("cell 2", 2, moved="rows"), made("cell 3", 3)]
    other = [made("cell 1", 1), made("cell 2", 2, moved="else"), made("cell 3", 3)]
    assert [is_own_doing(links, 1) for links in (below, above, other)] == [True, False, False]


def test_runs_are_found_by_id_and_by_text() -> None:
    """A cell's runs are those under its id; without one, those of its very text."""
    log = RunLog(["%load_ext nbcache"])
    log.note("a", "x = 1", 2)
    log.memo["k"] = 1
    log.note("", "x = 1", 3)
    assert not log.memo
    assert [run.count for run in log.runs_of("a", "x = 2")] == [2]
    assert [run.count for run in log.runs_of("b", "x = 1")] == [3]
    assert [run.count for run in log.runs_of("", "x = 1 ")] == [2, 3]
    assert log.last("c", "y") is None
