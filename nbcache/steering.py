"""What ``%nbcache`` does to a session besides showing it: refresh, pin, unpin, config, stats."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from nbcache.duration import format_duration, parse_duration
from nbcache.errors import CacheError
from nbcache.events import SERVED, CellEvent, State
from nbcache.extension import Extension, extension_of
from nbcache.layers import Setting, merge
from nbcache.options import OPTIONS, parse_options
from nbcache.ran import Ran
from nbcache.reading import Request
from nbcache.report import align, format_bytes
from nbcache.runs import Ledger

SHOWN_CHARACTERS = 60


def cells_named(extension: Extension, which: str) -> list[CellEvent]:
    """Return the cells that an order speaks of: all, the stale ones, one, or one and dependents.

    Raises:
        CacheError: no cell answers to it.
    """
    events = list(extension.session.ledger.events.values())
    if which in ("", "all"):
        return events
    if which == "stale":
        return [event for event in events if is_stale(extension, event)]
    name = which.removesuffix("+").strip()
    event = cell_named(extension, name)
    return [event] if name == which else [event, *dependents(extension, event, events)]


def cell_named(extension: Extension, which: str) -> CellEvent:
    """Return the cell of a number, an id, a name or a part of its text; the last one without any.

    Raises:
        CacheError: no cell answers to it.
    """
    event = find_cell(extension, which)
    if event is None and which:
        raise CacheError(f"No cached cell answers to {which!r}. `%nbcache` lists them.")
    if event is None:
        raise CacheError("No cell has been cached in this kernel yet. Put `%%cache` on one.")
    return event


def find_cell(extension: Extension, which: str) -> CellEvent | None:
    """Return the event of a cell by number, id, ``name=`` or part of its text; "" is the last.

    A number is that of any of its runs.
    """
    ledger: Ledger = extension.session.ledger
    latest: list[CellEvent] = list(reversed(ledger.events.values()))
    if not which:
        return ledger.last
    ran = [run for run in extension.log.runs if str(run.count) == which]
    for is_meant in (
        lambda event: which in (str(event.execution_count), event.cell_id),
        lambda event: any(_is_of(event, run) for run in ran),
        lambda event: ledger.policy_of(event).name == which,
        ledger.writers(which).__contains__,
        lambda event: which in event.title and not which.isdigit(),
    ):
        found = next(filter(is_meant, latest), None)
        if found is not None:
            return found
    return None


def _is_of(event: CellEvent, run: Ran) -> bool:
    if event.cell_id or run.cell_id:
        return event.cell_id == run.cell_id
    return event.title == Request(run.text, ()).title


def is_stale(extension: Extension, event: CellEvent) -> bool:
    """Tell whether a cell's last outcome does not stand any more."""
    if event.state in (State.STALE, State.EXPIRED):
        return True
    return event.expires_at is not None and event.expires_at <= extension.session.clock()


def dependents(
    extension: Extension, event: CellEvent, events: Sequence[CellEvent]
) -> list[CellEvent]:
    """Return the cached cells that read what a cell binds, and those that read theirs."""
    bound = names_bound(extension, event)
    found: list[CellEvent] = []
    for other in events:
        reads = {part.removeprefix("input ") for part in other.parts if part.startswith("input ")}
        if other is not event and reads & bound:
            found.append(other)
            bound |= names_bound(extension, other)
    return found


def names_bound(extension: Extension, event: CellEvent) -> set[str]:
    """Return the names that a cached cell binds, as its stored run has them."""
    found: set[str] = set()
    shelf = turn_to(extension, event)
    for entry in shelf.find(event.key) if event.key else ():
        found |= set(entry.about.get("writes", ()))
    return found


def turn_to(extension: Extension, event: CellEvent) -> Any:
    """Return the session's shelf, turned to the store in which a cell's result lies."""
    session = extension.session
    session.shelf.choose(session.ledger.policy_of(event), is_inner=True)
    return session.shelf


def clear(extension: Extension, which: str) -> int:
    """Forget a cell's stored runs, all older than an age (``older=7d``), or all; return how many.

    Raises:
        CacheError: no cell answers to it.
    """
    shelf, now = extension.session.shelf, extension.session.clock()
    if which.startswith("older="):
        age = parse_duration(which.removeprefix("older="), now) or 0.0
        return int(shelf.forget(lambda entry: now - entry.stored_at > age))
    if which == "all":
        return int(shelf.forget(lambda entry: True))
    from nbcache.pinning import unpin

    event = cell_named(extension, which)
    shelf = turn_to(extension, event)
    pinned = unpin(shelf, Request(event.title, (), cell_id=event.cell_id))
    return pinned + int(shelf.forget(lambda entry: entry.key == event.key, event.key))


def change_pin(extension: Extension, event: CellEvent, *, keep: bool) -> str:
    """Pin or unpin one cell's stored result; return what to tell.

    Raises:
        CacheError: there is no stored result to pin.
    """
    from nbcache.pinning import find_pin, pin, unpin

    shelf = turn_to(extension, event)
    request = Request(event.title, (), cell_id=event.cell_id)
    if not keep:
        count = unpin(shelf, request)
        return "unpinned: it runs or hits as before" if count else "was not pinned"
    found = [entry for entry in shelf.find(event.key) if entry.stored_at == event.stored_at]
    if not found and find_pin(shelf, request) is not None:
        return "is pinned already; `%nbcache unpin` lets it go"
    if not found:
        raise CacheError(
            f"`{event.title}` has no stored result to pin. Run it with `%%cache` first."
        )
    pin(shelf, request, found[0])
    return "PINNED: this result is served whatever changes, until `%nbcache unpin`"


def configure(extension: Extension, line: str) -> None:
    """Set options for the session.

    Raises:
        OptionError: an option is wrong.
    """
    extension.asking.chosen.update(parse_options(line))


def settings_now(extension: Extension) -> list[Setting]:
    """Return every option's value and where it comes from.

    Raises:
        OptionError: a setting is wrong; the message names where it comes from.
    """
    given = merge(extension.asking.layers())
    policy = extension.asking.base_policy(explicit=True, now=time.time())
    names = list(dict.fromkeys([*OPTIONS, *given]))
    found = [
        given.get(name) or Setting(name, getattr(policy, name), "the default") for name in names
    ]
    return found + [
        Setting(name, True, f"NBCACHE_{name.upper()}")
        for name in ("disable", "refresh", "read_only", "require")
        if getattr(extension.settings, name)
    ]


def settings_table(settings: Sequence[Setting]) -> str:
    """Return the settings as a table for people."""
    rows = [[s.name, shown(s.name, s.value)[:SHOWN_CHARACTERS], s.origin] for s in settings]
    return align(["setting", "value", "from"], rows, ())


def shown(name: str, value: Any) -> str:
    """Return a value as one would write it."""
    if name in OPTIONS and OPTIONS[name].kind == "duration":
        return format_duration(value) if isinstance(value, (int, float)) else str(value or "never")
    if isinstance(value, (frozenset, tuple)):
        return ",".join(sorted(value)) or "-"
    return "-" if value in (None, "") else str(value)


def totals(extension: Extension) -> dict[str, Any]:
    """Return counts, savings and sizes of this session."""
    events = list(extension.session.ledger.events.values())
    served = [event for event in events if event.state in SERVED]
    states: dict[str, int] = {}
    for event in events:
        states[event.state.value] = states.get(event.state.value, 0) + 1
    return {
        "cells": len(events),
        "served": len(served),
        "states": states,
        "saved": sum(event.saved for event in served),
        "overhead": sum(event.overhead for event in events),
        "size_bytes": sum(event.size_bytes for event in events),
        "store": extension.session.shelf.label,
    }


def totals_text(found: dict[str, Any]) -> str:
    """Return the totals in a few lines for people."""
    states = ", ".join(f"{count} {name}" for name, count in sorted(found["states"].items()))
    ratio = f"{100 * found['served'] / found['cells']:.0f} %" if found["cells"] else "-"
    return "\n".join(
        [
            f"cells: {found['cells']} ({states or 'none yet'}), served: {ratio}",
            f"time saved: {format_duration(found['saved'])},"
            f" spent on looking: {format_duration(found['overhead'])}",
            f"stored: {format_bytes(found['size_bytes'])} in {found['store'] or 'no store yet'}",
        ]
    )


def commit_run() -> None:
    """Store what this kernel's run held back because it is atomic."""
    from IPython import get_ipython

    extension_of(get_ipython()).session.shelf.commit_run()
