"""A function whose calls are cached: what ``@cache`` makes of it."""

from __future__ import annotations

import functools
import sys
import threading
import time
import types
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple

from nbcache.calls.engine import Call
from nbcache.calls.fast import KnownCalls
from nbcache.calls.reading import Signature, read_call
from nbcache.calls.room import Room, current_room
from nbcache.errors import CacheWarning, OptionError
from nbcache.events import SERVED, State
from nbcache.functions.bound import BoundFunction
from nbcache.policy import Policy, build_policy
from nbcache.store.rows import rows_of

NOT_FOR_FUNCTIONS = frozenset({"keep", "drop", "quiet", "group", "pin"})
"""Options that speak of a cell's names or of how it is shown."""


class CacheInfo(NamedTuple):
    """Counts of one function in this process, the first four as in ``functools``, and seconds."""

    hits: int
    misses: int
    maxsize: None
    currsize: int
    refreshed: int
    bypassed: int
    saved: float
    waited: float = 0.0


class CachedFunction:
    """Calls a function, or brings back what an equal call did."""

    __wrapped__: Any
    __name__: str
    __qualname__: str

    def __init__(self, function: types.FunctionType, options: Mapping[str, Any]) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._options = dict(options)
        self._signature = Signature(function)
        self._name = f"{function.__module__}.{function.__qualname__}"
        self._shown = function.__qualname__.rpartition("<locals>.")[2]
        self._policy: tuple[Room, Policy] | None = None
        self._portable: Any = None
        self._count_lock = threading.Lock()
        self._counts: dict[State, int] = {}
        self._keys: set[str] = set()
        self._saved = self._waited = 0.0
        self._known = KnownCalls()
        self._warned: set[str] = set()
        self._refreshed: set[str] = set()
        self._check_options()

    @property
    def options(self) -> dict[str, Any]:
        """The options as they were given."""
        return dict(self._options)

    def _check_options(self) -> None:
        for name in self._options.keys() & NOT_FOR_FUNCTIONS:
            raise OptionError(f"`{name}` is an option of cells, and means nothing for a function.")
        policy = build_policy(self._options, now=time.time())
        for name in sorted(policy.ignore | policy.policy.without):
            code = self._function.__code__
            known = self._signature.has(name) or name in (*code.co_names, *code.co_freevars)
            if not known and name not in self._function.__globals__:
                raise OptionError(
                    f"`{name}` cannot be left out: {self._shown}() has no such parameter and reads"
                    f" no such variable. Parameters: {', '.join(self._signature.names)}."
                )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the function returns for these arguments, from the store if it can be."""
        call = self._begin(args, kwargs)
        if call is None:
            return self._function(*args, **kwargs)
        if not call.is_served:
            try:
                call.result = self._function(*args, **kwargs)
            except BaseException:
                call.fail()
                raise
            call.finish(call.result)
        self._count(call)
        return call.result

    def _begin(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], refresh: bool = False
    ) -> Call | None:
        """Return the call, served or about to be recorded; None to leave it alone."""
        made = self._make_call(args, kwargs, refresh)
        if made is None:
            return None
        call, arguments = made
        call.begin(arguments)
        return call

    def _make_call(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], refresh: bool
    ) -> tuple[Call, dict[str, Any]] | None:
        """Return the call and its arguments by parameter; None to leave it alone."""
        room = current_room()
        policy = self._policy_in(room)
        if room.settings.disable or policy.off:
            return None
        try:
            arguments = self._signature.bind(args, kwargs)
        except TypeError:
            return None  # the function itself says it, in its own words
        if refresh or policy.refresh == "once":
            policy = replace(policy, refresh=refresh or self._is_first(arguments, policy))
        return Call(self._function, self._name, policy, room, known=self._known), arguments

    def _is_first(self, arguments: Mapping[str, Any], policy: Policy) -> bool | None:
        """Tell whether ``refresh=once`` is still due for these arguments; None if it is not."""
        key = read_call(self._function, self._name, arguments, policy).key
        is_first = key not in self._refreshed
        self._refreshed.add(key)
        return is_first or None

    def _policy_in(self, room: Room) -> Policy:
        """Return the policy under the switches of a room."""
        known = self._policy
        if known is not None and known[0] is room:
            return known[1]
        policy = room.policy(self._options)
        if not _is_moment(self._options.get("ttl")):
            self._policy = room, policy
        return policy

    def _count(self, call: Call) -> None:
        with self._count_lock:
            self._counts[call.state] = self._counts.get(call.state, 0) + 1
            self._saved += call.saved
            self._waited += call.waited
            if call.entry is not None:
                self._keys.add(call.entry.key)
        if call.problem is not None:
            self._warn(call.reasons[0])

    def _warn(self, reason: str) -> None:
        """Say once for each cause that calls are not cached, blaming the caller's line."""
        if reason in self._warned:
            return
        self._warned.add(reason)
        with suppress(CacheWarning):  # a problem of the cache never breaks the call
            warnings.warn(
                f"{self._shown}() ran and was not cached: {reason.replace('argument ', '')}",
                CacheWarning,
                stacklevel=_frames_to_user(),
            )

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Return the method of an instance: its calls have the instance as first argument."""
        return self if instance is None else BoundFunction(self, instance)

    def refresh(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function past the cache, store the result, and return it."""
        call = self._begin(args, kwargs, refresh=True)
        if call is None:
            return self._function(*args, **kwargs)
        try:
            call.result = self._function(*args, **kwargs)
        except BaseException:
            call.fail()
            raise
        call.finish(call.result)
        self._count(call)
        return call.result

    def key(self, *args: Any, **kwargs: Any) -> str:
        """Return the key of a call, 32 hex digits, without calling.

        Raises:
            NotFingerprintable: an input has no fingerprint.
        """
        arguments = self._signature.bind(args, kwargs)
        policy = self._policy_in(current_room())
        return read_call(self._function, self._name, arguments, policy).key

    def is_cached(self, *args: Any, **kwargs: Any) -> bool:
        """Tell whether a call with these arguments would be served, without calling."""
        room = current_room()
        call = Call(self._function, self._name, self._policy_in(room), room)
        return call.foresee(self._signature.bind(args, kwargs)) in SERVED

    def clear(self, *args: Any, **kwargs: Any) -> int:
        """Forget the result for these arguments; without any, all results of the function.

        Returns how many stored results were forgotten.
        """
        if not args and not kwargs:
            return self.cache_clear()
        key = self.key(*args, **kwargs)
        store = self._store()
        found = list(store.find(key))
        for entry in found:
            store.remove(entry)
        self._keys.discard(key)
        return len(found)

    def cache_clear(self) -> int:
        """Forget all results of the function, those of its earlier versions too, and the counts."""
        store = self._store()
        found = [row for row in rows_of(store) if row.made_by == self._name]
        for entry in found:
            store.remove(entry)
        with self._count_lock:
            self._counts.clear()
            self._keys.clear()
            self._saved = self._waited = 0.0
        return len(found)

    def _store(self) -> Any:
        room = current_room()
        return Call(self._function, self._name, self._policy_in(room), room).store

    def cache_info(self) -> CacheInfo:
        """Return how often calls were served and ran in this process, as ``functools`` does."""
        counts = dict(self._counts)
        hits = sum(counts.get(state, 0) for state in SERVED)
        refreshed, bypassed = counts.get(State.REFRESHED, 0), counts.get(State.BYPASS, 0)
        misses = sum(counts.values()) - hits
        told = refreshed, bypassed, self._saved, self._waited
        return CacheInfo(hits, misses, None, len(self._keys), *told)

    def with_options(self, **options: Any) -> CachedFunction:
        """Return the same function cached in another way; options given here win."""
        return type(self)(self._function, {**self._options, **options})

    def __repr__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self._options.items())
        return f"<cached function {self._name}{options}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to worker processes: by name where that is found there, else with its code."""
        from nbcache.functions.making import rebuild

        return rebuild, (self.portable, self._options)

    def stands_for(self, function: object) -> bool:
        """Tell whether this is the very function that travels for this one."""
        return function is self.portable

    @property
    def portable(self) -> Any:
        """The function under a name by which any pickler finds it behind this wrapper."""
        function = self._function
        if find(function.__module__, function.__qualname__.split(".")) is function:
            return self._function
        if self._portable is None:
            twin = types.FunctionType(
                function.__code__, function.__globals__, function.__name__,
                function.__defaults__, function.__closure__,
            )  # fmt: skip
            functools.update_wrapper(twin, function)
            del twin.__wrapped__  # type: ignore[attr-defined]
            twin.__kwdefaults__ = function.__kwdefaults__
            twin.__qualname__ = f"{function.__qualname__}.portable"
            self._portable = twin
        return self._portable


def _is_moment(value: object) -> bool:
    """Tell whether a ttl means a point in time, so that it shortens as time goes on."""
    return isinstance(value, date) or (isinstance(value, str) and value.strip()[4:5] == "-")


def _frames_to_user() -> int:
    """Return the stack level of the first caller outside of nbcache."""
    frame: Any = sys._getframe(1)
    level = 1
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith("nbcache."):
        frame = frame.f_back
        level += 1
    return level


def find(module: str, steps: list[str]) -> Any:
    """Return what stands under a name in a loaded module, None if nothing does."""
    found: Any = sys.modules.get(module)
    for step in steps:
        found = getattr(found, step, None)
    return found
