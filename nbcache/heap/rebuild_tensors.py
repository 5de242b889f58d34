"""What a stored stream calls to build tensors again; names here are part of the format."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import torch

Place = tuple[int, tuple[int, ...], tuple[int, ...]]
"""Where a tensor lies in its storage, in elements, then its shape and strides."""


class _Bytes:
    """Lets an array lie over a flat tensor of bytes, which it keeps alive.

    ``Tensor.numpy`` would do the same, and mark the storage as not resizable from then on.
    """

    def __init__(self, flat: Any) -> None:
        self.flat = flat
        where = (flat.data_ptr(), False)
        form = {"shape": (flat.numel(),), "typestr": "|u1", "version": 3}
        self.__array_interface__ = {"data": where, **form}


def get_step(module: str, name: str) -> Any:
    """Return the ``step`` of a class of optimizers, wrapped as its first instance has it."""
    kind: Any = getattr(importlib.import_module(module), name)
    if not getattr(kind.step, "hooked", None):
        kind.step = torch.optim.Optimizer.profile_hook_step(kind.step)
        kind.step.hooked = True
    return kind.step


def view_bytes(flat: Any) -> Any:
    """Return an array over the memory of a flat tensor of bytes, on the processor."""
    return np.asarray(_Bytes(flat)) if flat.numel() else np.empty(0, np.uint8)


def make_memory(buffer: Any, device: str) -> Any:
    """Return bytes of their own as a flat tensor on a device."""
    raw = memoryview(buffer).cast("B")
    made = torch.empty(raw.nbytes, dtype=torch.uint8, device="cpu")
    if made.numel():
        view_bytes(made)[:] = np.frombuffer(raw, np.uint8)
    return made.to(device)


def make_memory_over(array: Any, offset: int, count: int) -> Any:
    """Return bytes of a live array's memory as a flat tensor; ``offset`` is from its first item."""
    base = array
    while isinstance(base.base, np.ndarray):
        base = base.base
    start = array.__array_interface__["data"][0] + offset
    lowest = base.__array_interface__["data"][0]
    order = sorted(range(base.ndim), key=lambda axis: -abs(base.strides[axis]))
    flat: Any = np.ndarray((count,), np.uint8, base.transpose(order), start - lowest)
    return torch.from_numpy(flat)


def make_array_over(tensor: Any) -> Any:
    """Return an array over a tensor's memory."""
    return tensor.numpy()


def make_array_inside(memory: Any, dtype: Any, place: Place) -> Any:
    """Return an array over a part of a flat tensor's memory; the place is in bytes."""
    offset, shape, strides = place
    array: Any = np.ndarray(shape, dtype, memory.numpy(), offset, strides)
    return array


def make_slice(base: Any, place: Place) -> Any:
    """Return a view of a tensor that knows its base."""
    with torch.no_grad():
        return base.as_strided(place[1], place[2], place[0])


def make_tensor(memory: Any, kind: Any, dtype: Any, place: Place, flags: tuple[bool, ...]) -> Any:
    """Return a tensor over the storage of another one; ``flags``: gradient, conjugate, negative."""
    plain = _over(memory, dtype, place)
    needs_gradient, is_conjugate, is_negative = flags
    if is_conjugate:
        plain = plain.conj()
    if is_negative:
        plain = torch._neg_view(plain)
    if kind is torch.Tensor:
        return plain.requires_grad_(needs_gradient) if needs_gradient else plain
    return torch.Tensor._make_subclass(kind, plain, needs_gradient)


def make_inference_tensor(*args: Any) -> Any:
    """Return what ``make_tensor`` does, as a tensor that was made in inference mode."""
    with torch.inference_mode():
        return make_tensor(*args)


def _over(memory: Any, dtype: Any, place: Place) -> Any:
    plain = torch.empty(0, dtype=dtype, device=memory.device)
    return plain.set_(memory.untyped_storage(), *place)


def make_spent(memory: Any, dtype: Any, place: Place, name: str, retains: bool) -> Any:
    """Return a result whose gradients were computed, and the graph behind it freed.

    Its gradient function has the name that it had; computing gradients a second time raises
    torch's own error.
    """
    kind: Any = type(name.removesuffix("Backward"), (torch.autograd.Function,), dict(_SPENT))
    kind._backward_cls.__name__ = kind._backward_cls.__qualname__ = name
    source = torch.zeros((), requires_grad=True)
    with torch.enable_grad():
        made = kind.apply(source, [memory, dtype, place])
    torch.autograd.grad(made, source, torch.zeros_like(made))
    if retains:
        made.retain_grad()
    return made


def _forward(ctx: Any, source: Any, recipe: list[Any]) -> Any:
    ctx.save_for_backward(source)
    return _over(*recipe)


def _backward(ctx: Any, *gradients: Any) -> tuple[Any, None]:
    return torch.zeros_like(ctx.saved_tensors[0]), None


_SPENT = {"forward": staticmethod(_forward), "backward": staticmethod(_backward)}


def fill_tensor(tensor: Any, state: tuple[Any, dict[str, Any], Any]) -> None:
    """Set a tensor's gradient, attributes and hooks."""
    gradient, attributes, hooks = state
    if tensor.is_leaf or tensor.retains_grad:
        tensor.grad = gradient
    own = object.__getattribute__(tensor, "__dict__")
    own.clear()
    own.update(attributes)
    if hooks is not None or tensor._backward_hooks is not None:
        tensor._backward_hooks = hooks


def make_generator(device: str, state: bytes) -> Any:
    """Return a generator of random numbers in a state."""
    made = torch.Generator(device)
    set_generator(made, state)
    return made


def set_generator(generator: Any, state: bytes) -> None:
    """Put a live generator into a state."""
    generator.set_state(torch.from_numpy(np.frombuffer(bytearray(state), np.uint8)))


def fill_optimizer(optimizer: Any, attributes: dict[str, Any]) -> None:
    """Set an optimizer's attributes, and let its class run step hooks as ``__init__`` does."""
    optimizer.__dict__.clear()
    optimizer.__dict__.update(attributes)
    step = optimizer.__dict__.get("step")
    optimizer._patch_step_function()
    if step is not None:
        optimizer.__dict__["step"] = step
