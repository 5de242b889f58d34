"""What the janitor of a kernel does when idle, at the end of what stores without one instead."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

PATIENCE_S = 5.0
"""Seconds at most; what is left is done at the end of the next run."""


def tidy(place: str | None) -> None:
    """Keep a store within the bounds that the user set; one that is out of order is left alone."""
    until = time.perf_counter() + PATIENCE_S
    try:
        for _ in _steps(place):
            if time.perf_counter() > until:
                return
    except Exception:  # the run is over, and its cells told what is wrong with the store
        return


def _steps(place: str | None) -> Iterator[None]:
    from nbcache.janitor import bounds_of
    from nbcache.setting_files import find_layers
    from nbcache.store.opening import open_store

    layers = find_layers(os.environ, configured={}, notebook="", folder=os.getcwd())
    now = time.time()
    steps: Iterator[None] = open_store(place).upkeep(bounds_of(layers, now), now)
    return steps
