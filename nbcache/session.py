"""The story of one cell: read, look up, then replay what is stored or record what runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nbcache.again import Again
from nbcache.comparing import differences
from nbcache.deps.trackers import Trackers
from nbcache.duration import format_duration
from nbcache.entry import Entry
from nbcache.errors import CacheError, OptionError
from nbcache.events import CellEvent, State
from nbcache.heap.module_state import module_state
from nbcache.moved import moved_parts
from nbcache.pinning import TOLD, find_pin, load_pinned, pin
from nbcache.policy import Decision, Policy, decide, not_stored
from nbcache.reading import Reader, Reading, Request
from nbcache.replay.outputs import Tap
from nbcache.replay.recorded import Recording
from nbcache.replay.recording import Recorder
from nbcache.replay.replaying import replay
from nbcache.runs import Ledger, Run
from nbcache.shelf import Shelf


class Session:
    """One kernel's cache: every cell and statement passes through ``begin`` and ``finish``."""

    def __init__(
        self,
        shell: Any,
        shelf: Shelf,
        trackers: Trackers,
        tap: Callable[[], Tap],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.shell = shell
        self.shelf = shelf
        self.trackers = trackers
        self.clock = clock
        self.ledger = Ledger()
        self.reader = Reader(shell, shelf.settings.notebook)
        self.again = Again(self.reader, shelf, trackers)
        trackers.lookups.fingerprint = self.reader.fingerprint
        trackers.modules.state = lambda module: module_state(module, shell.user_ns)
        self.on_progress: Callable[[Run, str, str, float], None] | None = None
        self._tap = tap
        self._recorded = 0
        self._ahead: Run | None = None

    @property
    def is_recording(self) -> bool:
        """Whether a cell is being recorded right now."""
        return self._recorded > 0

    def begin(self, request: Request, policy: Policy) -> Run:
        """Serve the cell from the store, or start to record it; raises only option errors."""
        run = Run(request, policy, started=time.perf_counter())
        self.shelf.choose(policy, is_inner=self.is_recording)
        try:
            if not (self.ledger.is_passed_by(run) or self._serve_at_once(run)):
                run.reading = self.reader.read(request, policy)
                if not (self._serve_pinned(run, run.reading) or self._find(run, run.reading)):
                    self._record(run, run.reading)
                elif run.state is State.HIT and not self._recorded:
                    self.again.note(run)
        except OptionError:
            raise
        except Exception as error:
            run.fail(error)
        except BaseException:  # an interrupt: the cell does not run
            self._stop(run)
            run.release()
            raise
        run.overhead = time.perf_counter() - run.started
        return run

    def look_ahead(self, request: Request, policy: Policy) -> bool:
        """Look up a cell that runs right after this; tell whether it will be served."""
        self._ahead = None
        run = Run(request, policy, started=time.perf_counter())
        self.shelf.choose(policy, is_inner=self.is_recording)
        if policy.verify or find_pin(self.shelf, request, policy) is not None:
            return False
        run.reading = self.reader.read(request, policy, ran=self.shell.user_ns.get("_ih", ()))
        decision = self._look_up(run, run.reading)
        run.state, run.reasons = decision.state, decision.reasons
        self._ahead = run if decision.serve else None
        return decision.serve

    def _serve_at_once(self, run: Run) -> bool:
        """Serve a cell that was looked up just before, or for which nothing has moved."""
        known, self._ahead = self._ahead, None
        if known is None or known.reading is None or known.request.text != run.request.text:
            return not self._recorded and self.again.serve(run, self.clock(), self._tap)
        reading = replace(known.reading, request=run.request)
        run.reading, run.entry = reading, known.entry
        return self._serve(run, reading, Decision(known.state, known.reasons, serve=True))

    def foresee(self, request: Request, policy: Policy, known: Reading | None = None) -> Run:
        """Tell what would become of a cell if it ran now; nothing is served or recorded.

        ``known`` is the cell's reading, if nothing ran since it was made.
        """
        run = Run(request, policy, started=time.perf_counter())
        self.shelf.choose(policy, is_inner=self.is_recording)
        try:
            reading = known or self.reader.foresee(request, policy)
            run.reading = reading
            self.trackers.remote.is_ahead = True
            decision = self._look_up(run, reading)
            run.state, run.reasons = decision.state, decision.reasons
            if run.was_stored:
                run.state = State.STALE
        except Exception as error:
            run.fail(error)
        finally:
            self.trackers.remote.is_ahead = False
        return run

    def _find(self, run: Run, reading: Reading) -> bool:
        """Serve what is stored, now or after a wait; return whether that was possible."""
        return self._serve(run, reading, self._look_up(run, reading)) or self._wait(run, reading)

    def _serve_pinned(self, run: Run, reading: Reading) -> bool:
        """Serve the cell's pinned result, if it has one, whatever has changed."""
        entry = find_pin(self.shelf, run.request, run.policy)
        if entry is None or run.policy.refresh:
            return False
        try:
            values, over = load_pinned(self.shelf, entry, reading)
        except CacheError as problem:
            run.notes = (f"pinned, and yet it runs: {problem}",)
            return False
        began = time.perf_counter()
        self._replay(run, entry, values, over)
        run.state, run.reasons, run.entry = State.PINNED, (TOLD,), entry
        run.load_time = time.perf_counter() - began
        return True

    def _replay(self, run: Run, entry: Entry, values: Any, reading: Reading) -> None:
        tap, trackers = self._tap(), self.trackers
        replay(self.shell, entry, values, reading=reading, trackers=trackers, tap=tap)

    def _look_up(self, run: Run, reading: Reading) -> Decision:
        """Find the entry whose late dependencies all hold, and decide about it."""
        entry, moved = None, list[str]()
        for candidate in self.shelf.find(reading.key):
            now = not_stored(candidate, run.policy) or self.reader.moved(candidate, reading)
            now = now + self.trackers.check(candidate.late)
            run.estimate = run.estimate or candidate.cost
            if not now:
                entry = candidate
                break
            moved = moved or now  # the newest one's
        run.entry = entry
        run.estimate = run.estimate or self.ledger.last_cost(run)
        moved = moved or self.ledger.why_new(run) if entry is None else []
        time_now, refresh = self.clock(), self.shelf.settings.refresh
        decision = decide(entry, run.policy, time_now, moved=moved, refresh_all=refresh)
        if entry is None and decision.state is State.MISS:
            return self._since_stored(run, reading, decision)
        return decision

    def _since_stored(self, run: Run, reading: Reading, decision: Decision) -> Decision:
        """Say what moved since the cell was last stored, for one that never ran here."""
        before = self.shelf.nearest(run.request, reading.source.digest)
        if before is None or self.ledger.identity(run) in self.ledger.about:
            return decision
        moved = moved_parts(before.parts, reading.parts, before.about, reading.about)
        run.was_stored = bool(moved)
        return replace(decision, reasons=tuple(moved)) if moved else decision

    def _serve(self, run: Run, reading: Reading, decision: Decision) -> bool:
        """Load the entry, patch the live objects, bind the names and send the outputs."""
        run.state, run.reasons = decision.state, decision.reasons
        entry = run.entry
        if not decision.serve or entry is None:
            return False
        if run.policy.verify:
            run.compare_with(entry)
            return False
        began = time.perf_counter()
        try:
            values = self.shelf.load_values(entry, reading)
            self._replay(run, entry, values, reading)
        except CacheError as problem:  # nothing was changed: the cell runs and is stored anew
            run.miss(str(problem))
            return False
        run.load_time = time.perf_counter() - began
        run.note_other_text(entry, reading)
        return True

    def _wait(self, run: Run, reading: Reading) -> bool:
        """Wait for another kernel that computes this key; return whether its result served.

        A run inside another one does not wait, so that no two kernels wait for each other.
        """
        if self._recorded or run.policy.require or run.policy.read_only:
            return False
        run.lock = self.shelf.lock(
            reading.key,
            run.policy,
            lambda who, since: self._tell_progress(run, "waiting", who, since),
        )
        if run.lock is None:
            return False
        if run.lock.waited:
            run.notes = (f"waited {format_duration(run.lock.waited)} for another kernel",)
        if run.entry is None and not (run.lock.waited or self.shelf.find(reading.key)):
            return False  # there is nothing now as before
        # Whoever held the lock last may have stored the result, also between look-up and lock.
        if not self._serve(run, reading, self._look_up(run, reading)):
            return False
        run.release()
        return True

    def _record(self, run: Run, reading: Reading) -> None:
        """Start to listen: the cell will run natively after this."""
        if run.policy.require and run.compared is None:
            run.forbid()
            return
        run.recorder = Recorder(self.shell, reading, self.trackers, self._tap())
        run.recorder.by_time = run.policy.file_check == "mtime"
        self._recorded += 1
        run.recorder.start()
        self._tell_progress(run, "running")

    def _stop(self, run: Run) -> None:
        recorder, run.recorder = run.recorder, None
        if recorder is not None:
            self._recorded -= 1
            recorder.stop()

    def _tell_progress(self, run: Run, phase: str, who: str = "", since: float = 0.0) -> None:
        if self.on_progress is not None:
            self.on_progress(run, phase, who, since or self.clock())

    def finish(self, run: Run, *, raised: bool) -> CellEvent:
        """Store what a recorded run did, and tell what happened; never raises a cache error."""
        began = time.perf_counter()
        self.shelf.choose(run.policy, is_inner=True)
        recorder, run.recorder = run.recorder, None
        if recorder is not None:
            self._recorded -= 1
            self._tell_progress(run, "storing")
            self._store(run, recorder, raised)
        run.release()
        if raised and run.policy.group:
            run.notes = (*run.notes, self.shelf.drop_group(run.policy.group))
        self._pin(run)
        run.overhead += time.perf_counter() - began
        told = [one for one in self.shelf.take_problems() if one not in run.reasons]
        run.notes = (*run.notes, *told)
        now = self.clock()
        event = run.event(now, self.shelf.label)
        self.ledger.add(run, event)
        self.shelf.note_use(event, now)
        return event

    def _pin(self, run: Run) -> None:
        """Pin the result of a cell that asks for it, once it has one."""
        entry = run.entry
        if entry is None or not run.policy.pin or run.state is State.PINNED:
            return
        try:
            pin(self.shelf, run.request, entry)
            run.notes = (*run.notes, f"{TOLD.partition(':')[0]} from now on: {TOLD[8:]}")
        except CacheError as problem:
            run.notes = (*run.notes, f"not pinned: {problem}")

    def _compared(self, run: Run, entry: Entry, recording: Recording) -> Recording:
        """Compare a run with the stored one; return its recording with the verdict in it."""
        reading = run.reading
        assert reading is not None  # noqa: S101 - a recorded run was read before
        stored = self.shelf.load_values(entry, reading)
        fresh = self.shelf.load_fresh(recording, reading)
        run.judge(differences(entry, stored, fresh, recording.outputs, reading.walk))
        effects = {**recording.effects, "verdict": list(run.differences or ())}
        return replace(recording, effects=effects)

    def _store(self, run: Run, recorder: Recorder, raised: bool) -> None:
        try:
            wanted = run.wanted(raised)
            recording = recorder.finish(run.policy) if wanted or run.compares(raised) else None
            run.take_notes(recording)
            if recording is not None and run.compared is not None:
                recording = self._compared(run, run.compared, recording)
            if recording is not None and wanted and run.may_keep(recording, self.ledger):
                run.entry = self.shelf.store_run(run, recording, self.clock())
        except KeyboardInterrupt:
            run.bypass("interrupted while the result was being stored: nothing was stored")
        except Exception as error:
            run.fail(error)
        finally:
            recorder.stop()
