"""Work on pieces, shared between this thread and one beside it where two processors are free."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Check = Callable[[], None]
"""Raises where the other thread has failed, so that no time is spent in vain."""


class _Stopped(Exception):
    """The work in the other thread failed; its error is the one to be told."""


def work_in_lanes(work: Callable[[Item, Check], Result], items: Sequence[Item]) -> list[Result]:
    """Return what ``work`` makes of each item; the first error ends both threads and is raised."""
    pending = deque(range(len(items)))
    results: dict[int, Result] = {}
    stopped = threading.Event()

    def check() -> None:
        if stopped.is_set():
            raise _Stopped

    def run() -> None:
        try:
            while True:
                check()
                number = pending.popleft()
                results[number] = work(items[number], check)
        except (IndexError, _Stopped):
            return
        except BaseException:
            stopped.set()
            raise

    _run_both(run) if len(items) > 1 and count_processors() > 1 else run()
    return [results[number] for number in range(len(items))]


def _run_both(run: Callable[[], None]) -> None:
    """Run the same here and beside; where no thread can be had, here alone."""
    with ThreadPoolExecutor(1, thread_name_prefix="nbcache-store") as pool:
        wait: Callable[[], None] = _do_nothing
        with contextlib.suppress(RuntimeError):  # the interpreter is on its way out
            wait = pool.submit(run).result
        run()
        wait()


def _do_nothing() -> None:
    """Wait for nobody."""


@functools.cache
def count_processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
