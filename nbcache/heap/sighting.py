"""An array as it was seen: told again at once, as long as nobody touched it, without a walk."""

from __future__ import annotations

import sys
import weakref
from typing import TYPE_CHECKING, Any

from nbcache.heap.untouched import FROM_BYTES, UNTOUCHED

if TYPE_CHECKING:
    from nbcache.heap.walk import Walk

SMALL_BYTES = 64 << 10
"""Memory up to this size is digested as quickly as asked for; larger one must be watched."""

_State = tuple[object, ...]


class Sighting:
    """One array that owns its memory; holds no reference that would keep it alive."""

    __slots__ = ("_array", "_dtype", "_state")

    def __init__(self, array: Any, state: _State) -> None:
        self._array = weakref.ref(array)
        self._dtype = array.dtype
        self._state = state

    def holds(self, value: Any) -> bool:
        """Tell whether a value is this very array, and all of it as it was."""
        array = self._array()
        if array is None or value is not array or array.dtype is not self._dtype:
            return False
        return _state(array) == self._state


def sight(array: Any, name: str, walk: Walk) -> Sighting | None:
    """Return the sighting of a variable's array that is as a walk saw it; None if that is unsure.

    The walk's own digest is computed once more between two looks, so that all of them are of
    the same contents.
    """
    numpy = sys.modules.get("numpy")
    if numpy is None or type(array) is not numpy.ndarray or array.base is not None:
        return None
    dtype = array.dtype
    if dtype.hasobject or dtype.char not in "?bBhHiIlLqQefdFDMmSU" or not _is_quick(array):
        return None
    before = _state(array)
    again = type(walk)(walk.namespace)
    again.need(name)
    again.run()
    is_same = again.values.get(name) is array and again.roots.get(name) == walk.roots.get(name)
    again.let_go()
    if not is_same or array.dtype is not dtype or _state(array) != before:
        return None
    return Sighting(array, before)


def _is_quick(array: Any) -> bool:
    """Tell whether looking at the contents takes next to no time."""
    size = array.nbytes
    if size <= SMALL_BYTES:
        return True
    address = array.__array_interface__["data"][0]
    is_whole = array.flags.c_contiguous or array.flags.f_contiguous
    return bool(is_whole and size >= FROM_BYTES and UNTOUCHED.expects(address, size))


def _state(array: Any) -> _State:
    from nbcache.heap.kinds.buffers import content

    address = array.__array_interface__["data"][0]
    return array.shape, array.strides, array.flags.num, address, content(array)
