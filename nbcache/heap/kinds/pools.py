"""Threads, pools and queues whose work is done; those that still work are refused."""

from __future__ import annotations

import queue
import subprocess
import threading
from concurrent import futures
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotFingerprintable, NotStorable
from nbcache.heap import rebuild_files
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import flat, joined

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

_RUNNING = "is a thread that still runs; join it before the cell ends"
_OPEN = "is a pool that is still open; use it inside of `with`, or shut it down"
_FULL = "is a queue that holds items which cannot be looked at; use `queue.Queue`"


class ThreadKind(Kind):
    """Threads that have ended."""

    opaque = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode class, name, whether it has ended, and attributes of one's own."""
        if obj.is_alive():
            raise NotFingerprintable(_RUNNING)
        parts = [type(obj), obj.name, obj.daemon, obj.ident is not None]
        return joined(b"th", map(walk.ref, [*parts, _own(obj)]))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make a thread that has ended."""
        if obj.is_alive():
            raise NotStorable(_RUNNING)
        if obj.ident is None:
            raise NotStorable("is a thread that has not started; start and join it in the cell")
        args = (type(obj), obj.name, obj.daemon)
        fill = rebuild_files.fill_done_thread
        return rebuild_files.make_done_thread, args, _own(obj), None, None, fill


def _own(thread: Any) -> dict[str, Any]:
    """Return the attributes that are not the business of ``Thread`` itself."""
    return {name: value for name, value in vars(thread).items() if name not in _PLAIN}


_PLAIN = frozenset(
    {*vars(threading.Thread(target=print)), "_target", "_args", "_kwargs", "_tstate_lock"}
)


class PoolKind(Kind):
    """``ThreadPoolExecutor`` and ``ProcessPoolExecutor``, once they are shut down."""

    opaque = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode type and arguments."""
        if not _is_shut(obj):
            raise NotFingerprintable(_OPEN)
        return joined(b"po", map(walk.ref, [type(obj), *_arguments(obj).values()]))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make one and shut it down."""
        if not _is_shut(obj):
            raise NotStorable(_OPEN)
        return rebuild_files.make_closed_pool, (type(obj).__name__, _arguments(obj))


def _is_shut(pool: Any) -> bool:
    return bool(getattr(pool, "_shutdown", False) or getattr(pool, "_shutdown_thread", False))


def _arguments(pool: Any) -> dict[str, Any]:
    names = ["max_workers", "initializer", "initargs"]
    if isinstance(pool, futures.ThreadPoolExecutor):
        names.append("thread_name_prefix")
    return {name: getattr(pool, f"_{name}") for name in names if hasattr(pool, f"_{name}")}


class FinishedKind(Kind):
    """Futures and processes that were started: wholly their attributes, once they are over."""

    opaque = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the attributes."""
        if not _is_over(obj):
            raise NotFingerprintable(_GOES_ON)
        return kind_of_plain(obj).encode(obj, walk)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Build it from its attributes."""
        if not _is_over(obj):
            raise NotStorable(_GOES_ON)
        return kind_of_plain(obj).reduce(obj, dump)


_GOES_ON = "is still at work; wait for its result before the cell ends"


def _is_over(obj: Any) -> bool:
    if isinstance(obj, futures.Future):
        return obj.done()
    return obj.returncode is not None


def kind_of_plain(obj: Any) -> Kind:
    """Return the kind that would serve an object if its class were any other."""
    from nbcache.heap.kinds import instance

    return instance.choose(type(obj))


class SimpleQueueKind(Kind):
    """``queue.SimpleQueue``, which lets nobody look into it: an empty one alone."""

    opaque = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode that it is empty."""
        if not obj.empty():
            raise NotFingerprintable(_FULL)
        return joined(b"sq", [flat(True)])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make an empty one."""
        if not obj.empty():
            raise NotStorable(_FULL)
        return queue.SimpleQueue, ()


register(ThreadKind(), bases=(threading.Thread,))
register(PoolKind(), futures.ThreadPoolExecutor, futures.ProcessPoolExecutor)
register(FinishedKind(), bases=(futures.Future, subprocess.Popen))
register(SimpleQueueKind(), queue.SimpleQueue)
