"""What stands in for a watched function: calls the hooks, then the original."""

from __future__ import annotations

import functools
import pkgutil
import sys
from collections.abc import Callable
from typing import Any

from nbcache.deps.blame import OWN_CODES, with_level
from nbcache.deps.framed import CALL, call_for, reads_frame

After = Callable[[], None]
Hook = Callable[[tuple[Any, ...], dict[str, Any]], "After | None"]
"""Called before the original with its arguments; what it returns is called after it."""

Place = tuple[Any, str]

_passed = [0]


def errors_passed() -> int:
    """Return how many errors went through wrappers so far; each left a frame of ours behind."""
    return _passed[0]


class Wrapped:
    """Stands in for a function: calls the hooks, then the original; equals the original."""

    def __init__(self, original: Any, place: Place) -> None:
        self.original = original
        self.hooks: tuple[Hook, ...] = ()
        self.reads_frame = reads_frame(original)
        self.place = (getattr(place[0], "__name__", ""), place[1])
        self.__name__ = getattr(original, "__name__", place[1])
        self.__doc__ = original.__doc__
        self.__wrapped__ = original

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the hooks, then the original."""
        ends = [end for hook in self.hooks if (end := hook(args, kwargs)) is not None]
        try:
            if self.reads_frame:
                return call_for(sys._getframe(1), self.original, args, kwargs)
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


class WrappedMethod(Wrapped):
    """A wrapper's function form, for methods: the instance is bound as its first argument."""

    def __init__(self, original: Any, place: Place) -> None:
        super().__init__(original, place)

        @functools.wraps(original)
        def method(*args: Any, **kwargs: Any) -> Any:
            ends = [end for hook in self.hooks if (end := hook(args, kwargs)) is not None]
            try:
                if self.reads_frame:
                    return call_for(sys._getframe(1), original, args, kwargs)
                return original(*args, **kwargs)
            except BaseException:
                _passed[0] += 1
                raise
            finally:
                for end in ends:
                    end()

        self.function = method


class WrappedWarn(Wrapped):
    """Stands in for ``warnings.warn``: no frame of a wrapper is blamed for a warning."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Warn with a stack level that leaves the frames of wrappers out."""
        args, kwargs = with_level(args, kwargs, sys._getframe(1))
        return super().__call__(*args, **kwargs)


OWN_CODES.update((Wrapped.__call__.__code__, WrappedWarn.__call__.__code__))
OWN_CODES.update((CALL, call_for.__code__))
OWN_CODES.update(
    const for const in WrappedMethod.__init__.__code__.co_consts if hasattr(const, "co_code")
)


def found_by_name(module: str, name: str) -> tuple[Callable[..., Any], tuple[str]]:
    """Return the reduction of a function that is found at a place; only Python's own names."""
    return pkgutil.resolve_name, (f"{module}:{name}",)
