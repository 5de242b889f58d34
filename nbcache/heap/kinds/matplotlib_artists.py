"""matplotlib: artists by their state; what merely points back at them does not count.

A cell that draws on an earlier figure changes artists, transforms, and the registries of callbacks
between them. Each is given the state that the run left; what lives in one process alone, such
as a figure's canvas, stays as it is.
"""

from __future__ import annotations

import copyreg
import itertools
import sys
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotReplayable
from nbcache.heap import rebuild_figures
from nbcache.heap.kinds.instance import ReducedKind, inline, reduce_object
from nbcache.heap.kinds.numpy_arrays import Raw
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import digest, flat, frame, joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

_CACHES = frozenset({
    "_parents", "_invalid", "_inverted", "_affine", "_transformed_path", "_transformed_points",
})  # fmt: skip


class TransformKind(ReducedKind):
    """Nodes of transform trees, without the caches and the back references keyed by address."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode class and state."""
        first, second = (_told(_contents(reduce_object(obj)[2], obj)) for _ in range(2))
        rest = inline(first, second, walk)
        return b"r" + digest(walk.ref(type(obj))) + digest(joined(b"tr", [rest]))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Link a new node to the earlier ones that it watches, as making it did."""
        parts = reduce_object(obj)
        children = rebuild_figures.children_of(obj)
        if type(parts[2]) is not dict or not any(map(dump.is_earlier, children)):
            return super().reduce(obj, dump)
        return *parts[:3], None, None, rebuild_figures.fill_transform

    def state(self, obj: Any) -> Any:
        """Return what is no cache; points go by content, since views of them are no one's."""
        state = _contents(dict(vars(obj)), obj)
        return {name: _raw(value) for name, value in state.items()}

    def snapshot(self, obj: Any) -> Any:
        """Return the state with copies of the points."""
        state = _contents(dict(vars(obj)), obj)
        return {name: _raw(value, copied=True) for name, value in state.items()}

    def patch(self, live: Any, state: Any) -> None:
        """Set the contents in place, and let everything that is computed from it know."""
        rebuild_figures.patch_transform(live, state, _CACHES | {"_mtx", "_points"})


def _contents(state: Any, obj: Any) -> Any:
    """Return the part of a node's state that is no cache of what its children give."""
    if not isinstance(state, dict):
        return state
    kept = {name: value for name, value in state.items() if name not in _CACHES}
    if not isinstance(obj, sys.modules["matplotlib.transforms"].Affine2D):
        kept.pop("_mtx", None)
    if not isinstance(obj, sys.modules["matplotlib.transforms"].Bbox):
        kept.pop("_points", None)
    return kept


def _told(state: Any) -> Any:
    """Return a node's state with its points as text: views of them are no one's."""
    import numpy as np

    if not isinstance(state, dict):
        return state
    return {
        name: repr((value.dtype.str, value.tolist())) if type(value) is np.ndarray else value
        for name, value in state.items()
    }


def _raw(value: Any, copied: bool = False) -> Any:
    import numpy as np

    if type(value) is not np.ndarray:
        return value
    return Raw(value.copy() if copied else value)


class ArtistKind(ReducedKind):
    """Figures, axes, lines and all else that is drawn."""

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Take the artist's own way, with the callbacks and the canvas that it leaves out."""
        parts = reduce_object(obj)
        if type(parts[2]) is not dict:
            return super().reduce(obj, dump)
        state = {**parts[2]}
        if isinstance(obj, sys.modules["matplotlib.figure"].Figure):
            is_open = "_restore_to_pylab" in state
            canvas = None if is_open else rebuild_figures.canvas_of(obj)
            fill = (state, obj.stale, canvas)
            return *parts[:2], fill, None, None, rebuild_figures.fill_figure
        state["stale_callback"] = obj.stale_callback
        return *parts[:2], (state, obj.stale), None, None, rebuild_figures.fill_artist

    def state(self, obj: Any) -> Any:
        """Return the attributes that the artist's own way keeps, in order, and its groups."""
        kept = reduce_object(obj)[2]
        if not isinstance(kept, dict):
            raise NotReplayable("is an artist that the cell draws on, of an unknown form")
        own = vars(obj)
        values = {name: own[name] for name in own if name in kept and name not in _LIVE}
        return values, list(own), {name: kept[name] for name in _GROUPS if name in kept}

    def patch(self, live: Any, state: Any) -> None:
        """Set the attributes; what the artist's own way leaves out stays as it is."""
        values, names, groups = state
        own = vars(live)
        both = {**{name: own[name] for name in names if name in own}, **values}
        own.clear()
        own.update({name: both[name] for name in names if name in both})
        rebuild_figures.join_groups(live, groups)


_LIVE = frozenset({"canvas", "_renderer"})
_GROUPS = ("_shared_axes", "_twinned_axes")


class RegistryKind(Kind):
    """Callback registries: who is called, as far as a canvas does not connect it again."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the signals, how many are called, and those that are not matplotlib's own."""
        called = dict(sorted((str(name), items) for name, items in called_by(obj).items()))
        counts = {name: len(items) for name, items in called.items()}
        others = [one for items in called.values() for one in items.values() if _is_foreign(one)]
        own = frame(b"cr", flat(counts), text(type(obj).__name__))
        return joined(b"cf", [own, *map(walk.ref, others)]) if others else own

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make a registry that calls the same; its own way leaves most of them out."""
        return copyreg.__newobj__, (type(obj),), self.state(obj)  # type: ignore[attr-defined]

    def state(self, obj: Any) -> Any:
        """Return who is called, by signal and number, and the number that is next."""
        own = {**vars(obj), "callbacks": called_by(obj), "_func_cid_map": None}
        return {**own, "_cid_gen": _next_of(obj._cid_gen)}

    def patch(self, live: Any, state: Any) -> None:
        """Connect the same callbacks, and leave those of the live canvas."""
        ours = called_by(live)
        merged = {name: {**items} for name, items in state["callbacks"].items()}
        for signal, items in live.callbacks.items():
            kept = {number: proxy() for number, proxy in items.items()}
            mine = {number: one for number, one in kept.items() if number not in ours[signal]}
            merged[signal] = {**mine, **merged.get(signal, {})}
        live.__setstate__({**state, "callbacks": merged})


def called_by(registry: Any) -> dict[str, dict[int, Any]]:
    """Return what a registry calls, without what a canvas and pyplot connect for themselves."""
    return {
        signal: {number: proxy() for number, proxy in items.items() if _is_kept(proxy())}
        for signal, items in registry.callbacks.items()
    }


def _is_kept(function: Any) -> bool:
    if function is None:  # a method of an object that is gone
        return False
    owner = getattr(function, "__self__", None)
    module = str(function.__module__ if owner is None else type(owner).__module__)
    if module.startswith("matplotlib.figure") and owner is None:  # one that wraps another
        wrapped = [cell.cell_contents for cell in function.__closure__ or ()]
        module = next((str(one.__module__) for one in wrapped if callable(one)), module)
    return not module.startswith(_CONNECTING)


def _is_foreign(function: Any) -> bool:
    owner = getattr(function, "__self__", None)
    module = str(function.__module__ if owner is None else type(owner).__module__)
    return not module.startswith(("matplotlib", "mpl_toolkits"))


_CONNECTING = ("matplotlib.backend", "matplotlib._pylab_helpers", "matplotlib.pyplot", "ipykernel")


def _next_of(numbers: itertools.count[int]) -> int:
    """Return what a counter gives next, without asking it."""
    return int(repr(numbers).removeprefix("count(").removesuffix(")"))


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
