"""Addresses of objects that a run keeps: ``seen[id(obj)] = True`` means nothing after a hit.

The objects that a hit restores lie elsewhere, and so do those of another kernel.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nbcache.cell.parts import parts_of
from nbcache.errors import NotReplayable
from nbcache.heap.kinds.attributes import dict_of
from nbcache.heap.walk import Walk
from nbcache.witnesses import user_codes

_TELLING = frozenset({"id", "hash"})
"""Functions of Python's own that tell addresses; ``hash`` does of what has no hash of its own."""

_MOST = 200_000
_CONTAINERS = (list, tuple, set, frozenset)
_LEAST = 1 << 16


def refuse_addresses(nodes: Sequence[ast.stmt], walk: Walk, values: Mapping[str, Any]) -> None:
    """Refuse a run that asked for addresses and left one in a variable.

    Raises:
        NotReplayable: an integer that the run stored is the address of an object.
    """
    asked = {part.id for part in parts_of(nodes, ast.Name)} & _TELLING
    asked |= {name for code in user_codes(walk) for name in _TELLING & {*code.co_names}}
    asked -= walk.namespace.keys()
    if not asked:
        return
    numbers, places = _found([values["bind"], [state for _, state in values["patches"]]])
    places |= {id(obj) for obj in walk.objects}
    hashes = {place >> 4 for place in places} if "hash" in asked else set()
    if not numbers.isdisjoint(places | hashes):
        raise NotReplayable(
            "it keeps the address of an object (`id` or `hash`), which is another one next time;"
            " keep the object itself, or put that into a cell of its own"
        )


def _found(values: Iterable[Any]) -> tuple[set[int], set[int]]:
    """Return the large integers in these values, and the addresses of all that they hold."""
    numbers: set[int] = set()
    seen: dict[int, Any] = {}
    waiting = list(values)
    while waiting and len(seen) < _MOST:
        value = waiting.pop()
        if type(value) is int:
            numbers |= {value} if value >= _LEAST else set()
        elif id(value) not in seen:
            seen[id(value)] = value
            waiting += _items(value)
    return numbers, set(seen)


def _items(value: Any) -> list[Any]:
    if issubclass(type(value), dict):
        return [*value.keys(), *value.values()]
    if issubclass(type(value), _CONTAINERS):
        return list(value)
    return list((dict_of(value) or {}).values())
