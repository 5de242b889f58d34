"""Making cached functions: from a function, from a coroutine function, and from a pickle."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import types
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from nbcache.calls.engine import Call
from nbcache.deps.blame import OWN_CODES
from nbcache.functions.bound import BoundFunction, mark_coroutine
from nbcache.functions.cached import CachedFunction, find


class AsyncCachedFunction(CachedFunction):
    """The same for a coroutine function: what it returns when awaited is cached."""

    def __init__(self, function: types.FunctionType, options: Mapping[str, Any]) -> None:
        super().__init__(function, options)
        mark_coroutine(self)

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return what awaiting the function gives, from the store if it can be."""
        return await self._run(args, kwargs, refresh=False)

    async def refresh(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function past the cache, store the result, and return it."""
        return await self._run(args, kwargs, refresh=True)

    async def _run(self, args: Any, kwargs: Any, *, refresh: bool) -> Any:
        made = self._make_call(args, kwargs, refresh)
        if made is None:
            return await self._function(*args, **kwargs)
        call, arguments = made
        if call.look_up(arguments):
            await _take_lock(call)
        call.go_on()
        if not call.is_served:
            try:
                call.result = await self._function(*args, **kwargs)
            except BaseException:
                call.fail()
                raise
            call.finish(call.result)
        self._count(call)
        return call.result


async def _take_lock(call: Call) -> None:
    """Wait for the call's lock in a thread, so that other coroutines go on.

    The thread is one of our own: whoever holds the lock may need the loop's for its work.
    """
    call.take_lock(at_most=0)
    if call.lock is not None or call.policy.wait == 0:
        return
    context = contextvars.copy_context()
    taking = asyncio.get_running_loop().run_in_executor(_waiters(), context.run, call.take_lock)
    try:
        await asyncio.shield(taking)
    except asyncio.CancelledError:
        taking.add_done_callback(lambda _: call.release())
        raise


@functools.cache
def _waiters() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_MOST_WAITERS, thread_name_prefix="nbcache waits")


_MOST_WAITERS = 64
"""Threads that wait for locks; those who hold one never need another of them."""


OWN_CODES.update(
    function.__code__
    for function in (
        CachedFunction.__call__,
        CachedFunction.refresh,
        AsyncCachedFunction.__call__,
        AsyncCachedFunction.refresh,
        AsyncCachedFunction._run,
        BoundFunction.__call__,
        BoundFunction.refresh,
    )
)


def make_cached(function: types.FunctionType, options: Mapping[str, Any]) -> CachedFunction:
    """Return the cached form of a function or coroutine function."""
    kind = AsyncCachedFunction if inspect.iscoroutinefunction(function) else CachedFunction
    return kind(function, options)


def rebuild(function: types.FunctionType, options: Mapping[str, Any]) -> CachedFunction:
    """Return the cached function that was pickled: the one of that name, or a new one."""
    found = find(function.__module__, function.__qualname__.split(".")[:-1])
    if isinstance(found, CachedFunction) and found.stands_for(function):
        return found
    function.__qualname__ = function.__qualname__.removesuffix(".portable")
    return make_cached(function, options)
