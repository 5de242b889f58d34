"""Scoped patches: a hook before a function's call for the length of a run, then the original.

One wrapper exists for each original and lives as long as the process, so that several runs
(nested, or in threads) share it, and an alias that somebody kept is seen as well. While no
run watches, every patched place holds its very original object again.
"""

from __future__ import annotations

import functools
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, MutableMapping
from types import BuiltinFunctionType, MethodType, ModuleType
from typing import Any

from nbcache.deps import arrivals
from nbcache.deps.blame import OWN_CODES, with_level
from nbcache.deps.pickled import found_by_name, note_replaced, note_restored

After = Callable[[], None]
Hook = Callable[[tuple[Any, ...], dict[str, Any]], "After | None"]
"""Called before the original with its arguments; what it returns is called after it."""

Place = tuple[Any, str]

_MISSING: Any = object()
_lock = threading.RLock()
_inside = threading.local()


_passed = [0]


def errors_passed() -> int:
    """Return how many errors went through wrappers so far; each left a frame of ours behind."""
    return _passed[0]


class Wrapped:
    """Stands in for a function: calls the hooks, then the original; equals the original."""

    def __init__(self, original: Any, place: Place) -> None:
        self.original = original
        self.hooks: tuple[Hook, ...] = ()
        self.place = (getattr(place[0], "__name__", ""), place[1])
        self.__name__ = getattr(original, "__name__", place[1])
        self.__doc__ = original.__doc__
        self.__wrapped__ = original

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the hooks, then the original."""
        ends = [end for hook in self.hooks if (end := hook(args, kwargs)) is not None]
        try:
            return self.original(*args, **kwargs)
        except BaseException:
            _passed[0] += 1
            raise
        finally:
            for end in ends:
                end()

    def __getattr__(self, name: str) -> Any:
        """Answer with the attribute of the original."""
        return getattr(self.__dict__["original"], name)

    def __eq__(self, other: object) -> bool:
        """Equal the original, so that ``os.stat in os.supports_dir_fd`` stays true."""
        return self is other or self.original is other

    def __hash__(self) -> int:
        """Hash as the original does."""
        return hash(self.original)

    def __repr__(self) -> str:
        """Read as the original does."""
        return repr(self.original)

    def __reduce__(self) -> tuple[Any, ...]:
        """Unpickle as the original, found under its name."""
        return found_by_name(*self.place)


def original_of(value: Any) -> Any:
    """Return what ``value`` stands in for, or ``value`` itself."""
    return value.original if issubclass(type(value), Wrapped) else value


class _Method(Wrapped):
    """A wrapper's function form, for methods: the instance is bound as its first argument."""

    def __init__(self, original: Any, place: Place) -> None:
        super().__init__(original, place)

        @functools.wraps(original)
        def method(*args: Any, **kwargs: Any) -> Any:
            ends = [end for hook in self.hooks if (end := hook(args, kwargs)) is not None]
            try:
                return original(*args, **kwargs)
            except BaseException:
                _passed[0] += 1
                raise
            finally:
                for end in ends:
                    end()

        self.function = method


class _Warn(Wrapped):
    """Stands in for ``warnings.warn``: no frame of a wrapper is blamed for a warning."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Warn with a stack level that leaves the frames of wrappers out."""
        args, kwargs = with_level(args, kwargs, sys._getframe(1))
        return super().__call__(*args, **kwargs)


OWN_CODES.update((Wrapped.__call__.__code__, _Warn.__call__.__code__))
OWN_CODES.update(
    const for const in _Method.__init__.__code__.co_consts if hasattr(const, "co_code")
)


_wrappers: dict[int, Wrapped] = {}
_aliases: dict[tuple[int, str], MutableMapping[str, Any]] = {}


class _Patch:
    """One place that holds a wrapper as long as anybody watches it."""

    def __init__(self, place: Place) -> None:
        self.owner, self.name = place
        self.raw = vars(self.owner).get(self.name, _MISSING)
        value = original_of(getattr(self.owner, self.name))
        self.is_method = isinstance(self.owner, type) and not isinstance(self.raw, staticmethod)
        self.is_method = self.is_method and type(self.raw) is not BuiltinFunctionType
        self.watchers = 0
        self.wrapper = self._wrapper_for(value, place)
        self.stand_in = self.wrapper if not self.is_method else self.wrapper.function
        if isinstance(self.raw, staticmethod):
            self.stand_in = staticmethod(self.wrapper)

    def _wrapper_for(self, value: Any, place: Place) -> Wrapped:
        if self.is_method:
            return _Method(value, place)
        known = _wrappers.get(id(value))
        if known is None or known.original is not value:
            known = (_Warn if value is warnings.warn else Wrapped)(value, place)
            if type(value) is not MethodType:
                _wrappers[id(value)] = known
        return known

    def install(self) -> None:
        self.watchers += 1
        if self.watchers == 1:
            setattr(self.owner, self.name, self.stand_in)
            note_replaced(self.wrapper.original, ":".join(self.wrapper.place))

    def remove(self) -> None:
        self.watchers -= 1
        if not self.watchers:
            note_restored(self.wrapper.original)
        if self.watchers or vars(self.owner).get(self.name, _MISSING) is not self.stand_in:
            return
        if self.raw is _MISSING:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self.raw)


_patches: dict[tuple[int, str], _Patch] = {}


def _patch_at(place: Place) -> _Patch:
    key = (id(place[0]), place[1])
    known = _patches.get(key)
    if known is None or (known.watchers == 0 and _is_outdated(known)):
        known = _patches[key] = _Patch(place)
    return known


def _is_outdated(patch: _Patch) -> bool:
    return vars(patch.owner).get(patch.name, _MISSING) is not patch.raw


class Patches:
    """The patches of one run of one tracker; a hook that fails is remembered, never raised."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self._installed: list[_Patch] = []
        self._hooked: list[tuple[Wrapped, Hook]] = []
        self._awaited: list[arrivals.Arrival] = []
        self._logs: list[dict[str, bool]] = []

    def watch(self, hook: Hook, *places: Place) -> None:
        """Call ``hook(args, kwargs)`` before each call of the functions at ``places``."""
        guarded = self._guard(hook)
        with _lock:
            wrappers: dict[int, Wrapped] = {}
            for place in places:
                if hasattr(*place):
                    patch = _patch_at(place)
                    patch.install()
                    self._installed.append(patch)
                    wrappers[id(patch.wrapper)] = patch.wrapper
            for wrapper in wrappers.values():
                wrapper.hooks = (*wrapper.hooks, guarded)
                self._hooked.append((wrapper, guarded))

    def on_arrival(self, name: str, action: Callable[[ModuleType], None]) -> None:
        """Call ``action(module)`` as soon as the module ``name`` was imported by the run."""

        def guarded(module: ModuleType) -> None:
            try:
                action(module)
            except Exception as error:
                self.failure = error

        self._awaited.append(arrivals.expect(name, guarded))

    def log_imports(self) -> dict[str, bool]:
        """Return a log of the modules that the run searches for, in the order of the search."""
        log = arrivals.log_searches()
        self._logs.append(log)
        return log

    def undo(self) -> None:
        """Put every original back where nobody else watches; a second call does nothing."""
        with _lock:
            for wrapper, hook in self._hooked:
                wrapper.hooks = tuple(other for other in wrapper.hooks if other is not hook)
            while self._installed:
                self._installed.pop().remove()
            self._hooked.clear()
        while self._awaited:
            arrivals.forget(self._awaited.pop())
        while self._logs:
            arrivals.close_log(self._logs.pop())

    def _guard(self, hook: Hook) -> Hook:
        def guarded(args: tuple[Any, ...], kwargs: dict[str, Any]) -> After | None:
            end: After | None = self._attempt(lambda: hook(args, kwargs))
            return None if end is None else lambda: self._attempt(end)

        return guarded

    def _attempt(self, action: Callable[[], Any]) -> Any:
        """Return what ``action`` gives; what it calls in its turn is no part of the run."""
        if getattr(_inside, "hook", False):
            return None
        _inside.hook = True
        try:
            return action()
        except Exception as error:
            self.failure = error
            return None
        finally:
            _inside.hook = False


def cover_aliases(namespace: MutableMapping[str, Any]) -> None:
    """Put wrappers where ``namespace``, or a module seen before, holds a watched original."""
    with _lock:
        for name, value in list(namespace.items()):
            _cover(namespace, name, value)
        for (_, name), known in list(_aliases.items()):
            _cover(known, name, known.get(name))


def _cover(namespace: MutableMapping[str, Any], name: str, value: Any) -> None:
    wrapper = _wrappers.get(id(value))
    if wrapper is not None and wrapper.original is value and wrapper.hooks:
        namespace[name] = wrapper


def uncover_aliases(
    namespace: MutableMapping[str, Any], modules: Iterable[MutableMapping[str, Any]] = ()
) -> None:
    """Put originals where ``namespace``, new ``modules`` or known aliases hold wrappers."""
    with _lock:
        for (_, name), known in list(_aliases.items()):
            if issubclass(type(known.get(name)), Wrapped):
                known[name] = known[name].original
        for name, value in list(namespace.items()):
            if issubclass(type(value), Wrapped):
                namespace[name] = value.original
        for module in modules:
            for name, value in list(module.items()):
                if issubclass(type(value), Wrapped):
                    module[name] = value.original
                    _aliases[id(module), name] = module
