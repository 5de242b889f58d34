"""Floats that are not a number, by identity: ``nan in [nan]`` holds for one object only."""

from __future__ import annotations

import gc
import math
import struct
import sys
from collections.abc import Iterator
from typing import Any

from nbcache.heap.walk import Walk

_CHUNK = 4096
"""Objects looked at together: most hold no NaN."""

_PLACES = (("math", "nan"), ("numpy", "nan"))
"""Modules and names of the NaN objects that programs share."""


def bits(value: float) -> str:
    """Return the bits of a float as text, so that its payload is kept."""
    return struct.pack("<d", value).hex()


def find_known(walk: Walk) -> Iterator[tuple[int, str]]:
    """Yield (id, reference) for the NaN objects of libraries, variables and earlier objects."""
    for start in range(0, len(walk.objects), _CHUNK):
        objects = walk.objects[start : start + _CHUNK]
        if not any(map(_is_nan, gc.get_referents(*objects))):
            continue
        for ordinal, obj in enumerate(objects, start):
            for place, part in enumerate(gc.get_referents(obj)):
                if type(part) is float and math.isnan(part):
                    yield id(part), f"nan in {ordinal} {place}"
    for label, value in walk.values.items():
        if type(value) is float and math.isnan(value):
            yield id(value), f"nan of {label}"
    for module, name in _PLACES:
        if module in sys.modules:
            yield id(getattr(sys.modules[module], name)), f"nan from {module} {name}"


def _is_nan(part: Any) -> bool:
    return type(part) is float and math.isnan(part)


def load(reference: str, walk: Walk) -> float:
    """Return the NaN object that a reference names."""
    found: Any
    first, _, rest = reference.partition(" ")
    if first == "of":
        found = walk.values[rest]
    elif first == "in":
        ordinal, place = rest.split()
        found = gc.get_referents(walk.objects[int(ordinal)])[int(place)]
    elif first == "from":
        module, name = rest.split()
        found = getattr(sys.modules.get(module, math), name)
    else:
        found = struct.unpack("<d", bytes.fromhex(rest))[0]
    if not math.isnan(found):
        raise LookupError("a float is not where it was")
    number: float = found
    return number
