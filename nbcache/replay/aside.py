"""Inputs that are left out of the key: a run that changes one of them cannot be repeated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbcache.errors import NotFingerprintable, NotReplayable
from nbcache.heap.walk import Walk
from nbcache.replay.namespace import locate


def walk_aside(namespace: dict[str, Any], labels: Iterable[str]) -> Walk | None:
    """Walk variables on their own, to see later whether a run changed them; None if none can."""
    names = [label for label in labels if label in namespace]
    if not names:
        return None
    walk = Walk(namespace)
    for name in names:
        walk.need(name)
    try:
        walk.run()
    except NotFingerprintable:
        return None  # most likely why it was left out
    return walk


def refuse_unseen_changes(walk: Walk | None) -> None:
    """Refuse a run that changed a left-out object in place: no stored result would do so.

    Raises:
        NotReplayable: it did; the error names the path.
    """
    changed = walk.changed() if walk is not None else {}
    if walk is None or not changed:
        return
    reason = "is left out of the key and was changed in place, which a hit would not repeat"
    raise locate(walk, walk.objects[min(changed)], NotReplayable(reason))
