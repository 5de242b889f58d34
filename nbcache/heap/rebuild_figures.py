"""What a stored stream calls to build matplotlib's objects again; part of the format."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from typing import Any


def children_of(node: Any) -> Iterator[Any]:
    """Yield the transforms that a node holds, and so is computed from."""
    kind = sys.modules["matplotlib.transforms"].TransformNode
    return (value for value in vars(node).values() if isinstance(value, kind))


def link(node: Any) -> None:
    """Let a node know when one of those changes that it is computed from."""
    for child in children_of(node):
        if "_parents" in vars(child):  # else its own state brings the link
            node.set_children(child)


def fill_transform(node: Any, state: dict[str, Any]) -> None:
    """Give a new node its state, and link it to the earlier ones."""
    node.__setstate__(state)
    link(node)


def patch_transform(node: Any, state: Mapping[str, Any], caches: Set[str]) -> None:
    """Give an earlier node the recorded contents, and let all that rests on it know."""
    own = vars(node)
    for name in [name for name in own if name not in state and name not in caches]:
        del own[name]
    for name, value in state.items():
        array = getattr(value, "array", value)
        live = own.get(name)
        if name == "_points" and getattr(live, "shape", ()) == array.shape:
            live[...] = array
        else:
            own[name] = array
    link(node)
    own["_invalid"] = 0
    node.invalidate()


def canvas_of(figure: Any) -> tuple[type, tuple[type, Any] | None] | None:
    """Return the types of a figure's canvas and of its manager, unless they are the plainest."""
    canvas = figure.canvas
    base = sys.modules["matplotlib.backend_bases"]
    if type(canvas) is base.FigureCanvasBase or canvas.figure is not figure:
        return None
    if not type(canvas).__module__.startswith(("matplotlib.backends.backend_agg",)):
        return None
    manager = canvas.manager
    if manager is None or type(manager) is not base.FigureManagerBase:
        return type(canvas), None
    return type(canvas), (type(manager), manager.num)


def fill_artist(artist: Any, state: Any) -> None:
    """Give a new artist its state; whether it is to be drawn again is as it was."""
    own, is_stale = state
    if hasattr(artist, "__setstate__"):
        artist.__setstate__(own)
    else:
        vars(artist).update(own)
    vars(artist)["_stale"] = is_stale


def fill_figure(figure: Any, state: Any) -> None:
    """Give a new figure its state, and a canvas of the recorded type."""
    own, is_stale, canvas = state
    fill_artist(figure, (own, is_stale))
    if canvas is None:
        return
    kind, managing = canvas
    made = kind(figure)
    if managing is not None:
        manager, number = managing
        manager(made, number)


def join_groups(axes: Any, groups: Mapping[str, Any]) -> None:
    """Let axes share with those that they shared with, and with no others."""
    for name, siblings in (groups.get("_shared_axes") or {}).items():
        _regroup(axes, axes._shared_axes[name], siblings)
    _regroup(axes, getattr(axes, "_twinned_axes", None), groups.get("_twinned_axes"))


def _regroup(axes: Any, grouper: Any, siblings: Any) -> None:
    if not siblings or grouper is None:
        return
    for other in grouper.get_siblings(axes) if axes in grouper else ():
        if other not in siblings:
            with suppress(KeyError):
                grouper.remove(other)
    grouper.join(*siblings)
