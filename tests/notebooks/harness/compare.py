"""Finds what differs between runs, leaving out what differs between plain runs already."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

MISSING = "<missing>"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two runs disagree, and the first thing in it that does."""

    where: str
    detail: str

    def __str__(self) -> str:
        """Say where, and what was expected and found."""
        return f"{self.where}: {self.detail}"


def unstable(plain: Mapping[str, Any], other: Mapping[str, Any]) -> frozenset[str]:
    """Return the places that differ between two plain runs.

    A cell whose number of outputs differs is left out whole: its outputs cannot be paired.
    """
    places = {
        where
        for where in plain.keys() | other.keys()
        if plain.get(where, MISSING) != other.get(where, MISSING)
    }
    uncounted = {where.removesuffix("outputs") for where in places if where.endswith(": outputs")}
    return frozenset(
        places
        | {
            where
            for where in plain.keys() | other.keys()
            if where.startswith(tuple(uncounted)) and not where.endswith("execution count")
        }
    )


def by_chance(
    cells: Iterable[Mapping[str, Any]], flat: Mapping[str, Any], left_out: Iterable[str]
) -> frozenset[str]:
    """Return the places that a notebook without seeds decides by chance.

    Two plain runs may agree on a number by luck. What a cell shows and binds that names
    something unstable is unstable too; what the cells of a served run show is compared with
    the recorded run all the same.
    """
    out = set(left_out)
    moved = {where.removeprefix("name ") for where in out if where.startswith("name ")}
    for cell in cells:
        words = set(re.findall(r"\w+", cell["source"]))
        start = f"cell {cell['index']}: output"
        shown = {where for where in flat if where.startswith(start)}
        if words & moved or shown & out:
            moved |= {word for word in words if f"name {word}" in flat}
            out |= shown | {f"name {word}" for word in moved}
    return frozenset(out)


def differences(
    expected: Mapping[str, Any], found: Mapping[str, Any], left_out: Iterable[str] = ()
) -> list[Difference]:
    """Return the places where ``found`` is not as ``expected``, in reading order."""
    out = frozenset(left_out)
    return [
        Difference(where, first_difference(one, other))
        for where in sorted(expected.keys() | found.keys(), key=reading_order)
        if where not in out
        and (one := expected.get(where, MISSING)) != (other := found.get(where, MISSING))
    ]


def reading_order(where: str) -> tuple[Any, ...]:
    """Sort numbers by value, so that cell 2 comes before cell 10."""
    return tuple(
        (0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", where)
    )


def first_difference(expected: Any, found: Any, path: str = "") -> str:
    """Return the path to the first part that differs, with both values shortened."""
    if isinstance(expected, dict) and isinstance(found, dict):
        if list(expected) != list(found):
            keys = f"{list(expected)}", f"{list(found)}"
            return f"{path} keys: expected {short(*keys)}, found {short(*reversed(keys))}"
        steps = [(f"{path}.{key}", expected[key], found[key]) for key in expected]
    elif isinstance(expected, list) and isinstance(found, list):
        pairs = zip_longest(expected, found, fillvalue=MISSING)
        steps = [(f"{path}[{i}]", one, other) for i, (one, other) in enumerate(pairs)]
    else:
        return (
            f"{path.lstrip('.')} expected {short(expected, found)}, found {short(found, expected)}"
        )
    for where, one, other in steps:
        if one != other:
            return first_difference(one, other, where)
    return f"{path} differs in type"


def short(value: Any, other: Any = None, width: int = 160) -> str:
    """Return ``value`` shortened to the part that differs from ``other``."""
    shown = value if isinstance(value, str) else repr(value)
    reference = other if isinstance(other, str) else repr(other)
    start = 0
    if len(shown) > width and other is not None:
        same = (i for i, (a, b) in enumerate(zip(shown, reference, strict=False)) if a != b)
        start = max(0, next(same, min(len(shown), len(reference))) - 40)
    cut = shown[start : start + width]
    return f"{'…' if start else ''}{cut!r}{'…' if start + width < len(shown) else ''}"
