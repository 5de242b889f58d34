"""Which earlier instance a ``__dict__`` belongs to."""

from __future__ import annotations

from typing import Any

from nbcache.heap.kinds.attributes import dict_of
from nbcache.heap.walk import Walk


def owners_of_dicts(walk: Walk, changed: frozenset[int]) -> dict[int, Any]:
    """Return the walked instance of each ``__dict__`` that is held, by the dict's identity.

    Of instances that were walked as a group, those show as changed whose dict is held now.
    """
    owners = dict(walk.dict_owners)
    moved = map(walk.objects.__getitem__, changed)
    return owners | {id(dict_of(obj)): obj for obj in moved if dict_of(obj) is not None}
