"""A bound on how long this thread waits for something that may hang, such as a silent server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, act: Callable[[], T]) -> T:
    """Return what ``act`` returns, done beside; what hangs on is left to itself.

    Raises:
        TimeoutError: the time is up.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(act())
        except BaseException as error:
            errors.append(error)

    beside = threading.Thread(target=run, name="nbcache-waits", daemon=True)
    try:
        beside.start()
    except RuntimeError:  # no further threads: the interpreter is on its way out
        return act()
    beside.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"no answer within {seconds:g} seconds")
    return results[0]
