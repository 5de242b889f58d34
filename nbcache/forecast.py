"""What would become of a cell if it ran now: told without running it and without loading values.

The front end asks after every run which cells went stale. What a cell can read is walked at
most once between two runs; files, ttl and the store are looked at each time.
"""

from __future__ import annotations

import ast
import json
import time
import types
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nbcache.cell.source import Source, read_source
from nbcache.cell.touches import touched_names
from nbcache.downstream import Link, is_own_doing, spread
from nbcache.errors import CacheError
from nbcache.events import CellEvent, State
from nbcache.extension import Extension, extension_of
from nbcache.moved import NO_LONGER_DEFINED, moved_inputs
from nbcache.policy import Policy
from nbcache.reading import Request

BUDGET = 2.0
"""Seconds after which no further cell of a notebook is looked at."""

_LATE = "not looked at again: the notebook took too long, or a cell is running"
_RUNS = 50
"""The latest runs of a cell that are compared with those of others."""

_UNSETTLED = {
    State.STALE: "is stale",
    State.EXPIRED: "is expired",
    State.REFRESHED: "is to be refreshed",
}


def forecast(
    shell: Any, raw_cell: str, metadata: Mapping[str, Any] | None = None, *, cell_id: str = ""
) -> CellEvent:
    """Return what running a cell's text now would be: hit, stale, expired, refreshed, miss, …

    ``metadata`` is the cell's own (its ``nbcache`` holds settings), ``cell_id`` the front
    end's name of the cell, by which its earlier runs are known. ``reasons`` say why. Nothing
    runs, is stored or unpickled; ``bypass`` says why it could not be stored, ``off`` that
    nobody asked to cache it, ``error`` that it can't be read. Not to be called while a
    cached cell runs.

    Raises:
        CacheError: nbcache is not loaded in this shell.
    """
    found = _Forecaster(extension_of(shell)).look_at(raw_cell, metadata, cell_id)
    return _excused(found.event, [found.link], 0)


def forecast_all(
    shell: Any, cells: Sequence[Mapping[str, Any]], *, budget: float = BUDGET
) -> list[CellEvent]:
    """Return the forecast of every cell of a notebook, in its order.

    ``cells`` are mappings as in a notebook file: ``source``, and where known ``id``,
    ``metadata`` and ``cell_type``; text cells get ``off``. A cell that reads what a stale one
    above it leaves is stale as well: "depends on cell 3, which is stale". Cells that the
    ``budget`` (seconds) does not reach keep the state of their last run, with a note.

    Raises:
        CacheError: nbcache is not loaded in this shell.
    """
    return [event for event, _ in forecast_links(shell, cells, budget=budget)]


def forecast_links(
    shell: Any, cells: Sequence[Mapping[str, Any]], *, budget: float = BUDGET
) -> list[tuple[CellEvent, Link]]:
    """Return each cell's forecast with what it reads and touches; see ``forecast_all``."""
    forecaster = _Forecaster(extension_of(shell))
    until = time.monotonic() + (0.0 if forecaster.is_busy else budget)
    found = [forecaster.cell(cell, is_late=time.monotonic() >= until) for cell in cells]
    links = [one.link for one in found]
    settled = [
        replace(link, unsettled="") if is_own_doing(links, position) else link
        for position, link in enumerate(links)
    ]
    causes = spread(settled)
    return [
        (_with_cause(_excused(one.event, links, position), causes[position]), one.link)
        for position, one in enumerate(found)
    ]


@dataclass(frozen=True, slots=True)
class _Found:
    event: CellEvent
    link: Link


_NOTHING = _Found(CellEvent(State.OFF), Link(""))


class _Forecaster:
    """Looks at cells against the present state of one kernel."""

    def __init__(self, extension: Extension) -> None:
        self.extension = extension
        self.shell = extension.shell
        self.memo = extension.log.memo
        self.is_busy = extension.session.is_recording

    def cell(self, cell: Mapping[str, Any], *, is_late: bool) -> _Found:
        """Return what is known of one cell of a notebook file."""
        text = cell.get("source", "")
        text = text if isinstance(text, str) else "".join(text)
        if cell.get("cell_type", "code") != "code" or not text.strip():
            return _NOTHING
        cell_id = str(cell.get("id") or "")
        if not is_late:
            return self.look_at(text, cell.get("metadata"), cell_id)
        found = self.read(text, cell_id)
        last = self.extension.session.ledger.events.get(cell_id, found.event)
        notes = (*last.notes, _LATE)
        return replace(found, event=replace(last, notes=notes))

    def look_at(self, text: str, metadata: Mapping[str, Any] | None, cell_id: str) -> _Found:
        """Return what running one cell would be, and what it reads and touches."""
        found = self.read(text, cell_id)
        if found.event.state is State.ERROR:
            return found
        request, source = self.memo["read", text, cell_id]
        asked = {name: one for name, one in (metadata or {}).items() if name in ("nbcache", "tags")}
        try:
            policy = self.extension.asking.foresee(text, request.nodes, asked, cell_id)
        except CacheError as problem:
            event = replace(found.event, state=State.ERROR, reasons=(str(problem),))
            return replace(found, event=event)
        if policy is None:
            return found
        return self._judge(found, request, source, policy, asked)

    def _judge(
        self, found: _Found, request: Request, source: Source, policy: Policy, asked: Any
    ) -> _Found:
        """Look the cell up in the store; its walk is remembered until the next run."""
        session = self.extension.session
        key = "walk", request.text, request.cell_id, json.dumps(asked, default=str)
        run = session.foresee(request, policy, self.memo.get(key))
        if run.reading is not None:
            self.memo[key] = run.reading
        event = run.event(session.clock(), session.shelf.label)
        before = session.ledger.events.get(session.ledger.identity(run))
        moved = moved_inputs(before.parts, event.parts) if before and event.parts else None
        inputs = {name[6:] for name in event.parts if name.startswith("input ")}
        why = _UNSETTLED.get(event.state) or _news(found.link, source)
        link = replace(
            found.link,
            reads=found.link.reads | inputs,
            unsettled=why,
            is_exact=run.reading is not None,
            moved=frozenset(moved or ()) if event.state is State.STALE else frozenset(),
        )
        return _Found(replace(event, reasons=run.reasons), link)

    def read(self, text: str, cell_id: str) -> _Found:
        """Return what the text alone tells; the event is ``off`` or ``error``."""
        known = self.memo.get(("found", text, cell_id))
        if known is None:
            known = self.memo["found", text, cell_id] = self._read(text, cell_id)
        return known

    def _read(self, text: str, cell_id: str) -> _Found:
        runs = self.extension.log.runs_of(cell_id, text)
        count = runs[-1].count if runs else 0
        request = Request(text, (), cell_id=cell_id, execution_count=count)
        label = f"cell {count}" if count else f"`{request.title}`"
        event = CellEvent(State.OFF, cell_id, count or None, request.title)
        try:
            nodes = self._nodes(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
            reasons = (f"the cell can't be read: {problem}",)
            return _Found(replace(event, state=State.ERROR, reasons=reasons), Link(label))
        source = read_source(text, nodes)
        flags = self.shell.compile.flags
        request = replace(request, nodes=nodes, compile_flags=flags)
        self.memo["read", text, cell_id] = request, source
        link = Link(
            label,
            self._variables(source.names.reads),
            self._variables(touched_names(nodes, source.names)),
            runs=[(run, self._digest(run.text)) for run in runs[-_RUNS:]],
        )
        return _Found(event, replace(link, unsettled=_news(link, source)))

    def _nodes(self, text: str) -> tuple[ast.stmt, ...]:
        tree = self.shell.compile.ast_parse(self.shell.transform_cell(text))
        return tuple(self.shell.transform_ast(tree).body)

    def _digest(self, text: str) -> str:
        """Return the digest of the normal form of a text that ran, empty if it can't be read."""
        digests = self.extension.log.digests
        if text not in digests:
            try:
                digests[text] = read_source(text, self._nodes(text)).digest
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                digests[text] = ""
        return digests[text]

    def _variables(self, names: Collection[str]) -> frozenset[str]:
        """Leave modules out: they stay what they are."""
        values = self.shell.user_ns
        return frozenset(
            name for name in names if not isinstance(values.get(name), types.ModuleType)
        )


def _news(link: Link, source: Source) -> str:
    """Say why a cell's present text may leave other values than those in the kernel."""
    if not link.runs:
        return "has not run"
    return "" if link.runs[-1][1] == source.digest else "was edited"


def _excused(event: CellEvent, links: Sequence[Link], position: int) -> CellEvent:
    """Don't call a cell stale whose inputs were moved by itself or from below."""
    if event.state is not State.STALE:
        return event
    missing = [reason for reason in event.reasons if reason.endswith(NO_LONGER_DEFINED)]
    if missing and not links[position].runs:
        name = missing[0].removesuffix(NO_LONGER_DEFINED)
        return replace(event, state=State.MISS, reasons=(f"needs {name}, not defined here yet",))
    if not is_own_doing(links, position):
        return event
    names = ", ".join(f"`{name}`" for name in sorted(links[position].moved))
    reason = f"it would run again: {names} changed through the cell itself, or below it"
    return replace(event, state=State.MISS, reasons=(reason,))


def _with_cause(event: CellEvent, cause: str) -> CellEvent:
    """Add what the cell waits for; one that would be served, or was never stored, is stale."""
    if not cause or event.state in (State.OFF, State.ERROR):
        return event
    is_moved = event.state in (State.HIT, State.STALE)
    reasons = (*(event.reasons if event.state is State.STALE else ()), cause)
    return replace(event, state=State.STALE if is_moved else event.state, reasons=reasons)
