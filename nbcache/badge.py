"""The display that nbcache adds below a cell, and how to take it away again."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from nbcache.events import CellEvent, State

MARK = "nbcache"
"""The metadata key that all of our displays, cells and replies carry."""

RECORD_NAMES = ("state", "key", "cell_key", "cost")
"""What an executed notebook records in ``cell.metadata.nbcache``; the rest are settings."""

_STORED = frozenset({State.MISS, State.REFRESHED, State.EXPIRED, State.STALE, State.WAITING})
"""The states in which the cell ran; with a moment of storing, its result is there now."""

_NOT_FOR_DISPLAYS = frozenset({"parts", "quiet"})


def status_bundle(event: CellEvent, now: float) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the MIME bundle of the badge and the metadata that marks it as ours."""
    from nbcache.report import status_html, status_line  # most only read or strip marks

    data = {"text/plain": status_line(event, now), "text/html": status_html(event, now)}
    return data, {MARK: compact(event)}


def compact(event: CellEvent) -> dict[str, Any]:
    """Return the event as JSON data without what is empty and without the parts of its key."""
    return {
        name: value
        for name, value in event.as_dict().items()
        if name not in _NOT_FOR_DISPLAYS and value not in (None, "", 0, [])
    }


def strip_nbcache(nb: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Remove our displays and ``cell.metadata.nbcache`` from a notebook, in place.

    The notebook is any nbformat 4 mapping; it is returned for convenience.
    """
    for cell in nb.get("cells", ()):
        cell.get("metadata", {}).pop(MARK, None)
        strip_displays(cell)
    return nb


def strip_displays(cell: MutableMapping[str, Any]) -> None:
    """Remove our displays from one cell's outputs, in place."""
    if "outputs" in cell:
        cell["outputs"] = [out for out in cell["outputs"] if not is_display(out)]


def is_display(output: Mapping[str, Any]) -> bool:
    """Whether an output of a cell is one of our displays."""
    return MARK in output.get("metadata", {})


def record_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an earlier headless run recorded in a cell's metadata, or nothing."""
    found = metadata.get(MARK)
    if not isinstance(found, Mapping) or "state" not in found:
        return {}
    names = [name for name in RECORD_NAMES if name in found]
    if "cell_key" in names:
        names.remove("key")
    return {"key" if name == "cell_key" else name: found[name] for name in names}


def settings_of(metadata: Mapping[str, Any]) -> Any:
    """Return the user's own settings in a cell's metadata, without what a run recorded."""
    found = metadata.get(MARK)
    if not isinstance(found, Mapping) or "state" not in found:
        return found
    recorded = set(RECORD_NAMES) - ({"key"} if "cell_key" in found else set())
    return {name: value for name, value in found.items() if name not in recorded} or None


def is_stored(event: CellEvent) -> bool:
    """Whether the run that the event tells of was stored."""
    return event.stored_at is not None and event.state in _STORED


def record(metadata: MutableMapping[str, Any], event: CellEvent | None) -> None:
    """Write an event into a cell's metadata beside the user's settings, in place.

    Only what stays the same between two runs of an unchanged notebook is written, so that
    notebooks under version control show no noise: a cell that is stored now is a ``hit``,
    whether this run served it or stored it. No event removes an older record.
    """
    settings = settings_of(metadata)
    if event is None:
        if settings is None:
            metadata.pop(MARK, None)
        else:
            metadata[MARK] = settings
        return
    kept = dict(settings) if isinstance(settings, Mapping) else {}
    told: dict[str, Any] = {"state": (State.HIT if is_stored(event) else event.state).value}
    if event.key:
        told["cell_key" if "key" in kept else "key"] = event.key
    cost = round(event.cost, 3)
    if cost and event.stored_at is not None:  # else it is measured anew by every run
        told["cost"] = cost
    metadata[MARK] = {**kept, **told}
