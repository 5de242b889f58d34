"""Numbers that a run keeps and that mean nothing after a hit: addresses and descriptors.

``seen[id(obj)] = True``: the objects that a hit restores lie elsewhere, and so do those of another
kernel. ``fd = os.open(…)``: nothing is open there.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Mapping, Sequence
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
    numbers, places = _found([values["bind"], [state for _, state in values["patches"]]])
    places |= {id(obj) for obj in walk.objects}
    hashes = {place >> 4 for place in places} if "hash" in asked else set()
    if not numbers.isdisjoint(places | hashes):
        raise NotReplayable(
            "it keeps the address of an object (`id` or `hash`), which is another one next time;"
            " keep the object itself, or put that into a cell of its own"
        )


def refuse_descriptors(nodes: Sequence[ast.stmt], walk: Walk, values: Mapping[str, Any]) -> None:
    """Refuse a run that opened a file by a number, and left the number in a variable.

    Raises:
        NotReplayable: an integer that the run stored is an open descriptor.
    """
    texts = [words_of(tuple(nodes)), *(frozenset(code.co_names) for code in user_codes(walk))]
    if not any(_opens(words) for words in texts):
        return
    numbers, _ = _found([values["bind"], [state for _, state in values["patches"]]], least=3)
    if any(number < _LEAST and _is_open(number) for number in numbers):
        raise NotReplayable(
            "it keeps the descriptor of an open file (`os.open`, `os.dup`, `os.pipe` …), which is"
            " open in this kernel alone; close it in the same cell"
        )


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
    if issubclass(type(value), dict):
        return [*value.keys(), *value.values()]
    if issubclass(type(value), _CONTAINERS):
        return list(value)
    return list((dict_of(value) or {}).values())
