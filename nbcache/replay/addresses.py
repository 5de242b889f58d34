"""Numbers that a run keeps and that mean nothing after a hit: addresses and descriptors.

``seen[id(obj)] = True``: the objects that a hit restores lie elsewhere, and so do those of another
kernel. ``fd = os.open(…)``: nothing is open there.
"""

from __future__ import annotations

import ast
import os
import types
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from nbcache.cell.parts import parts_of
from nbcache.errors import NotReplayable
from nbcache.heap.kinds.attributes import dict_of
from nbcache.heap.walk import Walk
from nbcache.setting_names import words_of
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
    numbers, places = _found(_kept(values))
    places |= {id(obj) for obj in walk.objects}
    hashes = {place >> 4 for place in places} if "hash" in asked else set()
    if not numbers.isdisjoint(places | hashes):
        raise NotReplayable(
            "it keeps the address of an object (`id` or `hash`), which is another one next time;"
            " keep the object itself, or put that into a cell of its own"
        )


def open_descriptors(nodes: Sequence[ast.stmt], walk: Walk) -> frozenset[int]:
    """Return the numbers that are open files as a run ends, if its code may have opened any."""
    texts = [words_of(tuple(nodes)), *(frozenset(code.co_names) for code in user_codes(walk))]
    return frozenset(filter(_is_open, range(3, _MOST_OPEN))) if any(map(_opens, texts)) else _NONE


def refuse_descriptors(values: Mapping[str, Any], opened: Set[int]) -> None:
    """Refuse a run that left the number of an open file in a variable.

    Raises:
        NotReplayable: an integer that the run stored is one of ``opened``.
    """
    if opened and not opened.isdisjoint(_found(_kept(values), least=3)[0]):
        raise NotReplayable(
            "it keeps the descriptor of an open file (`os.open`, `mkstemp` …), which is open in"
            " this kernel alone; close it in the same cell"
        )


def _kept(values: Mapping[str, Any]) -> list[Any]:
    """Return what a run bound, and the states in which it left earlier objects."""
    return [values["bind"], [state for _, state in values["patches"]]]


_NONE: frozenset[int] = frozenset()
_MOST_OPEN = 1024
_OPENING = frozenset({"mkstemp", "pidfd_open", "timerfd_create"})
"""What opens a descriptor; calls of others, as ``os.pipe``, are refused as such."""


def _opens(words: frozenset[str]) -> bool:
    if not words.isdisjoint(_OPENING):
        return True
    return "open" in words and any(word.startswith("O_") for word in words)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _found(values: Iterable[Any], least: int = _LEAST) -> tuple[set[int], set[int]]:
    """Return the integers from ``least`` on in these values, and the addresses of all there."""
    numbers: set[int] = set()
    seen: dict[int, Any] = {}
    waiting = list(values)
    while waiting and len(seen) < _MOST:
        value = waiting.pop()
        if type(value) is int:
            numbers |= {value} if value >= least else set()
        elif id(value) not in seen:
            seen[id(value)] = value
            waiting += _items(value)
    return numbers, set(seen)


def _items(value: Any) -> list[Any]:
    if issubclass(type(value), types.ModuleType):  # is imported, not kept
        return []
    if issubclass(type(value), dict):
        return [*value.keys(), *value.values()]
    if issubclass(type(value), _CONTAINERS):
        return list(value)
    return list((dict_of(value) or {}).values())
