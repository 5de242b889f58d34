"""What leaves a stream: large buffers, and large containers of plain values as one block.

A container is packed if it holds flat values alone, or a tree of lists, dicts and tuples of them
in which no container has another holder: then nothing outside can refer into the block.
"""

from __future__ import annotations

import gc
import marshal
import math
import pickle
import sys
import sysconfig
from collections.abc import Callable
from itertools import compress, repeat
from operator import is_
from typing import Any

from nbcache.heap.tokens import FLAT

LEAST_ITEMS = 64
"""Containers with fewer items are as quick in the usual way."""

PACKED = frozenset({list, dict, set})
_INNER = frozenset({list, dict, tuple})
_PLAIN = FLAT | _INNER
_MOST_LEVELS = 64
_COUNTS_HOLDERS = sys.implementation.name == "cpython" and not sysconfig.get_config_var(
    "Py_GIL_DISABLED"
)
_FORMAT = 4
"""Keeps strings that are met again as one."""

IN_BAND_BYTES = 4096
"""Buffers below this stay in the pickle stream."""


def keeping(buffers: list[Any]) -> Callable[[pickle.PickleBuffer], bool]:
    """Return what takes large buffers out of a stream; a method would hold its pickler alive."""

    def keep(buffer: pickle.PickleBuffer) -> bool:
        view = memoryview(buffer)
        raw = view if view.ndim == 2 else buffer.raw()
        if raw.nbytes < IN_BAND_BYTES:
            return True
        buffers.append(raw)
        return False

    return keep


class Packer:
    """Packs the containers of one stream; each is written once and then named."""

    def __init__(self) -> None:
        self._names: dict[int, tuple[str, Any]] = {}

    def pack(self, container: Any) -> Any:
        """Return what stands for a large container of flat values, None for any other.

        A NaN counts by its identity, which only the usual way keeps.
        """
        if len(container) < LEAST_ITEMS:
            return None
        known = self._names.get(id(container))
        if known is not None:
            return known[0]
        if not (_is_all_flat(container) or is_tree(container)):
            return None
        try:
            data = marshal.dumps(container, _FORMAT)
        except ValueError:  # too deep, or changed by a thread meanwhile
            return None
        name = f"packed {len(self._names)}"
        self._names[id(container)] = name, container
        return name, pickle.PickleBuffer(data)


def _is_all_flat(container: Any) -> bool:
    return is_flat(container) and (type(container) is not dict or is_flat(container.values()))


def is_tree(top: Any) -> bool:
    """Tell whether a list or dict is a tree of plain containers, none of them held elsewhere."""
    level = [top] if _COUNTS_HOLDERS and type(top) is not set else []
    for _ in range(_MOST_LEVELS if level else 0):
        held = gc.get_referents(*level)
        types = list(map(type, held))
        kinds = set(types)
        if not kinds <= _PLAIN:
            return False
        if float in kinds and any(map(math.isnan, compress(held, map(is_, types, repeat(float))))):
            return False
        if kinds <= FLAT:
            return True
        level = list(compress(held, map(_INNER.__contains__, types)))
        del held  # it would count as a holder
        if not _is_held_once(level):
            return False
    return False


def _is_held_once(containers: list[Any]) -> bool:
    """Tell whether nobody but what is above holds containers; of tuples, a cell can see it too."""
    above: list[Any] = [[]]
    probe = gc.get_referents(above)
    most = max(map(sys.getrefcount, probe))
    return max(map(sys.getrefcount, containers)) <= most


def is_flat(values: Any) -> bool:
    """Tell whether all values are flat, and none is a float that is not a number."""
    types = set(map(type, values))
    if not types <= FLAT:
        return False
    if types == {float}:
        return not any(map(math.isnan, values))
    return float not in types or not any(map(_is_nan, values))


def _is_nan(value: Any) -> bool:
    return type(value) is float and math.isnan(value)


class Unpacker:
    """Unpacks the containers of one stream."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}

    def unpack(self, name: str, data: Any) -> Any:
        """Return the container of packed data, and keep it under its name."""
        found = self._found[name] = marshal.loads(data)
        return found

    def get(self, name: str) -> Any:
        """Return the container that was unpacked before."""
        return self._found[name]
