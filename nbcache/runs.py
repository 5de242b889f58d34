"""One pass of one cell, and the ledger of what became of every cell in this kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbcache.deps.impurity import PASSING
from nbcache.entry import Entry
from nbcache.errors import CacheError
from nbcache.events import SERVED, CellEvent, State
from nbcache.moved import moved_parts
from nbcache.policy import Policy, expires_at
from nbcache.reading import Reading, Request
from nbcache.replay.recorded import Recording
from nbcache.replay.recording import Recorder
from nbcache.store.protocol import Lock
from nbcache.worth import Estimates, not_worth

NO_TTL = "no ttl: it stays as it is until something else changes; `%%cache ttl=10m` limits its age"
ANOTHER = "what is served was stored by another text: the key leaves the cell's source out"
VERIFIED = "verified: a second run left exactly what was stored"


@dataclass(slots=True)
class Run:
    """What is known of one pass while it lasts; times are seconds of a monotonic clock.

    ``estimate`` is how long an earlier run took, ``serves_in`` how long the result will take to
    come back, ``found_in`` how long looking for it took; 0.0 when not known.
    ``too_poor`` says why the run was not worth storing.
    """

    request: Request
    policy: Policy
    started: float
    state: State = State.MISS
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reading: Reading | None = None
    entry: Entry | None = None
    recorder: Recorder | None = None
    cost: float = 0.0
    load_time: float = 0.0
    overhead: float = 0.0
    forbidden: CacheError | None = None
    lock: Lock | None = None
    compared: Entry | None = None
    differences: tuple[str, ...] | None = None
    was_stored: bool = False
    estimate: float = 0.0
    serves_in: float = 0.0
    found_in: float = 0.0
    too_poor: str = ""
    is_passed_by: bool = False

    @property
    def is_served(self) -> bool:
        """Whether the cell needs not run."""
        return self.state in SERVED

    def miss(self, reason: str) -> None:
        """Note that what is stored can't be used, so the cell runs."""
        self.state, self.reasons, self.entry = State.MISS, (reason,), None

    def compare_with(self, entry: Entry) -> None:
        """Note that the cell runs although it would be served, to be compared with the entry."""
        self.state, self.compared = State.REFRESHED, entry
        self.reasons = ("A verification was asked for.",)

    def compares(self, raised: bool) -> bool:
        """Tell whether the recording is needed for a comparison alone."""
        return self.compared is not None and not raised

    def judge(self, differences: tuple[str, ...]) -> None:
        """Note how the run compares with the stored one."""
        self.differences = differences
        told = f"not deterministic: {'; '.join(differences)}" if differences else VERIFIED
        self.notes = (told, *self.notes)

    def note_other_text(self, entry: Entry, reading: Reading) -> None:
        """Note that another text stored what is served, where the key leaves the source out."""
        then = entry.about.get("digest")
        if "source" not in reading.parts and then and then != reading.source.digest:
            self.notes = (*self.notes, ANOTHER)

    def release(self) -> None:
        """Let other kernels compute the key, or find what was stored."""
        lock, self.lock = self.lock, None
        if lock is not None:
            lock.release()

    def bypass(self, reason: str) -> None:
        """Note that the run could not be cached, and why."""
        self.state, self.reasons, self.entry = State.BYPASS, (reason,), None

    def fail(self, error: Exception) -> None:
        """Note what kept the run from being cached; an error that nobody foresaw says so."""
        kind = f"nbcache failed: {type(error).__name__}: "
        self.bypass(f"{'' if isinstance(error, CacheError) else kind}{error}")

    def forbid(self) -> None:
        """Note that the cell must not run: it was required to hit."""
        why = "; ".join(self.reasons) or "nothing is stored for it"
        self.state = State.ERROR
        self.forbidden = CacheError(
            f"The cell did not run: `require` asks for a stored result, and there is none ({why})."
            " Run it once without `require`."
        )

    def wanted(self, raised: bool) -> bool:
        """Tell whether the recording is to be stored."""
        policy = self.policy
        if raised:
            self.state, self.reasons = State.ERROR, ("the cell raised: nothing was stored",)
        elif policy.read_only:
            self.reasons, self.entry = (*self.reasons, "not stored: read_only"), None
        elif self.cost < policy.min_time:
            least = f"not stored: it ran {self.cost:.3g} s, less than min_time={policy.min_time:g}"
            self.state, self.reasons = State.BYPASS, (least,)
            self.too_poor = least
        else:
            return True
        return False

    def may_keep(self, recording: Recording, ledger: Ledger) -> bool:
        """Tell whether the recording may be stored, and in automatic mode whether it pays."""
        size = recording.body.size_bytes
        if ledger.events:  # the first look-up of a kernel also loads what nbcache needs for it
            self.found_in = self.overhead
        self.serves_in = ledger.estimates.seconds_to_serve(size, self.found_in)
        if self.policy.explicit:
            return True
        if not recording.impure:
            return self._pays(size, ledger.estimates)
        did = "; ".join(recording.notes) or "it reached outside of the kernel"
        self.bypass(f"automatic caching leaves this cell alone: {did}; put %%cache on it")
        return False

    def _pays(self, size: int, estimates: Estimates) -> bool:
        """Tell whether an automatic run is worth its place; ``min_time=0`` stores all of them."""
        if not self.policy.min_time or estimates.is_worth(self.cost, size, self.found_in):
            return True
        self.too_poor = not_worth(self.cost, self.serves_in)
        self.bypass(self.too_poor)
        return False

    def pass_by(self, why: str) -> bool:
        """Note why the cell runs without being watched, if it does; return whether it does."""
        self.is_passed_by = bool(why)
        if why:
            self.bypass(why)
        return self.is_passed_by

    def take_notes(self, recording: Recording | None) -> None:
        """Keep the recording's remarks for the status."""
        own = self.reading.notes if self.reading else ()
        self.notes = (*own, *self.notes, *(recording.notes if recording else ()))

    def event(self, now: float, store: str) -> CellEvent:
        """Return what listeners are told."""
        entry, request = self.entry, self.request
        told: dict[str, Any] = {"cost": self.cost, "notes": self.notes}
        if self.differences is not None:
            told |= {"verified": not self.differences, "differences": self.differences}
        if entry is not None:
            told |= self._of_entry(entry)
        is_endless = entry is not None and told["expires_at"] is None and self.policy.explicit
        if is_endless and not PASSING.isdisjoint(told["notes"]):
            told["notes"] = (*told["notes"], NO_TTL)
        return CellEvent(
            state=self.state,
            cell_id=request.cell_id,
            execution_count=request.execution_count,
            title=request.title,
            key=self.reading.key if self.reading else "",
            load_time=self.load_time,
            serves_in=self.serves_in,
            overhead=self.overhead,
            store=store,
            quiet=self.policy.quiet or not self.policy.explicit,
            reasons=self.reasons,
            parts=self.reading.parts if self.reading else {},
            **told,
        )

    def _of_entry(self, entry: Entry) -> dict[str, Any]:
        """Return what listeners are told of the entry that was served or stored."""
        told: dict[str, Any] = {
            "variant": entry.variant,
            "stored_at": entry.stored_at,
            "expires_at": expires_at(entry, self.policy),
            "size_bytes": entry.size_bytes,
        }
        if self.is_served:
            told["cost"], told["notes"] = entry.cost, (*entry.notes, *self.notes)
            told["saved"] = max(0.0, entry.cost - self.load_time)
            verdict = entry.effects.get("verdict")
            if verdict is not None:
                told |= {"verified": not verdict, "differences": tuple(verdict)}
        return told


@dataclass(slots=True)
class Ledger:
    """The last event of every cell, in the order in which cells first ran."""

    events: dict[str, CellEvent] = field(default_factory=dict)
    about: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    last: CellEvent | None = None
    estimates: Estimates = field(default_factory=Estimates)

    def is_passed_by(self, run: Run) -> bool:
        """Whether an automatic run is left alone, since earlier ones were not worth storing."""
        if run.policy.explicit or not run.policy.min_time or not run.request.cell_id:
            return False
        return run.pass_by(self.estimates.why_not(run.request.cell_id, run.request.text))

    def _learn(self, run: Run, event: CellEvent) -> None:
        cell, policy, cost = run.request.cell_id, run.policy, event.cost
        if event.is_served:
            self.estimates.learn(event.size_bytes, run.overhead)
        if policy.explicit or not cell:
            return
        if run.is_passed_by:
            self.estimates.judge_again(cell, cost)
        else:
            until = max(policy.min_time, 1.5 * cost if run.serves_in else 0.0)
            self.estimates.judge(cell, run.request.text, run.too_poor, until)

    def add(self, run: Run, event: CellEvent) -> None:
        """Remember what became of a cell."""
        self._learn(run, event)
        self.events[self.identity(run)] = event
        self.policies[self.identity(run)] = run.policy
        if run.reading is not None:
            writes = run.entry.about.get("writes", ()) if run.entry is not None else ()
            files = run.entry.late.get("files", {}) if run.entry is not None else {}
            known = {"writes": writes, "files": list(files.get("read", ()))}
            self.about[self.identity(run)] = {**run.reading.about, **known}
        self.last = event

    def policy_of(self, event: CellEvent) -> Policy:
        """Return the policy under which a cell last ran."""
        for identity, known in self.events.items():
            if known is event:
                return self.policies[identity]
        return Policy()

    def identity(self, run: Run) -> str:
        """Return what names the cell in this kernel: its id, or else its source."""
        if run.request.cell_id or run.reading is None:
            return run.request.cell_id or run.request.title
        return run.reading.source.digest

    def last_cost(self, run: Run) -> float:
        """Return how long the cell's last run took, 0.0 when it is not known."""
        before = self.events.get(self.identity(run))
        return before.cost if before is not None else 0.0

    def why_new(self, run: Run) -> list[str]:
        """Say which parts moved since this cell last ran in this kernel."""
        before = self.events.get(self.identity(run))
        if before is None or not before.parts or run.reading is None:
            return []
        about = self.about.get(self.identity(run))
        return moved_parts(before.parts, run.reading.parts, about, run.reading.about)

    def writers(self, name: str) -> list[CellEvent]:
        """Return the events of the cells that wrote a variable."""
        return [
            event
            for identity, event in self.events.items()
            if name in self.about.get(identity, {}).get("writes", ())
        ]

    def about_key(self, key: str) -> Mapping[str, Any]:
        """Return what is told of the cell that last had a key; nothing if none had."""
        for identity, event in self.events.items():
            if event.key == key and key:
                return self.about.get(identity, {})
        return {}

    def readers(self, name: str) -> list[CellEvent]:
        """Return the events of the cells that depend on a variable."""
        return [event for event in self.events.values() if f"input {name}" in event.parts]
