"""The story of one call: read, look up, then repeat what is stored or record what runs."""

from __future__ import annotations

import contextvars
import platform
import time
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from nbcache.calls.fast import Known, KnownCalls
from nbcache.calls.hot import HOT
from nbcache.calls.reading import CallReading, read_call
from nbcache.calls.recording import CallRecorder, nested, repeat
from nbcache.calls.room import Room
from nbcache.entry import Entry
from nbcache.errors import CacheError, OptionError, StoreError
from nbcache.events import SERVED, State
from nbcache.holding import pack_for, packing, take_lock, unpack
from nbcache.key import digest_late
from nbcache.policy import Decision, Policy, decide
from nbcache.replay.codec import load
from nbcache.store.protocol import Lock, Store
from nbcache.transactions import staged

MADE_BY = "function"
"""The effect of an entry that names the function whose call was recorded."""

_under_way: contextvars.ContextVar[int] = contextvars.ContextVar("nbcache_calls", default=0)


@dataclass(slots=True)
class Call:
    """One pass of one call; times are seconds of a monotonic clock."""

    function: types.FunctionType
    name: str
    policy: Policy
    room: Room
    state: State = State.MISS
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reading: CallReading | None = None
    entry: Entry | None = None
    recorder: CallRecorder | None = None
    lock: Lock | None = None
    result: Any = None
    started: float = 0.0
    saved: float = 0.0
    waited: float = 0.0
    problem: CacheError | None = None
    known: KnownCalls | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    _depth: list[contextvars.Token[int]] = field(default_factory=list)

    @property
    def is_served(self) -> bool:
        """Whether the function needs not run."""
        return self.state in SERVED

    @property
    def store(self) -> Store:
        """The store of this call's policy."""
        return staged(self.room.stores.of(self.policy))

    def begin(self, arguments: Mapping[str, Any]) -> None:
        """Serve the call, or start to record it.

        Raises:
            CacheError: a result is required and there is none, or an option can't be followed.
        """
        if self.look_up(arguments):
            self.take_lock()
        self.go_on()

    def look_up(self, arguments: Mapping[str, Any]) -> bool:
        """Read the call and serve it if it can be; return whether to wait for a lock now."""
        with self._guarded():
            self.arguments = arguments
            known = self.known.find(self.policy, arguments) if self.known is not None else None
            if known is not None and self._serve_known(known):
                return False
            self.reading = read_call(self.function, self.name, arguments, self.policy)
            self._serve(self.reading, self._look_up(self.reading))
        return self._may_wait()

    def _serve_known(self, known: Known) -> bool:
        """Serve a call whose key is known to be the same, if its entry still stands."""
        store = self.store
        if not HOT.has(store, known.entry) or self.room.trackers.check(known.entry.late):
            return False
        self.entry, refresh = known.entry, self.room.settings.refresh
        decision = decide(known.entry, self.policy, self.room.clock(), refresh_all=refresh)
        if not decision.serve:
            self.entry = None
            return False
        self.reading = known.reading
        return self._serve(known.reading, decision)

    def take_lock(self, at_most: float | None = None) -> None:
        """Wait for another process or thread that computes this key; blocks, tells who waits.

        ``at_most`` are seconds, fewer than the policy's own.
        """
        policy = self.policy if at_most is None else replace(self.policy, wait=at_most)
        with self._guarded(), self.room.waiting(self.name) as waiting:
            if self.reading is not None and self.lock is None:
                self.lock = take_lock(self.store, policy, self.reading.key, waiting)
                self.waited += self.lock.waited if self.lock is not None else 0.0

    def go_on(self) -> None:
        """Use what others stored while this one waited, or start to record.

        Raises:
            CacheError: the policy requires a stored result, and there is none.
        """
        with self._guarded():
            if self.reading is not None and not self.is_served:
                self._after_waiting(self.reading)
            if self.reading is not None and not self.is_served:
                self._record(self.reading)
        if self.policy.require and not self.is_served:
            self.fail()
            why = "; ".join(self.reasons) or "nothing is stored for it"
            raise CacheError(
                f"{self.name}() did not run: `require` asks for a stored result, and there is none"
                f" ({why}). Call it once without `require`."
            )
        self.started = time.perf_counter()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Turn what goes wrong in the cache into a call that is not cached."""
        try:
            yield
        except OptionError:
            raise
        except CacheError as problem:
            self._bypass(problem)
        except Exception as error:
            self._bypass(CacheError(f"nbcache failed: {type(error).__name__}: {error}"))

    def foresee(self, arguments: Mapping[str, Any]) -> State:
        """Return the state that the call would have, without calling."""
        try:
            self.reading = read_call(self.function, self.name, arguments, self.policy)
            return self._look_up(self.reading).state
        except CacheError:
            return State.BYPASS

    def _look_up(self, reading: CallReading) -> Decision:
        entry, moved = None, []
        for candidate in HOT.chain(self.store, reading.key):
            moved = self.room.trackers.check(candidate.late)
            if not moved:
                entry = candidate
                break
        self.entry = entry
        return decide(
            entry,
            self.policy,
            self.room.clock(),
            moved=() if entry else moved,
            refresh_all=self.room.settings.refresh,
        )

    def _serve(self, reading: CallReading, decision: Decision) -> bool:
        """Load the entry, change what the call changed, and keep its result."""
        self.state, self.reasons = decision.state, decision.reasons
        entry = self.entry
        if not decision.serve or entry is None:
            return False
        began = time.perf_counter()
        try:
            body = HOT.load(self.store, entry)
            values = load(unpack(entry, body), reading.walk, lambda: nested(self.function.__code__))
            trackers = self.room.trackers
            self.result = repeat(self.function, entry, values, reading.walk, trackers)
            if self.known is not None and reading.walk.objects:
                served = (reading, entry, values)
                self.known.note(self.policy, self.arguments, self.function, served)
        except CacheError as problem:  # nothing was changed: the call runs and is stored anew
            self.state, self.reasons, self.entry = State.MISS, (str(problem),), None
            return False
        self.saved = max(0.0, entry.cost - (time.perf_counter() - began))
        return True

    def _may_wait(self) -> bool:
        """Tell whether to wait for others; a call inside another one never does.

        So no two calls can wait for each other.
        """
        policy = self.policy
        alone = policy.require or policy.read_only or not policy.is_exclusive
        return not (self.reading is None or self.is_served or alone or _under_way.get())

    def _after_waiting(self, reading: CallReading) -> None:
        """Look again under the lock: whoever held it last may have stored the result."""
        if self.lock is not None:
            self._serve(reading, self._look_up(reading))
            if self.is_served:
                self.release()

    def _record(self, reading: CallReading) -> None:
        if self.policy.read_only or self.policy.require:
            return
        self.recorder = CallRecorder(self.function, reading, self.room.trackers)
        self.recorder.by_time = self.policy.file_check == "mtime"
        self.recorder.start()
        self._depth.append(_under_way.set(_under_way.get() + 1))

    def finish(self, result: Any) -> None:
        """Store what a recorded call did; never raises a cache error."""
        recorder = self.recorder
        cost = time.perf_counter() - self.started
        try:
            with self._guarded():
                if recorder is not None and self._is_wanted(cost):
                    self._store(recorder, result, cost)
        finally:
            self.fail()

    def _is_wanted(self, cost: float) -> bool:
        if cost >= self.policy.min_time:
            return True
        self.state = State.BYPASS
        self.reasons = (f"not stored: it ran {cost:.3g} s, less than {self.policy.min_time:g}",)
        return False

    def _store(self, recorder: CallRecorder, result: Any, cost: float) -> None:
        reading = recorder.reading
        recording = recorder.finish(result, self.policy)
        self.notes = recording.notes
        entry = Entry(
            key=reading.key,
            variant=digest_late(recording.late),
            stored_at=self.room.clock(),
            ttl=self.policy.ttl,
            cost=cost,
            title=f"{self.name}()",
            notebook=self.room.settings.notebook,
            parts=reading.parts,
            late=recording.late,
            effects={MADE_BY: self.name, **packing(self.policy)},
            notes=recording.notes,
            versions={"python": platform.python_version()},
        )
        packed = pack_for(self.policy, recording.body)
        replaced, self.entry = self.entry, self.store.put(entry, packed)
        if self.state is State.REFRESHED and replaced and replaced.name != entry.name:
            self.store.remove(replaced)  # it saw other dependencies, and would still hold
        HOT.forget(self.store, reading.key)

    def fail(self) -> None:
        """End a call that raised, or whose end is told: stop watching, give the lock back."""
        recorder, self.recorder = self.recorder, None
        if recorder is not None:
            recorder.stop()
            _under_way.reset(self._depth.pop())
        self.release()

    def release(self) -> None:
        """Let others compute the key, or find what was stored."""
        lock, self.lock = self.lock, None
        if lock is not None:
            lock.release()

    def _bypass(self, problem: CacheError) -> None:
        self.state, self.reasons, self.entry = State.BYPASS, (str(problem),), None
        self.reading, self.problem = None, problem
        if isinstance(problem, StoreError):
            self.reasons = (f"the store is out of order: {problem}",)
