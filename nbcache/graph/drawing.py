"""The graph as SVG: self-contained, without scripts, readable in light and dark themes."""

from __future__ import annotations

from html import escape

from nbcache.events import State
from nbcache.graph.layout import Plan, plan
from nbcache.graph.listing import NOTHING_YET, mark_of
from nbcache.graph.model import Edge, Graph, Node
from nbcache.report import state_icon

_ROW, _HEIGHT, _FILE_HEIGHT, _MARGIN = 92.0, 46.0, 24.0, 16.0
_CHARACTER, _SMALL = 6.7, 6.1
_LONGEST_TITLE = 34
_LONGEST_NAMES = 26

_STYLE = """
.nbcache-graph{--ink:var(--jp-ui-font-color1,#1f2328);--soft:var(--jp-ui-font-color2,#59636e);
--paper:var(--jp-layout-color1,#ffffff);--line:var(--jp-border-color1,#c4cbd3);
--accent:var(--jp-brand-color1,#3b8fd0);
font-family:var(--jp-ui-font-family,system-ui,-apple-system,'Segoe UI',sans-serif);
max-width:100%;height:auto}
.nbcache-graph .box{fill:var(--paper);stroke:var(--line)}
.nbcache-graph .file .box{fill:none;stroke-dasharray:3 2.5}
.nbcache-graph .title{fill:var(--ink);font:11px var(--jp-code-font-family,ui-monospace,Menlo,
Consolas,monospace)}
.nbcache-graph .word{fill:var(--soft);font-size:10.5px}
.nbcache-graph .way{fill:none;stroke:var(--line);stroke-width:1.4}
.nbcache-graph .way.moved{stroke:var(--jp-warn-color1,#c9862b);stroke-dasharray:5 3}
.nbcache-graph .names{fill:var(--soft);font-size:10px;paint-order:stroke;
stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}
.nbcache-graph .paper{fill:var(--paper)}
@media (prefers-color-scheme:dark){.nbcache-graph{--ink:var(--jp-ui-font-color1,#e6e9ee);
--soft:var(--jp-ui-font-color2,#9aa4b0);--paper:var(--jp-layout-color1,#16191d);
--line:var(--jp-border-color1,#4a525c)}}
"""


def draw(graph: Graph) -> str:
    """Return the graph as one SVG element; every node tells its reasons in its title."""
    widths = {node.name: _width(node) for node in graph.nodes}
    pairs = [(edge.source, edge.target) for edge in graph.edges]
    made = plan([node.name for node in graph.nodes], pairs, widths)
    width, height = made.width + 2 * _MARGIN, len(made.layers) * _ROW - _ROW + _HEIGHT + 32
    if not graph.nodes:
        width, height = 180.0, 48.0
    depth = {name: row for row, layer in enumerate(made.layers) for name in layer}
    stale = {node.name for node in graph.nodes if node.state in ("stale", "expired")}
    body = "".join(_edge(edge, made, depth, stale) for edge in graph.edges)
    body += "".join(_node(node, made, depth) for node in graph.nodes)
    if not graph.nodes:
        body = f'<text class="word" x="16" y="28">{NOTHING_YET}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="nbcache-graph" role="img" '
        f'aria-label="{escape(_label(graph))}" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}"><style>{_STYLE}</style>'
        f'<rect class="paper" width="100%" height="100%" rx="6"/>{body}</svg>'
    )


def _label(graph: Graph) -> str:
    cells = [node for node in graph.nodes if node.kind == "cell"]
    stale = sum(node.state == "stale" for node in cells)
    return f"{len(cells)} cells and what they take from each other, {stale} stale"


def _width(node: Node) -> float:
    if node.kind == "file":
        return len(_cut(node.title)) * _SMALL + 24
    head = (len(mark_of(node)) + 1 + len(_cut(node.title))) * _CHARACTER
    return float(max(head, 90.0)) + 24


def _cut(text: str, most: int = _LONGEST_TITLE) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _top(name: str, depth: dict[str, int], *, is_file: bool = False) -> float:
    shift = (_HEIGHT - _FILE_HEIGHT) if is_file else 0.0
    return _MARGIN + depth[name] * _ROW + shift


def _node(node: Node, made: Plan, depth: dict[str, int]) -> str:
    width, is_file = made.widths[node.name], node.kind == "file"
    left = made.middles[node.name] - width / 2 + _MARGIN
    top = _top(node.name, depth, is_file=is_file)
    reasons = "\n".join([node.title, *node.reasons])
    opening = (
        f'<g class="{node.kind}" data-state="{escape(node.state)}" '
        f'transform="translate({left:.1f} {top:.1f})"><title>{escape(reasons)}</title>'
    )
    if is_file:
        return (
            f'{opening}<rect class="box" width="{width:.1f}" height="{_FILE_HEIGHT}" rx="12"/>'
            f'<text class="word" x="{width / 2:.1f}" y="16" text-anchor="middle">'
            f"{escape(_cut(node.title))}</text></g>"
        )
    colour, shape = state_icon(State(node.state))
    colour = "var(--soft)" if colour == "currentColor" else colour
    word = "not cached" if node.state == "off" else node.state
    return (
        f'{opening}<rect class="box" width="{width:.1f}" height="{_HEIGHT}" rx="5"/>'
        f'<rect width="3" height="{_HEIGHT - 14}" x="0" y="7" rx="1.5" fill="{colour}"/>'
        f'<text class="title" x="13" y="19"><tspan fill="var(--soft)">{mark_of(node)}</tspan> '
        f"{escape(_cut(node.title))}</text>"
        f'<g transform="translate(13 27) scale(.8)" fill="none" stroke="{colour}" '
        f'stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round">{shape}</g>'
        f'<text class="word" x="30" y="37">{escape(word)}</text></g>'
    )


def _edge(edge: Edge, made: Plan, depth: dict[str, int], stale: set[str]) -> str:
    way = made.ways[edge.source, edge.target]
    points = [(made.middles[name] + _MARGIN, _top(name, depth)) for name in way]
    x, y = points[0]
    path = f"M{x:.1f} {y + _HEIGHT:.1f}"
    at = (x, y + _HEIGHT)
    for index, (next_x, next_y) in enumerate(points[1:], 1):
        bend = (next_y - at[1]) / 2
        path += (
            f"C{at[0]:.1f} {at[1] + bend:.1f} {next_x:.1f} {next_y - bend:.1f} "
            f"{next_x:.1f} {next_y:.1f}"
        )
        at = (next_x, next_y)
        if index < len(points) - 1:
            path += f"V{next_y + _HEIGHT:.1f}"
            at = (next_x, next_y + _HEIGHT)
    moved = " moved" if edge.source in stale else ""
    return f'<path class="way{moved}" d="{path}"/>{_names(edge, points)}'


def _names(edge: Edge, points: list[tuple[float, float]]) -> str:
    if not edge.names:
        return ""
    (x, y), (next_x, next_y) = points[-2:]
    middle_x, middle_y = (x + next_x * 2) / 3, (y + _HEIGHT + next_y * 2) / 3
    return (
        f'<text class="names" x="{middle_x:.1f}" y="{middle_y + 1:.1f}" text-anchor="middle">'
        f"{escape(_cut(', '.join(edge.names), _LONGEST_NAMES))}</text>"
    )
