"""What must be done whole: an interrupt waits until it is."""

from __future__ import annotations

import importlib
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_signals: Any = importlib.import_module("_signal")
"""The C functions: those in ``signal`` build enumeration members, and this runs at every cell."""

_INTERRUPT = int(signal.SIGINT)

_natives: list[Any] = []
"""The handlers that wait, the user's first."""


def interrupt_handler() -> Any:
    """Return what handles an interrupt, whether or not it is being held back."""
    return _natives[0] if _natives else _signals.getsignal(_INTERRUPT)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold an interrupt back until the block is done, so that nothing is half changed."""
    native = _signals.getsignal(_INTERRUPT)
    if native is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[tuple[int, FrameType | None]] = []
    _natives.append(native)
    _signals.signal(_INTERRUPT, lambda number, frame: held.append((number, frame)))
    try:
        yield
    finally:
        _signals.signal(_INTERRUPT, native)
        _natives.pop()
    if held and callable(native):
        native(*held[0])
