"""Which instance a ``__dict__`` belongs to that others hold as well."""

from __future__ import annotations

import functools
import gc
import logging
import types
from typing import Any

from nbcache.errors import NotStorable
from nbcache.heap.kinds.attributes import HEAP_TYPE, dict_of, is_held, slots_of
from nbcache.heap.kinds.instance import PlainKind
from nbcache.heap.registry import Kind, kind_of
from nbcache.heap.walk import Walk


def owners_of_dicts(walk: Walk, changed: frozenset[int]) -> dict[int, Any]:
    """Return the walked instance of each ``__dict__`` that is held, by the dict's identity.

    Of instances that were walked as a group, those show as changed whose dict is held now.
    """
    owners = dict(walk.dict_owners)
    moved = map(walk.objects.__getitem__, changed)
    kinds = {kind for kind in walk.types if may_share_dict(kind, kind_of(kind))}
    others = (obj for obj in walk.objects if type(obj) in kinds) if kinds else ()
    found = [(made_dict(obj), obj) for obj in (*moved, *others)]
    return owners | {id(own): obj for own, obj in found if own is not None}


_NAMED = (type, types.ModuleType, logging.Logger)
"""What is found by its name, so that no stream makes another one."""


def may_share_dict(kind: type, family: Kind) -> bool:
    """Tell whether instances have a ``__dict__`` of which a stream would make another one."""
    if not kind.__dictoffset__ or issubclass(kind, _NAMED):
        return False
    return type(family) is not PlainKind or bool(slots_of(kind))


def made_dict(obj: Any) -> dict[str, Any] | None:
    """Return the object's ``__dict__``, None if it has none so far: asking would first make it."""
    kind = type(obj)
    if issubclass(type(obj), functools.partial):
        found = functools.partial.__reduce__(obj)[2][3]
        return found if type(found) is dict else None
    if kind.__flags__ & HEAP_TYPE and not kind.__flags__ & _MADE_IN_C:
        return dict_of(obj)
    return dict_of(obj) if dict in map(type, gc.get_referents(obj)) else None


_MADE_IN_C = 1 << 8
"""``Py_TPFLAGS_IMMUTABLETYPE``: not made by a class statement."""


def refuse_shared_dict(obj: Any) -> None:
    """Refuse a new object whose ``vars()`` something else holds: they would come back apart.

    Raises:
        NotStorable: something does.
    """
    if type(obj) is functools.partial:  # its own protocol hands over the very dict
        return
    own = made_dict(obj)
    if own is not None and own is not obj and is_held(own):
        raise NotStorable("has a `__dict__` that is held apart from it as well; keep the object")
