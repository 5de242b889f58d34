"""PyTorch tensors: by dtype, shape, strides, device and content, with the memory they share."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import torch

from nbcache.errors import NotFingerprintable, NotReplayable, NotStorable
from nbcache.heap import rebuild_tensors
from nbcache.heap.kinds.attributes import dict_of, encode_attributes
from nbcache.heap.kinds.buffers import content_in_order, whole
from nbcache.heap.kinds.torch_graphs import graph_token, is_spent, nodes_behind
from nbcache.heap.kinds.torch_memory import memory_of, storage_span
from nbcache.heap.memory import walked_memory
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

_ITEMS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_SPARSE = frozenset({torch.sparse_coo, torch.sparse_csr, torch.sparse_csc})
_first_storages: weakref.WeakKeyDictionary[Walk, dict[int, int]] = weakref.WeakKeyDictionary()
"""By walk and ordinal: the storage that a tensor had when it was first walked."""


class Contents:
    """A tensor's contents, on their way into a patch."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor


class TensorKind(Kind):
    """``torch.Tensor``, parameters, and subclasses that add attributes only."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode type, form, content, sharing, attributes, gradient, and the graph behind it."""
        refuse_odd(obj)
        walk.packages.add("torch")
        parts = [walk.ref(type(obj)), form(obj), content(obj), _sharing(obj, walk)]
        parts += [encode_attributes(obj, walk), walk.ref(gradient_of(obj))]
        parts.append(walk.ref(obj._backward_hooks))
        if obj.grad_fn is not None:
            parts.append(graph_token(obj.grad_fn, walk, content))
        return joined(b"tt", parts)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Store memory once, and tensors as places in it."""
        refuse_odd(obj)
        if obj.layout is not torch.strided:
            return NotImplemented
        state = (gradient_of(obj), dict(dict_of(obj) or {}), obj._backward_hooks)
        make, args = _reduce_view(obj, dump.walk) or self._reduce_owner(obj, dump)
        if not state[1] and state[0] is state[2] is None:
            return make, args
        return make, args, state, None, None, rebuild_tensors.fill_tensor

    def _reduce_owner(self, obj: Any, dump: Dump) -> Any:
        memory, offset = memory_of(obj, dump)
        step = obj.element_size()
        if offset % step:
            raise NotStorable("is a tensor that lies between the items of an array; clone it")
        place = (offset // step, tuple(obj.shape), obj.stride())
        if obj.grad_fn is None:
            flags = (obj.requires_grad, obj.is_conj(), obj.is_neg())
            args = (memory, type(obj), obj.dtype, place, flags)
            if obj.is_inference():
                return rebuild_tensors.make_inference_tensor, args
            return rebuild_tensors.make_tensor, args
        if type(obj) is not torch.Tensor or not is_spent(nodes_behind(obj.grad_fn)):
            raise NotStorable(
                "carries the graph of its gradients, which lives in this process; detach() it,"
                " or call backward() before the cell ends"
            )
        name = type(obj.grad_fn).__name__
        return rebuild_tensors.make_spent, (memory, obj.dtype, place, name, obj.retains_grad)

    def state(self, obj: Any) -> Any:
        """Return contents, gradient and attributes."""
        if obj.grad_fn is not None or obj.layout is not torch.strided:
            raise NotReplayable("is a tensor with a gradient graph, or sparse, and was changed")
        own = dict(dict_of(obj) or {})
        rest = gradient_of(obj), own, obj._backward_hooks
        return Contents(obj), obj.requires_grad, rest, _version_of(obj)

    def snapshot(self, obj: Any) -> Any:
        """Return the state with a copy of the contents."""
        contents, *rest = self.state(obj)
        return (_Copy(contents.tensor), *rest)

    def patch(self, live: Any, state: Any) -> None:
        """Copy the contents into the live memory, or let the tensor rest on other memory."""
        contents, needs_gradient, rest, *version = state
        with torch.inference_mode(live.is_inference()):  # nothing else may change such a tensor
            contents.put_into(live)
        if live.requires_grad != needs_gradient:
            live.requires_grad_(needs_gradient)
        rebuild_tensors.fill_tensor(live, rest)
        if version:
            _count_changes(live, version[0])


_MOST_CHANGES = 1000


def _version_of(tensor: Any) -> int:
    """Return how often a tensor was changed in place, which graphs made before compare."""
    return 0 if tensor.is_inference() else int(tensor._version)


def _count_changes(live: Any, version: int) -> None:
    """Let a tensor have been changed as often: a graph made before must refuse to go back."""
    missing = 0 if live.is_inference() else version - live._version
    nothing = live.detach().reshape(-1)[:0] if live.is_contiguous() else live.detach()
    for _ in range(min(missing, _MOST_CHANGES)):
        nothing.copy_(nothing)


class InPlace:
    """New contents for the storage that a live tensor has."""

    def __init__(self, values: Any, dtype: Any, place: Any, size: int) -> None:
        self.values, self.dtype, self.place, self.size = values, dtype, place, size

    def put_into(self, live: Any) -> None:
        """Copy the contents, in another form if it changed."""
        here = (live.storage_offset(), tuple(live.shape), live.stride())
        storage = live.untyped_storage()
        if storage.nbytes() < self.size:
            storage.resize_(self.size)
        if (live.dtype, here) != (self.dtype, self.place):
            flags = (False, False, False)
            live.data = rebuild_tensors.make_tensor(
                live.detach(), torch.Tensor, self.dtype, self.place, flags
            )
        live.data.copy_(self.values)


class Elsewhere:
    """Other memory for a live tensor."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def put_into(self, live: Any) -> None:
        """Let the tensor rest on it."""
        live.data = self.values


class _Copy(InPlace):
    """What takes a patch back."""

    def __init__(self, tensor: Any) -> None:
        place = (tensor.storage_offset(), tuple(tensor.shape), tensor.stride())
        super().__init__(tensor.detach().clone(), tensor.dtype, place, 0)
        self.tensor = tensor.detach()

    def put_into(self, live: Any) -> None:
        """Give the memory and its contents back."""
        live.data = self.tensor
        live.data.copy_(self.values)


class ContentsKind(Kind):
    """Contents of a changed tensor: into its own storage, or that of another one."""

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Store new contents apart from their place."""
        tensor = obj.tensor
        plain = tensor.detach()
        ordinal = dump.walk.ordinals.place_of(tensor)
        if not _has_first_storage(tensor, ordinal, dump.walk):
            return Elsewhere, (plain,)
        place = (tensor.storage_offset(), tuple(tensor.shape), tensor.stride())
        size = tensor.untyped_storage().nbytes()
        return InPlace, (plain.clone(), tensor.dtype, place, size)


def gradient_of(tensor: Any) -> Any:
    """Return the gradient that a tensor holds; reading others' warns."""
    return tensor.grad if tensor.is_leaf or tensor.retains_grad else None


def refuse_odd(tensor: Any) -> None:
    """Refuse tensors whose memory cannot be read as such.

    Raises:
        NotFingerprintable: always for these.
    """
    kind = type(tensor)
    known = torch.Tensor.__torch_dispatch__
    plain = tensor.layout is torch.strided or tensor.layout in _SPARSE
    if not plain or tensor.is_quantized or tensor.is_nested or tensor.is_meta:
        raise NotFingerprintable("is a tensor whose contents can't be read")
    is_odd = tensor.is_inference() and tensor.layout is not torch.strided
    if is_odd or kind.__torch_dispatch__ is not known:
        raise NotFingerprintable("is a tensor of a kind that nbcache does not know")


def form(tensor: Any) -> bytes:
    """Return the bytes that say how a tensor is laid out, and what it takes part in."""
    strides = tensor.stride() if tensor.layout is torch.strided else ()
    flags = (tensor.requires_grad, tensor.is_leaf, tensor.is_conj(), tensor.is_neg())
    parts = (tensor.dtype, tensor.device, tensor.layout, tuple(tensor.shape), strides, flags)
    mode = " inference" if tensor.is_inference() else ""
    return text(repr(parts) + str(tensor.retains_grad) + mode)


def content(tensor: Any) -> bytes:
    """Return the digest of a tensor's elements in their logical order."""
    with torch._C.DisableTorchFunctionSubclass():
        plain = tensor.detach()
        if plain.layout is torch.sparse_coo:
            head = bytes([plain.is_coalesced()])
            return head + content(plain._indices()) + content(plain._values())
        if plain.layout is torch.sparse_csr:
            return content(plain.crow_indices()) + content(plain.values()) + _columns(plain)
        if plain.layout is torch.sparse_csc:
            return content(plain.to_sparse_csr())
        dense = plain.resolve_conj().resolve_neg()
        items = _ITEMS.get(dense.element_size())
        if items is not None and dense.device.type == "cpu" and not dense.is_contiguous():
            return content_in_order(dense.view(items).numpy())
        flat = dense.contiguous().reshape(-1).view(torch.uint8).cpu()
        return whole(rebuild_tensors.view_bytes(flat))


def _columns(plain: Any) -> bytes:
    return content(plain.col_indices())


def _sharing(obj: Any, walk: Walk) -> bytes:
    """Name the first tensor or array met over the same memory, and how far they are apart."""
    if obj.layout is not torch.strided:
        return b""
    storage = obj.untyped_storage()
    ordinal = walk.ordinals.place_of(obj)
    _first_storages.setdefault(walk, {}).setdefault(ordinal, storage._cdata)
    walk.keep(storage)
    span = storage_span(obj)
    if span is None or span[0] == span[1]:
        return b""
    known = walked_memory(walk).find(span)
    walk.owners.setdefault(storage.data_ptr(), (ordinal, span[0]))
    here = obj.storage_offset() * obj.element_size()
    if known is None or known[0] == ordinal:
        return text(f"{here}")
    return walk.reference(known[0]) + text(f":{span[0] - known[1] + here}")


def _reduce_view(obj: Any, walk: Walk) -> Any:
    """Return how to take a view that knows its base, None for other tensors."""
    base = obj._base
    if base is None or type(obj) is not torch.Tensor or obj.grad_fn or obj.requires_grad:
        return None
    if base.layout is not torch.strided or base.dtype != obj.dtype or obj.is_conj() or obj.is_neg():
        return None
    ordinal = walk.ordinal(base)
    if ordinal is not None and not _has_first_storage(base, ordinal, walk):
        return None
    place = (obj.storage_offset(), tuple(obj.shape), obj.stride())
    return rebuild_tensors.make_slice, (base, place)


def _has_first_storage(tensor: Any, ordinal: int, walk: Walk) -> bool:
    """Tell whether an earlier tensor still rests on the memory that it was walked with."""
    known: Any = _first_storages.get(walk, {}).get(ordinal)
    return bool(known == tensor.untyped_storage()._cdata)


register(TensorKind(), torch.Tensor, bases=(torch.Tensor,))
register(ContentsKind(), Contents)
