"""What holds no data, and what no fingerprint can hold."""

from __future__ import annotations

import _thread
import os
import threading
import types
import weakref
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotFingerprintable, NotReplayable, NotStorable
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import frame, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk


class LockKind(Kind):
    """Locks: they hold no data, and they can't be stored."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the type alone."""
        return frame(b"!", text(type(obj).__name__))

    def state(self, obj: Any) -> Any:
        """Locks are never changed in a way that a hit could repeat."""
        raise NotReplayable("is a lock")


class EnvironmentKind(Kind):
    """``os.environ`` under any name: which of its variables count is seen while the cell runs."""

    mixed = True
    stable = True

    def is_value(self, obj: Any) -> bool:
        """There is one of each."""
        return True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode which of the two it is."""
        return frame(b"V", text("os.environ" if obj is os.environ else "os.environb"))


class RefusedKind(Kind):
    """Objects that are running code: no fingerprint can hold."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Refuse."""
        raise NotFingerprintable("is in the middle of running and can't be an input")


class FinalizerKind(Kind):
    """``weakref.finalize``: what it will call is kept by the interpreter, not by the object."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Refuse."""
        raise NotFingerprintable(_FINALIZER)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Refuse."""
        raise NotStorable(_FINALIZER)


_FINALIZER = "is a finalizer, which this process alone knows"

register(EnvironmentKind(), type(os.environ))
register(FinalizerKind(), weakref.finalize)
register(LockKind(), type(_thread.allocate_lock()), type(threading.RLock()))
register(
    RefusedKind(),
    types.CoroutineType,
    types.AsyncGeneratorType,
    types.FrameType,
    types.TracebackType,
)
