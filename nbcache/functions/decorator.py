"""``@cache``: with or without options, on functions, methods and coroutine functions."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any, overload

from nbcache.functions.cached import CachedFunction
from nbcache.functions.making import make_cached
from nbcache.options import read_options


@overload
def cache(function: Callable[..., Any], /) -> CachedFunction: ...


@overload
def cache(
    function: None = None, /, **options: Any
) -> Callable[[Callable[..., Any]], CachedFunction]: ...


def cache(function: Any = None, /, **options: Any) -> Any:
    """Cache a function's calls: ``@cache``, or ``@cache(ttl="1h", ignore="debug")``.

    An equal call, in this process or a later one, returns an equal result and repeats what the
    first one changed in its arguments and in global variables. It runs again when its code or
    that of the functions and local modules that it reaches has changed, or a global variable,
    file, environment variable or random stream that it used. What it printed is not repeated.

    The options are those of ``%%cache``: ttl, policy, ignore, key, version, name, refresh,
    require, read_only, off, min_time, store, persist, memory, compression, isolation, wait.

    Raises:
        TypeError: this is no function whose result can be stored; the message says why.
        OptionError: an option is wrong.
    """
    read_options(options)
    if function is None:
        return lambda decorated: _cached(decorated, options)
    return _cached(function, options)


def _cached(function: Any, options: dict[str, Any]) -> Any:
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(_cached(function.__func__, options))
    if isinstance(function, CachedFunction):
        return function.with_options(**options)
    if not isinstance(function, types.FunctionType):
        raise TypeError(
            f"@cache needs a Python function, not {function!r}."
            " Options go by name: @cache(ttl='1h')."
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{function.__qualname__}() is a generator function: its values come one at a time"
            " and are used up, so they can't be stored. Cache a function that returns them"
            " as a list."
        )
    return make_cached(function, options)
