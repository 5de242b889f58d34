"""The memory of PyTorch tensors: read in place, stored once, and shared with arrays."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from nbcache.errors import NotStorable
from nbcache.heap import rebuild_tensors
from nbcache.heap.memory import MEASURES, Span, stored_memory, walked_memory
from nbcache.heap.registry import Kind, register

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump


def storage_span(obj: Any) -> Span | None:
    """Return the memory of a tensor's storage, when it is the processor's own."""
    if not isinstance(obj, torch.Tensor) or obj.layout is not torch.strided:
        return None
    storage = obj.untyped_storage()
    start = storage.data_ptr()
    return (start, start + storage.nbytes()) if start and obj.device.type == "cpu" else None


def memory_of(obj: Any, dump: Dump) -> tuple[Any, int]:
    """Return what holds a tensor's memory in the stream, and how far into it the tensor begins.

    Raises:
        NotStorable: it shares memory with an array that is stored in another way.
    """
    span = storage_span(obj)
    inside = obj.storage_offset() * obj.element_size()
    if span is None:
        return _Memory(obj.untyped_storage(), str(obj.device)), inside
    if obj.untyped_storage().is_shared():
        raise NotStorable("lies in memory that other processes share; share it in a later cell")
    for known in (_earlier(dump, span), stored_memory(dump).find(span)):
        if known is not None:
            holder, start = known
            if isinstance(holder, np.ndarray):
                first = holder.__array_interface__["data"][0]
                return _Over(holder, span[0] - first, span[1] - span[0]), inside
            return holder, inside + span[0] - start
    holder = _Memory(obj.untyped_storage(), str(obj.device))
    stored_memory(dump).put(span, holder)
    return holder, inside


def _earlier(dump: Dump, span: Span) -> tuple[Any, int] | None:
    found = walked_memory(dump.walk).find(span)
    return None if found is None else (dump.walk.objects[found[0]], found[1])


class _Memory:
    """A storage to be stored by content."""

    def __init__(self, storage: Any, device: str) -> None:
        self.storage, self.device = storage, device


class _Over:
    """Memory that an array holds."""

    def __init__(self, array: Any, offset: int, count: int) -> None:
        self.args = (array, offset, count)


class MemoryKind(Kind):
    """Storages on their way into a stream."""

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Store the bytes, or refer to the array that holds them."""
        if isinstance(obj, _Over):
            return rebuild_tensors.make_memory_over, obj.args
        flat = torch.empty(0, dtype=torch.uint8, device=obj.device).set_(obj.storage).cpu()
        raw = pickle.PickleBuffer(rebuild_tensors.view_bytes(flat))
        return rebuild_tensors.make_memory, (raw, obj.device)


MEASURES.append(storage_span)
register(MemoryKind(), _Memory, _Over)
