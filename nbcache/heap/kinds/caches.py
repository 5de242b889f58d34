"""``functools.lru_cache``: the function, its limits, and every result that it holds."""

from __future__ import annotations

import functools
import gc
import types
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotStorable
from nbcache.heap import rebuild, refill
from nbcache.heap.kinds.attributes import dict_of, encode_attributes
from nbcache.heap.kinds.code import global_token, is_library
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import flat, joined
from nbcache.locality import is_importable

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

MOST_CALLS = 1_000_000
"""More calls than these are not counted up again."""

Entry = tuple[tuple[Any, ...], dict[str, Any], Any]


class LruKind(Kind):
    """Wrappers made by ``lru_cache`` and ``cache``; their results and counts can be seen."""

    mixed = True

    def is_value(self, obj: Any) -> bool:
        """Library functions are names."""
        return is_library(obj)

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode function, limits, attributes, results in order, and counts."""
        if is_library(obj):
            return global_token(obj, walk)
        parts = [walk.ref(obj.__wrapped__), flat(list(obj.cache_parameters().values()))]
        parts += [flat(list(obj.cache_info()[:2])), encode_attributes(obj, walk)]
        for args, words, result in read_entries(obj):
            parts += [walk.ref(args), walk.ref(tuple(words.items())), walk.ref(result)]
        return joined(b"u", parts)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Build a cache of the same limits around the function, and fill it."""
        if is_importable(obj, obj.__module__, getattr(obj, "__qualname__", None)):
            return NotImplemented
        limits = obj.cache_parameters()
        args = (obj.__wrapped__, limits["maxsize"], limits["typed"])
        state = (read_results(obj), dict_of(obj))
        return refill.make_lru, args, state, None, None, refill.fill_lru

    def state(self, obj: Any) -> Any:
        """Return what it holds, the counts, and a copy of its attributes."""
        return (*read_results(obj), dict(dict_of(obj) or {}))

    def patch(self, live: Any, state: Any) -> None:
        """Replace results and counts, without running the function, then the attributes."""
        refill.refill_lru(live, state[:3], live.__wrapped__)
        for attributes in state[3:]:  # earlier versions stored none
            rebuild.fill_attributes(live, attributes)


def read_results(obj: Any) -> tuple[list[Entry], int, int]:
    """Return results, oldest first, and the counts of hits and misses."""
    info = obj.cache_info()
    if info.hits + info.misses > MOST_CALLS:
        raise NotStorable("is a cached function with more calls than can be repeated")
    if type(obj.__wrapped__) is not types.FunctionType:
        raise NotStorable("caches the results of a callable that is no plain function")
    return read_entries(obj), info.hits, info.misses


def read_entries(wrapper: Any) -> list[Entry]:
    """Return (arguments, keywords, result) of everything held, oldest first.

    The order of a wrapper's referents is that of its ``tp_traverse``: bounded caches visit
    key, result and type of each link in the order of use, then come the dict of all keys,
    the function, and the mark between positional arguments and keywords.
    """
    referents = gc.get_referents(wrapper)
    held = next(item for item in referents if type(item) is dict and item is not dict_of(wrapper))
    mark = next((item for item in referents if type(item) is object), None)
    if wrapper.cache_parameters()["maxsize"] is None:
        pairs = list(held.items())
    else:
        start = 1 if referents[0] is type(wrapper) else 0
        links = referents[start : start + 3 * len(held)]
        pairs = list(zip(links[::3], links[1::3], strict=True))
    typed = wrapper.cache_parameters()["typed"]
    entries = [(*_arguments(key, mark, typed), result) for key, result in pairs]
    if len(entries) != wrapper.cache_info().currsize:
        raise NotStorable("is a cached function whose results can't be read")
    return entries


def _arguments(key: Any, mark: Any, typed: bool) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Take a key apart: arguments, the mark, keywords and values, and types when they count."""
    if type(key) is not tuple:
        return (key,), {}
    count = next((n for n, part in enumerate(key) if part is mark), None)
    if count is None:
        return key[: len(key) // 2] if typed else key, {}
    rest = key[count + 1 :]
    if typed:
        rest = rest[: 2 * (len(rest) - count) // 3]
    return key[:count], dict(zip(rest[::2], rest[1::2], strict=True))


register(LruKind(), type(functools.lru_cache(lambda: None)))
