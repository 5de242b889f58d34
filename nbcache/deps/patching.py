"""Scoped patches: a hook before a function's call for the length of a run, then the original.

One wrapper exists for each original and lives as long as the process, so that several runs
(nested, or in threads) share it, and an alias that somebody kept is seen as well. While no
run watches, every patched place holds its very original object again.

Some sixty hooks at two hundred places come and go with every recorded cell. So what there is to
know of a place is found out once, and ``together.py`` puts many at one blow.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from types import BuiltinFunctionType, MethodType, ModuleType
from typing import Any

from nbcache.deps import arrivals, pickled
from nbcache.deps.wrapped import (
    After,
    Hook,
    Place,
    Wrapped,
    WrappedMethod,
    WrappedWarn,
    original_of,
)

MISSING: Any = object()

lock = threading.RLock()
state = threading.local()
"""Of a thread: whether it is in a hook (``is_inside``), and a batch that is open (``batch``)."""

_held = [0]


class Patch:
    """One place that holds a wrapper as long as anybody watches it."""

    __slots__ = ("is_method", "name", "names", "owner", "raw", "stand_in", "watchers", "wrapper")

    def __init__(self, place: Place) -> None:
        self.owner, self.name = place
        self.names: Any = vars(self.owner)
        self.raw = self.names.get(self.name, MISSING)
        value = original_of(getattr(self.owner, self.name))
        self.is_method = isinstance(self.owner, type) and not isinstance(self.raw, staticmethod)
        self.is_method = self.is_method and type(self.raw) is not BuiltinFunctionType
        self.watchers = 0
        self.wrapper = self._wrapper_for(value, place)
        self.stand_in: Any = self.wrapper
        if isinstance(self.wrapper, WrappedMethod):
            self.stand_in = self.wrapper.function
        if isinstance(self.raw, staticmethod):
            self.stand_in = staticmethod(self.wrapper)

    def _wrapper_for(self, value: Any, place: Place) -> Wrapped:
        if self.is_method:
            return WrappedMethod(value, place)
        known = pickled.standing.get(id(value))
        if known is None or known.original is not value:
            known = (WrappedWarn if value is warnings.warn else Wrapped)(value, place)
            if type(value) is not MethodType:
                pickled.standing[id(value)] = known
        return known

    def put(self) -> None:
        """Put the wrapper in its place."""
        setattr(self.owner, self.name, self.stand_in)

    def take_away(self) -> None:
        """Put back what was there, unless somebody has put something else there since."""
        if self.names.get(self.name, MISSING) is not self.stand_in:
            return
        if self.raw is MISSING:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self.raw)


_patches: dict[tuple[int, str], Patch] = {}
_restless: set[tuple[int, str]] = set()
"""Places that held one function and then another, as ``builtins.input`` does in a kernel."""


def patch_at(place: Place) -> Patch | None:
    """Return the patch of a place, None where there is nothing to patch."""
    owner, name = place
    key = (id(owner), name)
    known = _patches.get(key)
    if known is not None and (known.watchers or known.names.get(name, MISSING) is known.raw):
        return known
    if not hasattr(owner, name):
        return None
    if known is not None:
        _restless.add(key)
    known = _patches[key] = Patch(place)
    return known


def restless_places() -> frozenset[tuple[int, str]]:
    """Return the owner's identity and the name of places whose functions come and go."""
    return frozenset(_restless)


def places_held() -> int:
    """Return how many places hold a wrapper now."""
    return _held[0]


def count_places(places: int) -> None:
    """Count places that hold wrappers, or hold them no longer."""
    before = _held[0]
    _held[0] += places
    if not before and places:
        pickled.begin()
    elif before and not _held[0]:
        pickled.end()


class Patches:
    """The patches of one run of one tracker; a hook that fails is remembered, never raised."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self._installed: list[Patch] = []
        self._hooked: list[tuple[Wrapped, Hook]] = []
        self._actions: dict[str, list[Callable[[ModuleType], None]]] = {}
        self._arrival: arrivals.Arrival | None = None
        self._logs: list[dict[str, bool]] = []
        self._batch: Any = None
        self._ends: list[Callable[[], None]] = []

    def watch(self, hook: Hook, *places: Place) -> None:
        """Call ``hook(args, kwargs)`` before each call of the functions at ``places``."""
        batch = getattr(state, "batch", None)
        if batch is None:
            self.put(self._guard(hook), places)
        else:
            self._batch = batch
            batch.asked.append((self, self._guard(hook), places))

    def put(self, guarded: Hook, places: Sequence[Place]) -> None:
        """Put a hook that may run anywhere into its places now."""
        with lock:
            for place in places:
                patch = patch_at(place)
                if patch is None:
                    continue
                self._installed.append(patch)
                patch.watchers += 1
                if patch.watchers == 1:
                    patch.put()
                    count_places(1)
                hooks = patch.wrapper.hooks
                if not hooks or hooks[-1] is not guarded:  # once, also for two places of one
                    patch.wrapper.hooks = (*hooks, guarded)
                    self._hooked.append((patch.wrapper, guarded))

    def on_arrival(self, names: str | frozenset[str], action: Callable[[ModuleType], None]) -> None:
        """Call ``action(module)`` as soon as a module of these names was imported by the run."""
        for name in (names,) if isinstance(names, str) else names:
            self._actions.setdefault(name, []).append(action)
        if self._arrival is None:
            self._arrival = arrivals.expect(self._actions.keys(), self._arrived)

    def _arrived(self, module: ModuleType) -> None:
        name = getattr(module.__spec__, "name", module.__name__)
        for action in tuple(self._actions.get(name, ())):
            try:
                action(module)
            except Exception as error:
                self.failure = error

    def at_the_end(self, action: Callable[[], None]) -> None:
        """Call ``action`` once when the patches are undone."""
        self._ends.append(action)

    def log_imports(self) -> dict[str, bool]:
        """Return a log of the modules that the run searches for, in the order of the search."""
        log = arrivals.log_searches()
        self._logs.append(log)
        return log

    def undo(self) -> None:
        """Put every original back where nobody else watches; a second call does nothing.

        What began together ends together.
        """
        batch, self._batch = self._batch, None
        if batch is not None:
            batch.undo(self)
        if self._installed or self._hooked:
            self._take_away()
        while self._ends:
            self._ends.pop()()
        if self._arrival is not None:
            arrival, self._arrival = self._arrival, None
            arrivals.forget(arrival)
            self._actions.clear()  # they know of these patches, and of all that is watched
        while self._logs:
            arrivals.close_log(self._logs.pop())

    def _take_away(self) -> None:
        with lock:
            for wrapper, hook in self._hooked:
                wrapper.hooks = tuple(one for one in wrapper.hooks if one is not hook)
            self._hooked.clear()
            while self._installed:
                patch = self._installed.pop()
                patch.watchers -= 1
                if not patch.watchers:
                    patch.take_away()
                    count_places(-1)

    def _guard(self, hook: Hook) -> Hook:
        return partial(self._call, hook)

    def _call(self, hook: Hook, args: tuple[Any, ...], kwargs: dict[str, Any]) -> After | None:
        """Call a hook; what it calls in its turn is no part of the run."""
        if getattr(state, "is_inside", False):
            return None
        state.is_inside = True
        try:
            end = hook(args, kwargs)
        except Exception as error:
            self.failure = error
            return None
        finally:
            state.is_inside = False
        return None if end is None else partial(self._end, end)

    def _end(self, end: After) -> None:
        self._call(lambda args, kwargs: end(), (), {})
