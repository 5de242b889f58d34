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
    """Locks: one that nobody holds is as good as a new one."""

    opaque = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the type, and whether somebody holds it."""
        return frame(b"!", text(type(obj).__name__), bytes([is_locked(obj)]))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make a new one."""
        if is_locked(obj):
            raise NotStorable("is a lock that somebody holds")
        return threading.RLock if type(obj) is _RLOCK else threading.Lock, ()

    def state(self, obj: Any) -> Any:
        """Locks are never changed in a way that a hit could repeat."""
        raise NotReplayable("is a lock that the cell takes or releases for good")


def is_locked(lock: Any) -> bool:
    """Tell whether somebody holds a lock; the text of a reentrant one is all that tells."""
    return not repr(lock).startswith("<unlocked")


_RLOCK = type(threading.RLock())


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
register(LockKind(), type(_thread.allocate_lock()), _RLOCK)
register(
    RefusedKind(),
    types.CoroutineType,
    types.AsyncGeneratorType,
    types.FrameType,
    types.TracebackType,
)
