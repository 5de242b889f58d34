"""What was found while a cell's statements were followed in the order of their evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from nbcache.cell.magics_text import MagicUse
from nbcache.cell.scope import Body

Bound = frozenset[str] | None
"""The names bound on every path to a point; None where no path leads."""


def join(*states: Bound) -> Bound:
    """Return the names bound on every one of several paths."""
    reached = [state for state in states if state is not None]
    return frozenset.intersection(*reached) if reached else None


def without(state: Bound, names: Iterable[str]) -> Bound:
    """Return a state in which names may have been deleted."""
    return None if state is None else state.difference(names)


@dataclass(slots=True)
class Findings:
    """The names met so far; dicts stand for ordered sets.

    ``settled`` maps each name read to the names that were bound whenever it was read, and
    ``direct`` are reads that would have failed the cell if the name had been missing.
    """

    reads: set[str] = field(default_factory=set)
    indirect: set[str] = field(default_factory=set)
    settled: dict[str, frozenset[str]] = field(default_factory=dict)
    binds: set[str] = field(default_factory=set)
    deletes: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    imports: dict[str, None] = field(default_factory=dict)
    hidden: dict[str, None] = field(default_factory=dict)
    magics: dict[MagicUse, None] = field(default_factory=dict)
    hidden_after: Bound = None
    """The names bound whenever a read that hides took place; None where none did."""
    unsettled: set[str] = field(default_factory=set)
    """Names that code running at an unknown moment may delete."""

    def note_hidden(self, reason: str, bound: Bound) -> None:
        """Note that any name may be read here, where these names are bound."""
        self.hidden[reason] = None
        self.hidden_after = join(self.hidden_after, bound)


class Pending:
    """Functions whose bodies count only once somebody takes hold of them."""

    def __init__(self, found: Findings) -> None:
        """Write what the bodies do into ``found``."""
        self.found = found
        self.bodies: dict[str, list[Body]] = {}
        self.loaded: set[str] = set()
        self._seen: dict[str, tuple[frozenset[str], int]] = {}
        self._version = 0

    def add(self, key: str, bodies: Iterable[Body], bound: frozenset[str]) -> None:
        """Defer bodies until ``key`` is loaded; at once if it was, since then anyone may call."""
        self.bodies.setdefault(key, []).extend(bodies)
        self._version += 1
        if key in self.loaded:
            self.trigger(key, bound)

    def trigger(self, key: str, bound: frozenset[str]) -> None:
        """Count the bodies behind a name that gets loaded, and those behind what they load."""
        work = [key]
        while work:
            name = work.pop()
            self.loaded.add(name)
            last = self._seen.get(name)
            fresh = last is None or last[1] != self._version or not last[0] <= bound
            if name in self.bodies and fresh:
                self._seen[name] = (bound, self._version)
                for body in tuple(self.bodies[name]):
                    work.extend(self.run(body, bound))

    def run(self, body: Body, bound: frozenset[str]) -> frozenset[str]:
        """Count one body against what is bound now, and return the names that it loads."""
        found = self.found
        for name in body.reads:
            note_read(found, name, bound, direct=False)
        found.binds |= body.binds
        found.deletes |= body.deletes
        found.unsettled |= body.deletes
        found.strings |= body.strings - bound
        for kind in ("imports", "magics"):
            getattr(found, kind).update(dict.fromkeys(getattr(body, kind)))
        for reason in body.hidden:
            found.note_hidden(reason, bound)
        return body.reads | body.strings


def note_read(found: Findings, name: str, bound: frozenset[str], *, direct: bool) -> None:
    """Note that a global name is read, unless the cell has bound it by then."""
    if name in bound:
        return
    found.reads.add(name)
    if not direct:
        found.indirect.add(name)
    found.settled[name] = found.settled.get(name, bound) & bound
