"""matplotlib: artists by their state; what merely points back at them does not count."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotReplayable
from nbcache.heap.kinds.instance import ReducedKind, inline, reduce_object
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import digest, flat, frame, joined, text

if TYPE_CHECKING:
    from nbcache.heap.walk import Walk


class TransformKind(ReducedKind):
    """Nodes of transform trees, without the caches and the back references keyed by address."""

    left_out = frozenset({"_parents", "_invalid", "_inverted", "_affine", "_mtx"})

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode class and state."""
        states = [self._state(reduce_object(obj)) for _ in range(2)]
        rest = inline(states[0], states[1], walk)
        return b"r" + digest(walk.ref(type(obj))) + digest(joined(b"tr", [rest]))

    def _state(self, reduction: Any) -> Any:
        state = reduction[2]
        if not isinstance(state, dict):
            return state
        kept = {name: value for name, value in state.items() if name not in self.left_out}
        if "_a" in kept or "_b" in kept or "_bbox" in kept or "_boxout" in kept:
            kept.pop("_points", None)  # a cache of what the parts give
        return kept

    def is_patchable(self, before: bytes, after: bytes) -> bool:
        """A transform tree is never patched."""
        return False


class ArtistKind(ReducedKind):
    """Figures, axes, lines and all else that is drawn."""

    def state(self, obj: Any) -> Any:
        """Refuse: an artist's parts refer to each other in ways that can't be patched."""
        raise NotReplayable(
            "is a matplotlib artist of an earlier cell, and the cell draws on it;"
            " create the figure in the cell that draws on it"
        )


class RegistryKind(Kind):
    """Callback registries: which signals have callbacks, by number."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the signals."""
        counts = {str(name): len(items) for name, items in obj.callbacks.items()}
        return frame(b"cr", flat(dict(sorted(counts.items()))), text(type(obj).__name__))

    def is_patchable(self, before: bytes, after: bytes) -> bool:
        """Registries are never patched."""
        return False


def refresh() -> None:
    """Register the kinds of what the package has loaded so far."""
    if "matplotlib.artist" not in sys.modules:
        return
    from matplotlib.artist import Artist
    from matplotlib.cbook import CallbackRegistry
    from matplotlib.transforms import TransformNode

    register(ArtistKind(), bases=(Artist,))
    register(TransformKind(), bases=(TransformNode,))
    register(RegistryKind(), bases=(CallbackRegistry,))
