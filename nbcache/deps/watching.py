"""What all trackers share: a stack of runs, patches that are always undone, doubt as refusal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from nbcache.deps.patching import Patches
from nbcache.deps.places import library_folders, standard_folders
from nbcache.deps.protocol import Observed
from nbcache.errors import NotReplayable

RunT = TypeVar("RunT")


class _Watch(Generic[RunT]):
    """One run under way: what the tracker noted at its start, or why it could not."""

    def __init__(self) -> None:
        self.strand = _strand()
        self.patches = Patches()
        self.run: RunT | None = None
        self.failure: Exception | None = None


class Watcher(Generic[RunT]):
    """A tracker of runs that may be nested or go on in several threads.

    A subclass gives ``_begin(patches)`` and ``_end(run)``, and ``_check`` and ``_apply`` where
    they apply. Whatever fails inside becomes a refusal; at look-up it becomes a miss.
    """

    name = ""

    def __init__(self) -> None:
        self._watches: list[_Watch[RunT]] = []
        # Now, because later a hook may be called while sysconfig itself is under construction.
        standard_folders()
        library_folders()

    def _begin(self, patches: Patches) -> RunT:
        raise NotImplementedError

    def _end(self, run: RunT) -> Observed:
        raise NotImplementedError

    def _drop(self, run: RunT) -> None:
        """Give back what ``_begin`` took from the system; called once, after ``_end``."""

    def _check(self, late: Mapping[str, Any]) -> str | None:
        return None

    def _apply(self, effect: Any) -> None:
        raise NotReplayable(f"{self.name} has no effect to repeat")

    @property
    def _active(self) -> list[RunT]:
        return [watch.run for watch in self._watches if watch.run is not None]

    def start(self) -> None:
        """Begin to watch a run; a failure becomes the refusal of ``finish``."""
        watch: _Watch[RunT] = _Watch()
        try:
            watch.run = self._begin(watch.patches)
        except Exception as error:
            watch.failure = error
            watch.patches.undo()
        self._watches.append(watch)

    def release(self) -> None:
        """Undo the patches of the innermost run of this thread or task; ``finish`` is still due."""
        watch = self._innermost()
        if watch is not None:
            watch.patches.undo()

    def finish(self) -> Observed:
        """Stop watching the innermost run of this thread or task and tell what was seen."""
        watch = self._innermost()
        if watch is None:
            return Observed(refusal=f"nbcache was not watching {self.name}")
        self._watches.remove(watch)
        watch.patches.undo()
        failure = watch.failure or watch.patches.failure
        if watch.run is not None:
            try:
                if failure is None:
                    return self._end(watch.run)
            except Exception as error:
                failure = error
            finally:
                self._drop(watch.run)
        if isinstance(failure, NotReplayable):
            return Observed(refusal=str(failure))
        return Observed(refusal=f"nbcache could not watch {self.name} ({failure!r})")

    def check(self, late: Mapping[str, Any]) -> str | None:
        """Return None if ``late`` still holds, else one sentence; a failure does not hold."""
        try:
            return self._check(late)
        except Exception as error:
            return f"{self.name} could not be compared ({error!r})"

    def apply(self, effect: Any) -> None:
        """Repeat ``effect``; what cannot be repeated raises."""
        if effect is not None:
            self._apply(effect)

    def _innermost(self) -> _Watch[RunT] | None:
        if len(self._watches) > 1:
            strand = _strand()
            for watch in reversed(self._watches):
                if watch.strand == strand:
                    return watch
        return self._watches[-1] if self._watches else None


_held = threading.local()


@contextmanager
def same_strand() -> Iterator[None]:
    """Find out once for many watchers on which strand they begin; nothing awaits in the block."""
    _held.strand = _strand()
    try:
        yield
    finally:
        del _held.strand


def _strand() -> tuple[int, int]:
    """Return what goes on in order: a thread, and the task in it where an event loop runs."""
    held: tuple[int, int] | None = getattr(_held, "strand", None)
    if held is not None:
        return held
    asyncio = sys.modules.get("asyncio")  # not imported for this: no loop runs without it
    loop = None if asyncio is None else asyncio._get_running_loop()
    task = None if asyncio is None or loop is None else asyncio.current_task(loop)
    return threading.get_ident(), id(task)
