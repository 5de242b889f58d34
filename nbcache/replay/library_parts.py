"""Parts of what a library keeps that a run's own values hold too: one object, never two.

A stream refers to ``lib.CONST`` and would hold ``lib.CONST.table`` as a copy, where the run had
``values.table is lib.CONST.table``.
"""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Collection, Iterator
from typing import Any

from nbcache.errors import NotStorable
from nbcache.heap.kinds.constants import find_constant
from nbcache.heap.paths import type_name
from nbcache.heap.tokens import FLAT
from nbcache.replay.library_objects import LIBRARIES
from nbcache.replay.library_places import Step, inner, is_key, told

MOST_PARTS = 200_000
"""Parts looked at of one object that a library keeps; one that holds more is refused."""

_NAMED = (type, types.ModuleType, types.BuiltinFunctionType, types.MethodType)
_KERNELS = frozenset({"IPython", "ipykernel", "nbcache"})
_VALUES = (tuple, frozenset, str, bytes, int, float)
_Steps = tuple[Step, ...]


def take_shared(owners: Collection[Any], written: Collection[int]) -> bool:
    """Have parts of libraries' objects referred to that a stream wrote; True if there are any.

    ``written`` are the identities of what the stream holds by content.

    Raises:
        NotStorable: no steps lead to such a part.
    """
    found = False
    for owner in owners:
        home, path = LIBRARIES.places[id(owner)]
        for part, steps in parts_of(owner):
            if id(part) in written and find_constant(part) is None:
                place = None if steps is None else (home, (*path, *steps))
                if place is None or LIBRARIES.places.get(id(part)) == place:
                    raise _shared(part, told(home, path))
                LIBRARIES.places[id(part)] = place
                found = True
    return found


def _shared(part: Any, owner: str) -> NotStorable:
    reason = f"is a part of what `{owner}` keeps, and would come back apart from it; copy it"
    return NotStorable(reason, path=f"part of {owner}", type_name=type_name(part))


def parts_of(owner: Any) -> Iterator[tuple[Any, _Steps | None]]:
    """Yield what an object holds and may be changed, and the steps to it, None if there are none.

    Names, positions and plain keys are steps; members of sets and other keys are none.

    Raises:
        NotStorable: it holds more than can be looked at.
    """
    queue: deque[tuple[Any, _Steps | None]] = deque([(owner, ())])
    seen = {id(owner)}
    while queue:
        if len(seen) > MOST_PARTS:
            raise NotStorable(f"is kept by a library with more than {MOST_PARTS:,} parts; copy it")
        value, steps = queue.popleft()
        for step, part in _held(value):
            kind = type(part)
            if kind in FLAT or id(part) in seen or issubclass(kind, _NAMED) or _is_kernels(kind):
                continue
            seen.add(id(part))
            found = part, None if steps is None or step is None else (*steps, step)
            queue.append(found)
            if not issubclass(kind, _VALUES):
                yield found


def _is_kernels(kind: type) -> bool:
    """Tell whether instances are the kernel's own: its streams lead to the shell, and all else."""
    return str(kind.__module__).partition(".")[0] in _KERNELS


def _held(value: Any) -> Iterator[tuple[Step | None, Any]]:
    yield from inner(value)
    kind = type(value)
    if issubclass(kind, dict):
        yield from ((None, item) for key, item in list(dict.items(value)) if not is_key(key))
        yield from ((None, key) for key in list(dict.keys(value)) if type(key) not in FLAT)
    elif kind in (set, frozenset):
        yield from ((None, item) for item in list(value))
