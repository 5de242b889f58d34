"""Pinned results: a cell's stored run that is served whatever changes, until it is unpinned."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nbcache.entry import Entry
from nbcache.errors import CacheError
from nbcache.heap.walk import Walk
from nbcache.policy import Policy
from nbcache.reading import Reading, Request
from nbcache.shelf import Shelf

PINNED = "pinned"
"""The effect of a pinned copy: the name of the entry that it is a copy of."""

TOLD = "PINNED: this stored result is served whatever changes; `%nbcache unpin` lets it go"


def pin_key(request: Request, notebook: str) -> str:
    """Return the key under which a cell's pinned result lies: of its id, or its first line."""
    name = f"id {request.cell_id}" if request.cell_id else f"title {notebook} {request.title}"
    return hashlib.blake2b(f"pin {name}".encode(), digest_size=16).hexdigest()


def find_pin(shelf: Shelf, request: Request, policy: Policy | None = None) -> Entry | None:
    """Return a cell's pinned result, if it has one; ``pin=false`` lets it go, if that may write."""
    if policy is not None and policy.pin is False:
        if not policy.read_only:
            unpin(shelf, request)
        return None
    found = shelf.find(pin_key(request, shelf.settings.notebook))
    return found[0] if found else None


def pin(shelf: Shelf, request: Request, entry: Entry) -> Entry:
    """Keep a copy of a stored run for its cell, in place of an earlier one.

    Raises:
        StoreError: the store could not take it.
    """
    unpin(shelf, request)
    key = pin_key(request, shelf.settings.notebook)
    effects = {**entry.effects, PINNED: entry.name}
    return shelf.store.put(replace(entry, key=key, effects=effects), shelf.store.load(entry))


def unpin(shelf: Shelf, request: Request) -> int:
    """Let a cell's pinned result go; return how many there were."""
    found = list(shelf.find(pin_key(request, shelf.settings.notebook)))
    for entry in found:
        shelf.store.remove(entry)
    return len(found)


def load_pinned(shelf: Shelf, entry: Entry, reading: Reading) -> tuple[Mapping[str, Any], Reading]:
    """Return a pinned run's values, and the reading over which they can be restored.

    While the cell's inputs are as they were, anything can be. Once they moved, only what holds
    no reference to them and changes none of them.

    Raises:
        CacheError: the values cannot be restored here.
    """
    if _inputs(entry.parts) == _inputs(reading.parts):
        return shelf.load_values(entry, reading), reading
    alone = replace(reading, walk=Walk(reading.walk.namespace))
    try:
        values = shelf.load_values(entry, alone)
    except CacheError:
        values = {"patches": [None]}
    if values["patches"]:
        raise CacheError(
            "its pinned result changes or refers to objects of earlier cells, which are others now"
        )
    return values, alone


def _inputs(parts: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in parts.items() if name.startswith("input ")}
