"""Filling ``lru_cache`` wrappers again; names here are part of the stored format."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any


class Feeder:
    """Stands in for a cached function and returns what it returned before."""

    def __init__(self) -> None:
        self.result: Any = None
        self.fails = False

    def __call__(self, *args: Any, **words: Any) -> Any:
        """Return the next result; a failing call counts as a miss and is not kept."""
        if self.fails:
            raise LookupError
        return self.result


def make_lru(wrapped: Any, maxsize: int | None, typed: bool) -> Any:
    """Return an empty least-recently-used cache around a function.

    It calls through a ``partial``, which is C code, so no frame of ours shows in tracebacks
    and its target can be swapped while the cache is filled.
    """
    made = functools.lru_cache(maxsize, typed)(functools.partial(wrapped))
    functools.update_wrapper(made, wrapped)
    return made


def fill_lru(wrapper: Any, state: tuple[Any, dict[str, Any]]) -> None:
    """Fill a wrapper made by ``make_lru``: its results, its counts and its attributes."""
    results, attributes = state
    function = wrapper.__wrapped__
    target: Any = functools.partial(function)
    feeder = Feeder()
    for held in _partials(wrapper):
        target = held
    target.__setstate__((feeder, (), {}, {}))
    try:
        feed(wrapper, results, feeder)
    finally:
        target.__setstate__((function, (), {}, {}))
    wrapper.__dict__.clear()
    wrapper.__dict__.update(attributes)


def _partials(wrapper: Any) -> list[Any]:
    import gc

    return [held for held in gc.get_referents(wrapper) if type(held) is functools.partial]


def refill_lru(wrapper: Any, results: tuple[Any, int, int], function: types.FunctionType) -> None:
    """Replace what an earlier wrapper holds, with its function's code swapped meanwhile."""
    feeder = Feeder()
    native = function.__code__
    function.__code__ = _calling(feeder, native)
    try:
        feed(wrapper, results, feeder)
    finally:
        function.__code__ = native


def _calling(feeder: Callable[..., Any], native: types.CodeType) -> types.CodeType:
    """Return code that calls the feeder and fits a function with the same closure."""
    code = next(item for item in _template().co_consts if isinstance(item, types.CodeType))
    constants = tuple(feeder if item == 0.5 else item for item in code.co_consts)
    return code.replace(co_consts=constants, co_freevars=native.co_freevars)


@functools.cache
def _template() -> types.CodeType:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile("lambda *args, **words: 0.5(*args, **words)", "<nbcache>", "eval")


def feed(wrapper: Any, results: tuple[Any, int, int], feeder: Feeder) -> None:
    """Call the wrapper so that it holds these results and has counted these calls."""
    entries, hits, misses = results
    wrapper.cache_clear()
    feeder.fails = True
    for _ in range(misses - len(entries)):
        try:
            wrapper()
        except LookupError:
            continue
    feeder.fails = False
    last: tuple[Any, Any] | None = None
    for args, words, result in entries:
        feeder.result = result
        wrapper(*args, **words)
        last = args, words
    for _ in range(hits if last is not None else 0):
        wrapper(*last[0], **last[1])  # type: ignore[index]
