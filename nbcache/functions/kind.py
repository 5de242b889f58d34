"""Cached functions as values: their function and options, not how often they were called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbcache.functions.bound import BoundFunction
from nbcache.functions.cached import CachedFunction
from nbcache.functions.making import AsyncCachedFunction, make_cached
from nbcache.heap.kinds.code import global_token, is_library
from nbcache.heap.kinds.functions import inline_dict
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import joined
from nbcache.locality import is_importable
from nbcache.policies import CachePolicy

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

RESULTS = frozenset({"policy", "ignore", "key", "version", "ttl", "name"})
"""The options that decide which result a call gives; the others say where and how it is kept."""


class CachedKind(Kind):
    """What ``@cache`` makes."""

    mixed = True

    def is_value(self, obj: Any) -> bool:
        """Library functions are names."""
        return is_library(obj)

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the function and the options that bear on its results."""
        if is_library(obj):
            return global_token(obj, walk)
        chosen = {name: value for name, value in obj.options.items() if name in RESULTS}
        policy = chosen.pop("policy", None)
        if isinstance(policy, CachePolicy):  # without its store and its locks
            chosen |= {"policy": repr(policy), "functions": policy.functions}
        return joined(b"nc", [walk.ref(obj.__wrapped__), inline_dict(chosen, walk)])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Cache the same function in the same way."""
        if is_importable(obj, obj.__module__, obj.__qualname__):
            return NotImplemented
        return make_cached, (obj.__wrapped__, obj.options)


class BoundKind(Kind):
    """A cached method: a value over function and instance."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode function and instance."""
        return joined(b"nb", [walk.ref(obj.__func__), walk.ref(obj.__self__)])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Bind the function again."""
        return BoundFunction, (obj.__func__, obj.__self__)


register(CachedKind(), CachedFunction, AsyncCachedFunction)
register(BoundKind(), BoundFunction)
