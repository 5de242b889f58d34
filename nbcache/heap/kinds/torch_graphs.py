"""Gradient functions behind a tensor: what they compute, and whether they were used up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from nbcache.errors import NotFingerprintable
from nbcache.heap.kinds.code import is_library
from nbcache.heap.tokens import FLAT, flat, frame, joined, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbcache.heap.walk import Walk

_SAVED: dict[type, tuple[str, ...]] = {}
FREED = "a second time"
"""Words of torch's error when a graph that was freed is read."""


def nodes_behind(function: Any) -> list[Any]:
    """Return the gradient functions of a graph, the nearest first."""
    found = {function: None}
    for node in (queue := [function]):
        for following, _ in node.next_functions:
            if following is not None and following not in found:
                found[following] = None
                queue.append(following)
    return queue


def is_spent(nodes: list[Any]) -> bool:
    """Tell whether gradients were computed and everything saved for them was freed."""
    states = {_is_freed(node, name) for node in nodes for name in saved_names(type(node))}
    return True in states and False not in states


def saved_names(kind: type) -> tuple[str, ...]:
    """Return the attributes in which gradient functions of a class keep what they saved."""
    found = _SAVED.get(kind)
    if found is None:
        names = (name for name in dir(kind) if name.startswith("_saved_"))
        found = tuple(names)
        if issubclass(kind, torch.autograd.function.BackwardCFunction):
            found = ("saved_tensors",)
        _SAVED[kind] = found
    return found


def _is_freed(node: Any, name: str) -> bool | None:
    """Tell whether a saved tensor was freed, None for what is no tensor."""
    try:
        value = getattr(node, name)
    except RuntimeError as error:
        return FREED in str(error)
    values = value if isinstance(value, tuple) else (value,)
    return False if any(isinstance(one, torch.Tensor) for one in values) else None


def graph_token(function: Any, walk: Walk, content: Callable[[Any], bytes]) -> bytes:
    """Return the token of a graph: functions, edges, and the values saved for them."""
    nodes = nodes_behind(function)
    if is_spent(nodes):
        return frame(b"spent", text(type(function).__name__))
    places = {node: flat(place) for place, node in enumerate(nodes)}
    parts = []
    for node in nodes:
        parts.append(text(type(node).__name__))
        parts += [places.get(after, b"-") + flat(which) for after, which in node.next_functions]
        parts += _own_parts(node, walk, content)
    return joined(b"graph", parts)


def _own_parts(node: Any, walk: Walk, content: Callable[[Any], bytes]) -> list[bytes]:
    parts = [text(name) + _value(node, name, content) for name in saved_names(type(node))]
    if hasattr(node, "variable"):
        parts.append(walk.ref(node.variable))
    forward = getattr(node, "_forward_cls", None)
    if forward is not None:
        if node.__dict__ and not is_library(forward):
            raise NotFingerprintable("is the result of a gradient function with attributes")
        parts.append(walk.ref(forward))
    return parts


def _value(node: Any, name: str, content: Callable[[Any], bytes]) -> bytes:
    try:
        value = getattr(node, name)
    except RuntimeError as error:
        return b"freed" if FREED in str(error) else b"overwritten"
    return _token(value, content)


def _token(value: Any, content: Callable[[Any], bytes]) -> bytes:
    if isinstance(value, torch.Tensor):
        return joined(b"t", [text(f"{value.dtype}{tuple(value.shape)}"), content(value)])
    if isinstance(value, (tuple, list)):
        return joined(b"i", [_token(one, content) for one in value])
    return flat(value) if type(value) in FLAT else text(repr(value))
