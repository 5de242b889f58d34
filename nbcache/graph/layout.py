"""Where the nodes of a graph stand: layers from top to bottom, few crossings, straight lines.

Every edge goes down. One that passes a layer gets a stop there, so that it runs between the
nodes and not behind them. Numbers are pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

GAP = 26.0
"""Between nodes of a layer."""

_STOP = 14.0
_SWEEPS = 12

Pair = tuple[str, str]


@dataclass(slots=True)
class Plan:
    """Layers of names (stops included), the x of each name's middle, and each edge's way."""

    layers: list[list[str]] = field(default_factory=list)
    middles: dict[str, float] = field(default_factory=dict)
    ways: dict[Pair, list[str]] = field(default_factory=dict)
    widths: dict[str, float] = field(default_factory=dict)

    @property
    def width(self) -> float:
        """The distance from the leftmost edge to the rightmost."""
        return max((x + self.widths[name] / 2 for name, x in self.middles.items()), default=0.0)


def plan(names: Sequence[str], edges: Sequence[Pair], widths: Mapping[str, float]) -> Plan:
    """Return a layout of names that stand in such an order that every edge leads forward."""
    made = Plan(widths=dict(widths))
    depth = _depths(names, edges)
    made.layers = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in names:
        made.layers[depth[name]].append(name)
    for source, target in edges:
        made.ways[source, target] = _with_stops(made, source, target, depth)
    above, below = _neighbours(made)
    for sweep in range(_SWEEPS):
        _sort_layers(made, above if sweep % 2 == 0 else below, downwards=sweep % 2 == 0)
    _place(made, above, below)
    return made


def _depths(names: Sequence[str], edges: Sequence[Pair]) -> dict[str, int]:
    """Return each name's layer; a source stands right above the first that takes from it."""
    depth = dict.fromkeys(names, 0)
    place = {name: index for index, name in enumerate(names)}
    for source, target in sorted(edges, key=lambda edge: place[edge[1]]):
        depth[target] = max(depth[target], depth[source] + 1)
    targets: dict[str, list[str]] = {}
    for source, target in edges:
        targets.setdefault(source, []).append(target)
    has_source = {target for _, target in edges}
    for name, found in targets.items():
        if name not in has_source:
            depth[name] = min(depth[target] for target in found) - 1
    return depth


def _with_stops(made: Plan, source: str, target: str, depth: Mapping[str, int]) -> list[str]:
    way = [source]
    for layer in range(depth[source] + 1, depth[target]):
        stop = f"{source}→{target}@{layer}"
        made.layers[layer].append(stop)
        made.widths[stop] = _STOP
        way.append(stop)
    return [*way, target]


def _neighbours(made: Plan) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for way in made.ways.values():
        for one, next_one in pairwise(way):
            below.setdefault(one, []).append(next_one)
            above.setdefault(next_one, []).append(one)
    return above, below


def _sort_layers(made: Plan, beside: Mapping[str, list[str]], *, downwards: bool) -> None:
    """Order each layer by the mean place of its neighbours in the layer sorted before."""
    order = made.layers if downwards else list(reversed(made.layers))
    for layer in order:
        place = {name: index for row in made.layers for index, name in enumerate(row)}
        layer.sort(key=lambda name, place=place: _mean(name, beside, place))  # type: ignore[misc]


def _mean(name: str, beside: Mapping[str, list[str]], place: Mapping[str, float]) -> float:
    found = [place[other] for other in beside.get(name, ())]
    return sum(found) / len(found) if found else float(place[name])


def _place(made: Plan, above: Mapping[str, list[str]], below: Mapping[str, list[str]]) -> None:
    """Move nodes towards their neighbours as far as their layer lets them."""
    for layer in made.layers:
        at = 0.0
        for name in layer:
            made.middles[name] = at + made.widths[name] / 2
            at += made.widths[name] + GAP
    both = {name: above.get(name, []) + below.get(name, []) for name in made.middles}
    for sweep in range(_SWEEPS):
        order = made.layers if sweep % 2 == 0 else list(reversed(made.layers))
        for layer in order:
            _settle(made, layer, {name: _mean(name, both, made.middles) for name in layer})
    left = min((x - made.widths[name] / 2 for name, x in made.middles.items()), default=0.0)
    for name in made.middles:
        made.middles[name] -= left


def _settle(made: Plan, layer: Sequence[str], wanted: Mapping[str, float]) -> None:
    """Give each name its wish; names that would overlap share the middle of their wishes."""
    blocks: list[tuple[list[str], float]] = []
    for name in layer:
        blocks.append(([name], wanted[name]))
        while len(blocks) > 1 and _overlap(made, blocks[-2], blocks[-1]):
            right, left = blocks.pop(), blocks.pop()
            blocks.append(_merged(made, left, right))
    for members, middle in blocks:
        at = middle - _length(made, members) / 2
        for name in members:
            made.middles[name] = at + made.widths[name] / 2
            at += made.widths[name] + GAP


def _length(made: Plan, members: Sequence[str]) -> float:
    return sum(made.widths[name] for name in members) + GAP * (len(members) - 1)


def _overlap(made: Plan, left: tuple[list[str], float], right: tuple[list[str], float]) -> bool:
    needed = (_length(made, left[0]) + _length(made, right[0])) / 2 + GAP
    return right[1] - left[1] < needed


def _merged(
    made: Plan, left: tuple[list[str], float], right: tuple[list[str], float]
) -> tuple[list[str], float]:
    """Join two blocks where the mean wish of their members is met."""
    members = [*left[0], *right[0]]
    length, one, other = (_length(made, part) for part in (members, left[0], right[0]))
    starts = left[1] - one / 2, right[1] - other / 2 - one - GAP
    weights = len(left[0]), len(right[0])
    start = (starts[0] * weights[0] + starts[1] * weights[1]) / sum(weights)
    return members, start + length / 2
