"""PyTorch's other objects: optimizers, generators of random numbers, and its constants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

import nbcache.heap.kinds.torch_tensors  # noqa: F401  (registers the tensors themselves)
from nbcache.heap import rebuild, rebuild_tensors
from nbcache.heap.kinds.attributes import dict_of
from nbcache.heap.kinds.instance import PlainKind, ReducedKind
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import digest, frame, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk


class GeneratorKind(Kind):
    """``torch.Generator``; the default one is a global stream, known by its name."""

    mixed = True

    def is_value(self, obj: Any) -> bool:
        """The default generator is a name."""
        return obj is torch.default_generator

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode device and state."""
        walk.packages.add("torch")
        if self.is_value(obj):
            walk.draws.add("default_generator")
            return b"default generator"
        return frame(b"tg", text(str(obj.device)), digest(state_of(obj)))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make one and set its state."""
        if self.is_value(obj):
            return rebuild.get_constant, ("torch", "default_generator")
        return rebuild_tensors.make_generator, (str(obj.device), state_of(obj))

    def state(self, obj: Any) -> Any:
        """Return the state's bytes."""
        return state_of(obj)

    def patch(self, live: Any, state: Any) -> None:
        """Set the state."""
        rebuild_tensors.set_generator(live, state)


def state_of(generator: Any) -> bytes:
    """Return the state of a generator as bytes."""
    return bytes(generator.get_state().numpy().tobytes())


class OptimizerKind(PlainKind):
    """Optimizers: all their attributes, also those that their own protocol leaves out."""

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Build an empty instance, then set the attributes."""
        own = dict(dict_of(obj) or {})
        fill = rebuild_tensors.fill_optimizer
        return rebuild.make_bare, (type(obj), ()), own, None, None, fill


class ConstantKind(Kind):
    """Layouts and memory formats: names of torch."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the name."""
        return frame(b"tc", text(str(obj)))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Look the name up."""
        return rebuild.get_constant, ("torch", str(obj).removeprefix("torch."))


class LimitsKind(Kind):
    """``torch.finfo`` and ``torch.iinfo``: their dtype says all."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the dtype's name."""
        return frame(b"tl", text(type(obj).__name__), text(obj.dtype))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Ask for the limits of the same dtype."""
        return type(obj), (getattr(torch, obj.dtype),)


register(GeneratorKind(), torch.Generator)
register(OptimizerKind(), bases=(torch.optim.Optimizer,))
register(ConstantKind(), torch.layout, torch.memory_format)
register(LimitsKind(), torch.finfo, torch.iinfo)
register(ReducedKind(by_value=True), torch.dtype, torch.device)
