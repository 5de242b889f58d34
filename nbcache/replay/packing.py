"""What leaves a stream: large buffers, and large containers of plain values as one block.

A container is packed if it holds flat values alone, or is a tree of such containers.
"""

from __future__ import annotations

import marshal
import math
import pickle
from collections.abc import Callable, Iterable
from typing import Any

from nbcache.heap.tokens import FLAT
from nbcache.replay.trees import Apart, find_tree, put_back

LEAST_ITEMS = 64
"""Containers with fewer items are as quick in the usual way."""

PACKED = frozenset({list, dict, set})
_FORMAT = 4
"""Keeps strings that are met again as one."""

_PLAIN_FORMAT = 2
"""Depends on the value alone."""

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

    @property
    def identities(self) -> Iterable[int]:
        """The identities of the containers that were packed."""
        return self._names

    def pack(self, container: Any) -> Any:
        """Return what stands for a large container of flat values, None for any other.

        A NaN counts by its identity, which only the usual way keeps.
        """
        if len(container) < LEAST_ITEMS:
            return None
        known = self._names.get(id(container))
        if known is not None:
            return known[0]
        found = (container, ()) if _is_all_flat(container) else find_tree(container)
        if found is None:
            return None
        whole, apart = found
        try:
            data = marshal.dumps(whole, _FORMAT)
        except ValueError:  # too deep, or changed by a thread meanwhile
            return None
        name = f"packed {len(self._names)}"
        self._names[id(container)] = name, container
        return (name, pickle.PickleBuffer(data), *([apart] if apart else []))


def _is_all_flat(container: Any) -> bool:
    return is_flat(container) and (type(container) is not dict or is_flat(container.values()))


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


def pack_plain(reference: str, value: Any) -> tuple[str, bytes]:
    """Return the reference to a variable's plain value, and the value: a pin outlives variables."""
    return reference, marshal.dumps(value, _PLAIN_FORMAT)


def plain_value(data: bytes, live: Any) -> Any:
    """Return a variable's value as it was stored: the variable's own object if it still has it."""
    is_same = type(live) in FLAT and marshal.dumps(live, _PLAIN_FORMAT) == data
    return live if is_same else marshal.loads(data)


class Unpacker:
    """Unpacks the containers of one stream."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}

    def unpack(self, name: str, data: Any, apart: Apart = ()) -> Any:
        """Return the container of packed data, and keep it under its name."""
        found = self._found[name] = marshal.loads(data)
        put_back(found, apart)
        return found

    def get(self, name: str) -> Any:
        """Return the container that was unpacked before."""
        return self._found[name]
