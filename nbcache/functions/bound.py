"""A cached function as a method of one instance, and what other libraries look for on both."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbcache.functions.cached import CachedFunction, CacheInfo


class BoundFunction:
    """A cached function with its first argument given: ``obj.method``."""

    def __init__(self, cached: CachedFunction, instance: Any) -> None:
        self.__func__ = cached
        self.__self__ = instance
        self.__wrapped__ = cached.__wrapped__.__get__(instance)
        self.__name__ = cached.__name__
        self.__qualname__ = cached.__qualname__
        self.__doc__ = cached.__doc__
        self.__module__ = cached.__module__
        if inspect.iscoroutinefunction(cached.__wrapped__):
            mark_coroutine(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the method."""
        return self.__func__(self.__self__, *args, **kwargs)

    def refresh(self, *args: Any, **kwargs: Any) -> Any:
        """Call the method past the cache, store the result, and return it."""
        return self.__func__.refresh(self.__self__, *args, **kwargs)

    def key(self, *args: Any, **kwargs: Any) -> str:
        """Return the key of a call of the method."""
        return self.__func__.key(self.__self__, *args, **kwargs)

    def is_cached(self, *args: Any, **kwargs: Any) -> bool:
        """Tell whether a call of the method would be served."""
        return self.__func__.is_cached(self.__self__, *args, **kwargs)

    def clear(self, *args: Any, **kwargs: Any) -> int:
        """Forget the result for this instance and these arguments."""
        return self.__func__.clear(self.__self__, *args, **kwargs)

    def cache_clear(self) -> int:
        """Forget all results of the function, those of other instances too."""
        return self.__func__.cache_clear()

    def cache_info(self) -> CacheInfo:
        """Return the counts of the function."""
        return self.__func__.cache_info()

    def with_options(self, **options: Any) -> BoundFunction:
        """Return the same method cached in another way."""
        return BoundFunction(self.__func__.with_options(**options), self.__self__)

    def __eq__(self, other: object) -> bool:
        """Equal the same method of the same instance."""
        if not isinstance(other, BoundFunction):
            return NotImplemented
        return self.__func__ is other.__func__ and self.__self__ is other.__self__

    def __hash__(self) -> int:
        """Hash function and identity of the instance."""
        return hash((id(self.__func__), id(self.__self__)))

    def __repr__(self) -> str:
        return f"<bound {self.__func__!r} of {self.__self__!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as function and instance."""
        return BoundFunction, (self.__func__, self.__self__)


def mark_coroutine(function: Any) -> None:
    """Let ``inspect`` and ``asyncio`` see that calling this gives a coroutine."""
    mark = getattr(inspect, "markcoroutinefunction", None)
    if mark is not None:
        mark(function)
    else:  # before Python 3.12 only asyncio has such a mark
        function._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]
