"""Loggers: known by their names, unless somebody keeps things in them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotFingerprintable
from nbcache.heap.kinds.instance import ReducedKind
from nbcache.heap.registry import register

if TYPE_CHECKING:
    from nbcache.heap.walk import Walk

_OWN = frozenset(vars(logging.getLogger("nbcache")))


class LoggerKind(ReducedKind):
    """``logging.Logger``."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the name."""
        if vars(obj).keys() - _OWN:
            raise NotFingerprintable("is a logger with attributes of its own")
        return super().encode(obj, walk)


register(LoggerKind(), bases=(logging.Logger,))
