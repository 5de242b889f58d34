"""Long lists that the garbage collector does not look through.

A walk holds every object that it met in a few long lists. The collector would go through all of
them, object by object, in the next cell's time, and find nothing: no object that they hold
knows of the lists. So they leave its books, as ``PyObject_GC_UnTrack`` allows.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

LONG = 2000
"""Shorter lists cost less than the call."""


def hide(values: list[Any]) -> None:
    """Take a long list out of the collector's sight; it must never lie in a circle."""
    if len(values) > LONG:
        untrack = _untrack()
        if untrack is not None:
            untrack(values)


@functools.cache
def _untrack() -> Callable[[Any], None] | None:
    if sys.implementation.name != "cpython":
        return None
    try:
        import ctypes

        found = ctypes.PYFUNCTYPE(None, ctypes.py_object)(("PyObject_GC_UnTrack", ctypes.pythonapi))
    except (ImportError, AttributeError):
        return None
    return found
