"""NumPy arrays beside PyTorch tensors: either may rest on the other's memory."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from nbcache.heap.memory import MEASURES, Span, stored_memory, walked_memory

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk


def array_span(obj: Any) -> Span | None:
    """Return the memory of the array that owns what an array shows."""
    if not isinstance(obj, np.ndarray):
        return None
    while isinstance(obj.base, np.ndarray):
        obj = obj.base
    start: int = obj.__array_interface__["data"][0]
    return start, start + obj.nbytes


def are_tensors_loaded() -> bool:
    """Tell whether tensors can exist in this process."""
    return hasattr(sys.modules.get("torch"), "Tensor")


def tensor_sharing(owner: Any, ordinal: int, walk: Walk) -> bytes:
    """Name the tensor, met earlier in the walk, that an array shares memory with."""
    span = array_span(owner) if are_tensors_loaded() else None
    known = walked_memory(walk).find(span) if span is not None and owner.nbytes else None
    if span is None or known is None or known[0] == ordinal:
        return b""
    return walk.reference(known[0]) + b"/%d" % (span[0] - known[1])


def lies_beside_tensors(arrays: list[Any], walk: Walk) -> bool:
    """Tell whether some of the arrays share memory with a tensor, as far as it is known."""
    if not are_tensors_loaded():
        return False
    torch, known = sys.modules["torch"], walked_memory(walk)
    if any(isinstance(one.base, torch.Tensor) for one in arrays):
        return True
    return any(known.find(array_span(one) or (0, 0)) is not None for one in arrays if one.nbytes)


def reduce_beside_tensors(array: Any, dump: Dump) -> Any:
    """Return how to lay an array over a tensor's memory, None for one that has its own."""
    span = array_span(array) if are_tensors_loaded() else None
    if span is None or not array.nbytes:
        return None
    torch = sys.modules["torch"]
    from nbcache.heap import rebuild_tensors

    if isinstance(array.base, torch.Tensor):
        return rebuild_tensors.make_array_over, (array.base,)
    found = stored_memory(dump).find(span)
    if found is None:
        stored_memory(dump).put(span, array)
        return None
    if isinstance(found[0], np.ndarray):
        return None
    place = (span[0] - found[1], array.shape, array.strides)
    return rebuild_tensors.make_array_inside, (found[0], array.dtype, place)


MEASURES.append(array_span)
