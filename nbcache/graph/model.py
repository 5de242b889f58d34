"""The graph itself: cells and files, and the names that go from one to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nbcache.downstream import Link
from nbcache.events import CellEvent


@dataclass(frozen=True, slots=True)
class Node:
    """A cell, or a file that cells read; ``state`` is what a cell would be if it ran now."""

    name: str
    title: str
    state: str = ""
    kind: str = "cell"
    cell_id: str = ""
    execution_count: int | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """What one node takes from another: the names of variables; none for a file."""

    source: str
    target: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in the notebook's order, files first, and the edges between them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {
            "nodes": [asdict(node) for node in self.nodes],
            "edges": [asdict(edge) for edge in self.edges],
        }


def make_graph(
    events: Sequence[CellEvent], links: Sequence[Link], files: Sequence[Sequence[str]]
) -> Graph:
    """Return the graph of cells: their forecasts, links, and the files that each of them read."""
    names = [f"cell {position + 1}" for position in range(len(events))]
    nodes = [_file_node(path) for path in dict.fromkeys(path for read in files for path in read)]
    nodes += [_cell_node(name, event) for name, event in zip(names, events, strict=True)]
    edges = [
        Edge(f"file {path}", names[position])
        for position, read in enumerate(files)
        for path in dict.fromkeys(read)
    ]
    return Graph(tuple(nodes), (*edges, *_cell_edges(names, links)))


def _file_node(path: str) -> Node:
    return Node(f"file {path}", path, kind="file")


def _cell_node(name: str, event: CellEvent) -> Node:
    return Node(
        name,
        event.title,
        event.state.value,
        cell_id=event.cell_id,
        execution_count=event.execution_count,
        reasons=event.reasons,
    )


def _cell_edges(names: Sequence[str], links: Sequence[Link]) -> list[Edge]:
    """Lead each name that a cell reads back to the last cell above it that touched the name."""
    last: dict[str, int] = {}
    edges = []
    for position, link in enumerate(links):
        taken: dict[int, list[str]] = {}
        for name in sorted(link.reads & last.keys()):
            taken.setdefault(last[name], []).append(name)
        edges += [
            Edge(names[source], names[position], tuple(found))
            for source, found in sorted(taken.items())
        ]
        last |= dict.fromkeys(link.touches, position)
    return edges
