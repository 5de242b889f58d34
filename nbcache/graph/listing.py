"""The graph as text for terminals: a line a cell, and below it what it takes from where."""

from __future__ import annotations

from nbcache.graph.model import Edge, Graph, Node

NOTHING_YET = "No cell has run yet."
_WIDTH = 56


def as_text(graph: Graph) -> str:
    """Return the graph as lines of text, in the notebook's order."""
    cells = [node for node in graph.nodes if node.kind == "cell"]
    if not cells:
        return NOTHING_YET
    marks = {node.name: mark_of(node) for node in graph.nodes}
    width = max(len(marks[node.name]) for node in cells)
    states = max(len(node.state) for node in cells)
    lines = []
    for node in cells:
        title = node.title if len(node.title) <= _WIDTH else node.title[: _WIDTH - 1] + "…"
        lines.append(f"{marks[node.name]:>{width}}  {node.state:<{states}}  {title}".rstrip())
        given = [edge for edge in graph.edges if edge.target == node.name]
        for edge in given:
            branch = "└─" if edge is given[-1] else "├─"
            lines.append(f"{'':{width}}  {branch} {_taken(edge, marks[edge.source])}")
    return "\n".join(lines)


def mark_of(node: Node) -> str:
    """Return how a node is called: ``[3]``, ``[ ]`` for a cell without a number, or its path."""
    if node.kind == "file":
        return node.title
    return f"[{node.execution_count or ' '}]"


def _taken(edge: Edge, mark: str) -> str:
    return f"{', '.join(edge.names)} from {mark}" if edge.names else f"reads {mark}"
