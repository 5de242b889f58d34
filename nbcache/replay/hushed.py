"""Silence while modules are imported again: what they print at import is part of the recording.

The streams stay the very objects that they are, since a module may keep them (as log handlers do);
only what this thread writes to them for the time is dropped.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

_METHODS = ("write", "writelines")


@contextmanager
def hushed() -> Iterator[None]:
    """Drop what this thread writes to the standard streams."""
    silent = {threading.get_ident()}
    put: list[tuple[Any, str, Any, Any]] = []
    for stream in {id(one): one for one in (sys.stdout, sys.stderr)}.values():
        for name in _METHODS:
            with suppress(AttributeError, TypeError):
                before = vars(stream).get(name)
                put.append((stream, name, before, _put(stream, name, silent)))
    try:
        yield
    finally:
        silent.clear()  # somebody may have kept a method
        for stream, name, before, standing in reversed(put):
            if vars(stream).get(name) is not standing:
                continue
            if before is None:
                delattr(stream, name)
            else:
                setattr(stream, name, before)


def _put(stream: Any, name: str, silent: set[int]) -> Any:
    """Put a method into a stream that drops this thread's texts, and return it.

    Raises:
        AttributeError, TypeError: the stream takes none.
    """
    native: Callable[[Any], Any] = getattr(stream, name)

    def hush(given: Any) -> Any:
        if threading.get_ident() not in silent:
            return native(given)
        return len(given) if name == "write" else None

    setattr(stream, name, hush)
    return hush
