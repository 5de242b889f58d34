"""Floats that are not a number: a cell sees which of them are one object, as in ``x in [x]``."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection
from itertools import compress
from operator import ne
from typing import Any

from nbcache.heap.tokens import flat

_FLOATS = {float}


def mark_nans(values: Collection[Any], types: Collection[type] = ()) -> bytes:
    """Return the token of which NaN is which among values of exact flat types; empty without any.

    Those that programs share, ``math.nan`` and ``numpy.nan``, are told from all others. ``types``
    are those of the values, where they are known.
    """
    types = types or set(map(type, values))
    if float not in types or (types == _FLOATS and not math.isnan(sum(values))):
        return b""
    found = [one for one in compress(values, map(ne, values, values)) if type(one) is float]
    if not found:
        return b""
    numbers = _shared()
    return b"nan" + flat([numbers.setdefault(id(one), len(numbers)) for one in found])


def mark_nan(value: Any) -> bytes:
    """Return the same of one value; empty for a NaN of its own."""
    if type(value) is not float or not math.isnan(value):
        return b""
    number = _shared().get(id(value))
    return b"" if number is None else b"nan%d" % number


def shared_nans(values: Collection[Any]) -> list[bytes]:
    """Return the tokens of the NaN objects among flat values that programs share."""
    if float not in set(map(type, values)):
        return []
    return sorted(filter(None, map(mark_nan, compress(values, map(ne, values, values)))))


def _shared() -> dict[int, int]:
    """Return the number of each NaN that programs share, by identity."""
    numpy: Any = sys.modules.get("numpy")
    return {id(math.nan): 0, id(getattr(numpy, "nan", _NOBODYS)): 1}


_NOBODYS = object()
