"""What is left to do when a stream has been read whole: steps that need all of its objects."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator


class _Afterwards(threading.local):
    """The steps of the stream that this thread is reading."""

    steps: list[Callable[[], None]] | None = None


_afterwards = _Afterwards()


@contextlib.contextmanager
def finishing() -> Iterator[None]:
    """Do what is left to do when the reading inside has come to its end.

    Streams are read in several threads at once, and one while another is read; each has its own.
    """
    outer, own = _afterwards.steps, list[Callable[[], None]]()
    _afterwards.steps = own
    try:
        yield
        while own:
            own.pop(0)()
    finally:
        _afterwards.steps = outer


def afterwards(step: Callable[[], None]) -> None:
    """Take a step when the stream has been read whole, or at once if none is being read."""
    if _afterwards.steps is None:
        step()
    else:
        _afterwards.steps.append(step)
