"""Several trackers as one: started and finished together, whatever one of them does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nbcache.deps.protocol import Observed, Tracker


def finish_all(trackers: Sequence[Tracker]) -> dict[str, Observed]:
    """Finish every tracker, the patches of all undone first, and return what each saw.

    An interrupt in the middle is raised once all have finished.
    """
    _release_all(trackers)
    return _finish_released(trackers)


def _release_all(trackers: Sequence[Tracker]) -> None:
    for tracker in reversed(trackers):
        try:
            getattr(tracker, "release", _nothing)()
        except Exception:
            continue


def _finish_released(trackers: Sequence[Tracker]) -> dict[str, Observed]:
    seen: dict[str, Observed] = {}
    interrupt: BaseException | None = None
    for tracker in reversed(trackers):
        try:
            finish = tracker.finish_released if isinstance(tracker, Group) else tracker.finish
            seen[tracker.name] = finish()
        except Exception as error:
            seen[tracker.name] = Observed(refusal=f"nbcache lost {tracker.name} ({error!r})")
        except BaseException as error:
            interrupt = error
    if interrupt is not None:
        raise interrupt
    return {tracker.name: seen[tracker.name] for tracker in trackers}


def _nothing() -> None:
    """Undo nothing: a tracker without patches."""


class Group:
    """A tracker made of trackers; what each saw stands under its name."""

    def __init__(self, name: str, members: Sequence[Tracker]) -> None:
        self.name = name
        self.members = tuple(members)

    def start(self) -> None:
        """Start every member in order."""
        for member in self.members:
            member.start()

    def release(self) -> None:
        """Undo the patches of every member."""
        _release_all(self.members)

    def finish(self) -> Observed:
        """Finish every member and merge what they saw; the first refusal speaks for all."""
        self.release()
        return self.finish_released()

    def finish_released(self) -> Observed:
        """Finish every member once their patches are undone."""
        seen = _finish_released(self.members)
        late = {name: dict(one.late) for name, one in seen.items() if one.late is not None}
        effect = {name: one.effect for name, one in seen.items() if one.effect is not None}
        notes = tuple(note for one in seen.values() for note in one.notes)
        refusals = [one.refusal for one in seen.values() if one.refusal]
        return Observed(
            late or None,
            effect or None,
            notes,
            refusals[0] if refusals else None,
            any(one.impure for one in seen.values()),
        )

    def check(self, late: Mapping[str, Any]) -> str | None:
        """Return the first sentence that a member has; a name that is unknown does not hold."""
        if unknown := set(late) - {member.name for member in self.members}:
            return f"another version of nbcache recorded {', '.join(sorted(unknown))}"
        for member in self.members:
            sentence = member.check(late[member.name]) if member.name in late else None
            if sentence is not None:
                return sentence
        return None

    def apply(self, effect: Any) -> None:
        """Repeat the members' effects in the order of the members."""
        for member in self.members:
            if effect is not None and member.name in effect:
                member.apply(effect[member.name])
