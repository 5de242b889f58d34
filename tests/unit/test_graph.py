"""The graph of a notebook's cells: its edges, its layout, its picture and its text."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from nbcache.downstream import Link
from nbcache.events import CellEvent, State
from nbcache.graph import Graph, as_text, draw
from nbcache.graph.layout import GAP, plan
from nbcache.graph.model import make_graph

CELLS = [
    (State.OFF, "t = 1", "", "t"),
    (State.HIT, "data = load()", "", "data"),
    (State.STALE, "clean = data[t]", "data t", "clean"),
    (State.MISS, "shown = clean < 'a' & data", "clean data", "shown"),
    (State.BYPASS, "alone = open('x')", "", "alone"),
]


def graph() -> Graph:
    events = [
        CellEvent(state, execution_count=number, title=title, reasons=("`t` changed",))
        for number, (state, title, _, _) in enumerate(CELLS, 1)
    ]
    links = [
        Link(f"cell {number}", frozenset(reads.split()), frozenset(touches.split()))
        for number, (_, _, reads, touches) in enumerate(CELLS, 1)
    ]
    return make_graph(events, links, [(), ("a.csv",), (), ("a.csv",), ()])


def test_edges_lead_to_the_last_cell_that_touched_a_name() -> None:
    """A cell takes each name from the last cell above it that touched it, and files from disk."""
    found = {(edge.source, edge.target): edge.names for edge in graph().edges}
    assert found == {
        ("file a.csv", "cell 2"): (),
        ("file a.csv", "cell 4"): (),
        ("cell 1", "cell 3"): ("t",),
        ("cell 2", "cell 3"): ("data",),
        ("cell 2", "cell 4"): ("data",),
        ("cell 3", "cell 4"): ("clean",),
    }
    assert graph().as_dict()["nodes"][0] == {
        "name": "file a.csv", "title": "a.csv", "state": "", "kind": "file", "cell_id": "",
        "execution_count": None, "reasons": (),
    }  # fmt: skip


def test_nodes_never_overlap_and_edges_go_down() -> None:
    """In every layer nodes keep their distance, and each edge leads to a deeper layer."""
    names = [f"n{number}" for number in range(30)]
    edges = [(f"n{a}", f"n{b}") for b in range(30) for a in range(b) if (a * 7 + b * 3) % 11 == 0]
    made = plan(names, edges, {name: 40.0 + 3 * len(name) for name in names})
    depth = {name: row for row, layer in enumerate(made.layers) for name in layer}
    for layer in made.layers:
        for one, other in pairwise(layer):
            distance = made.middles[other] - made.middles[one]
            needed = (made.widths[one] + made.widths[other]) / 2 + GAP
            assert distance >= needed - 0.01
    assert all(depth[source] < depth[target] for source, target in edges)
    assert all(made.ways[edge][0] == edge[0] and made.ways[edge][-1] == edge[1] for edge in edges)
    assert min(made.middles[name] - made.widths[name] / 2 for name in names) >= -0.01


def test_the_picture_is_valid_and_names_every_state() -> None:
    """The SVG parses, escapes the cells' text, and each node carries its state and its reasons."""
    picture = draw(graph())
    root = ElementTree.fromstring(picture)
    space = "{http://www.w3.org/2000/svg}"
    nodes = [part for part in root.iter(f"{space}g") if part.get("data-state") is not None]
    assert [node.get("data-state") for node in nodes] == [
        "", "off", "hit", "stale", "miss", "bypass",
    ]  # fmt: skip
    assert "`t` changed" in nodes[3].findtext(f"{space}title", "")
    assert "<script" not in picture
    assert len(root.findall(f".//{space}path[@class='way moved']")) == 1


def test_the_text_tells_the_same() -> None:
    """In text each cell has a line, and below it what it takes from where."""
    lines = as_text(graph()).splitlines()
    assert lines[1].split()[:2] == ["[2]", "hit"]
    assert lines[2].strip() == "└─ reads a.csv"
    assert "data from [2]" in lines[4] + lines[5]


@pytest.mark.parametrize("show", [as_text, draw])
def test_an_empty_graph_says_so(show: object) -> None:
    """Without cells the graph says that nothing has run."""
    assert "No cell has run yet." in show(Graph((), ()))  # type: ignore[operator]
