"""``%nbcache verify``: run cells that would be served, and compare each with its stored run.

A cell that would not be served right now, since an input moved or was changed by the cell
itself, is compared the next time that it would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from nbcache.errors import CacheError
from nbcache.events import CellEvent, State
from nbcache.extension import Extension
from nbcache.reading import Request
from nbcache.runs import Ledger


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the verification of one cell; ``verified`` None: not compared yet."""

    event: CellEvent
    verified: bool | None
    differences: tuple[str, ...] = ()
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as plain JSON data."""
        return {
            "cell_id": self.event.cell_id,
            "execution_count": self.event.execution_count,
            "title": self.event.title,
            "key": self.event.key,
            "verified": self.verified,
            "differences": list(self.differences),
            "reason": self.reason,
        }

    def as_text(self) -> str:
        """Return the verdict as a line for people."""
        count = self.event.execution_count
        cell = f"Cell [{count}]" if count else "The cell"
        if self.verified is None:
            return f"{cell} `{self.event.title}`: not compared: {self.reason}"
        told = "verified" if self.verified else f"not deterministic: {'; '.join(self.differences)}"
        return f"{cell} `{self.event.title}`: {told}"


def as_text(verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts as lines for people."""
    return "\n".join(verdict.as_text() for verdict in verdicts) or "No cell has been cached yet."


def verify(extension: Extension, events: Sequence[CellEvent]) -> list[Verdict]:
    """Run each cell that would be served, its output shown here, and compare."""
    return [_verify(extension, event) for event in events]


def _verify(extension: Extension, event: CellEvent) -> Verdict:
    text = _text_of(extension, event)
    if not text:
        return Verdict(event, None, reason="its text is not known any more; run it once")
    why_not = _why_not_now(extension, text, event.cell_id)
    extension.asking.verify_next.add(event.cell_id or text)
    if why_not:
        return Verdict(event, None, reason=f"{why_not}; it will be when it next would be served")
    extension.asking.is_verifying = True
    try:
        extension.shell.run_cell(text, store_history=False, cell_id=event.cell_id or None)
    finally:
        extension.asking.is_verifying = False
    now = _numbered(extension.session.ledger, event.execution_count) or event
    if now.verified is None:
        return Verdict(now, None, reason="; ".join(now.reasons))
    return Verdict(now, now.verified, now.differences)


def _numbered(ledger: Ledger, count: int | None) -> CellEvent | None:
    """Let the cell that just ran keep the number under which the user ran it."""
    ran = ledger.last
    if ran is None:
        return None
    ledger.last = replace(ran, execution_count=count)
    for identity, event in ledger.events.items():
        if event is ran:
            ledger.events[identity] = ledger.last
    return ledger.last


def _text_of(extension: Extension, event: CellEvent) -> str:
    runs = extension.log.runs_of(event.cell_id, "") if event.cell_id else []
    texts = [run.text for run in runs if run.count == event.execution_count]
    raw = extension.shell.history_manager.input_hist_raw
    if not texts and event.execution_count and event.execution_count < len(raw):
        texts = [raw[event.execution_count]]
    return texts[-1] if texts else ""


def _why_not_now(extension: Extension, text: str, cell_id: str) -> str:
    """Say why a cell can't be run and compared at once, empty if it can."""
    shell = extension.shell
    if shell.should_run_async(text, transformed_cell=shell.transform_cell(text)):
        return "it awaits, and so can't run inside of this cell"
    nodes = tuple(shell.compile.ast_parse(shell.transform_cell(text)).body)
    try:
        policy = extension.asking.foresee(text, nodes, {}, cell_id)
    except CacheError as problem:
        return str(problem)
    if policy is None:
        return "it is not cached"
    request = Request(text, nodes, cell_id=cell_id, compile_flags=shell.compile.flags)
    run = extension.session.foresee(request, policy)
    if run.state is State.HIT:
        return ""
    return f"it would not be served now ({'; '.join(run.reasons) or run.state.value})"
