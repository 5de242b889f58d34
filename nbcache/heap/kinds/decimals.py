"""Contexts of ``decimal``: the current one is the process's own."""

from __future__ import annotations

import decimal
from typing import TYPE_CHECKING, Any

from nbcache.heap.kinds.instance import ReducedKind
from nbcache.heap.registry import register

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump


class ContextKind(ReducedKind):
    """``decimal.Context``: settings, traps and flags."""

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Ask for the current context, whose changes are repeated elsewhere; copy any other."""
        if obj is decimal.getcontext():
            return decimal.getcontext, ()
        return super().reduce(obj, dump)


register(ContextKind(), decimal.Context)
