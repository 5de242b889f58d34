"""The badge and the table as self-contained HTML: inline styles, no script, any theme.

Colours are the theme's own where it offers them and mid-tones that read on white and on
black elsewhere. A state is told by its word and by its shape; colour only repeats it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from html import escape

from nbcache.duration import format_duration
from nbcache.events import CellEvent, State
from nbcache.report.lines import DOT, default_reason, segments
from nbcache.report.tables import HEADERS, NOTHING_YET, NUMBERS, columns, summary

_GREEN = "var(--jp-success-color1,#3d9a57)"
_BLUE = "var(--jp-info-color1,#3b8fd0)"
_AMBER = "var(--jp-warn-color1,#c9862b)"
_RED = "var(--jp-error-color1,#d9534f)"
_GREY = "currentColor"

_RING = '<circle cx="8" cy="8" r="6"/>'
_ICONS = {
    State.HIT: (_GREEN, _RING + '<path d="M5.2 8.3l2 2 3.6-4.2"/>'),
    State.PINNED: (_GREEN, '<path d="M5.5 2h5M6.5 2v4.5L4.5 9h7l-2-2.5V2M8 9v5"/>'),
    State.MISS: (_BLUE, '<path d="M4.5 2.8v10.4L13 8z"/>'),
    State.REFRESHED: (_BLUE, '<path d="M13 8a5 5 0 1 1-1.6-3.7M13 2.2v2.9h-2.9"/>'),
    State.EXPIRED: (_AMBER, _RING + '<path d="M8 4.6V8l2.3 1.6"/>'),
    State.STALE: (_AMBER, '<path d="M8 2.2L14.2 13H1.8zM8 6.6v3M8 11.3v.1"/>'),
    State.WAITING: (_GREY, '<path d="M3.2 8h.1M8 8h.1M12.7 8h.1" stroke-width="2.4"/>'),
    State.BYPASS: (_AMBER, _RING + '<path d="M3.9 12.1l8.2-8.2"/>'),
    State.OFF: (_GREY, _RING + '<path d="M5.2 8h5.6"/>'),
    State.ERROR: (_RED, _RING + '<path d="M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4"/>'),
}

_FONT = (
    "font-family:var(--jp-ui-font-family,system-ui,-apple-system,'Segoe UI',sans-serif);"
    "font-size:12px;line-height:18px;"
)
_CODE = (
    "font-family:var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace);"
    "font-size:11px;background:none;color:inherit;padding:0;"
)
_PILL = (
    "display:inline-flex;align-items:flex-start;max-width:100%;box-sizing:border-box;"
    "padding:1px 9px 1px 7px;border-radius:4px;background:rgba(128,128,128,.12);"
    "cursor:pointer;list-style:none;"
)
_REASONS = (
    "margin:4px 0 2px 7px;padding:2px 0 2px 12px;"
    "border-left:2px solid rgba(128,128,128,.35);opacity:.85;"
)
_TABLE = "color:inherit;border-collapse:collapse;border:0;margin:2px 0;font-size:12px"
_CELL = "padding:2px 12px 2px 0;border:0;white-space:nowrap;color:inherit;background:none;"
_INLINE = "display:inline-flex;align-items:center;"
_NAMED = re.compile(r"`([^`]+)`")


def status_html(event: CellEvent, now: float) -> str:
    """Return the badge of one cell; it opens by click or Enter to show the reasons."""
    return _badge(event, segments(event, now, brief=True))


def static_html(event: CellEvent) -> str:
    """Return the badge of one cell for a page that stays: it tells the moment, not the age."""
    if event.stored_at is None:
        return _badge(event, segments(event, 0.0, brief=True))
    verb, *_ = segments(event, event.stored_at, brief=True)
    moment = datetime.fromtimestamp(event.stored_at, timezone.utc)
    told = [verb, f"ran {moment:%Y-%m-%d %H:%M} UTC", f"took {format_duration(event.cost)}"]
    return _badge(event, told)


def _badge(event: CellEvent, told: Sequence[str]) -> str:
    verb, *rest = told
    words = _text(DOT.join(rest))
    summary_line = (
        f'<summary style="{_PILL}">{_icon(event.state)}'
        f'<span style="min-width:0;overflow-wrap:anywhere"><b style="font-weight:600">{verb}</b>'
        f'<span style="opacity:.78"> · {words}</span></span></summary>'
    )
    return (
        f'<details class="nbcache-badge" data-state="{event.state.value}" '
        f'style="{_FONT}color:inherit;margin:2px 0">{summary_line}{_reasons(event)}</details>'
    )


def state_icon(state: State) -> tuple[str, str]:
    """Return a state's colour and the shapes of its icon, drawn with strokes in a 16 x 16 box."""
    return _ICONS[state]


def _icon(state: State) -> str:
    colour, shape = _ICONS[state]
    return (
        '<svg aria-hidden="true" width="14" height="14" viewBox="0 0 16 16" fill="none" '
        'stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" '
        f'style="flex:none;margin:2px 6px 2px 0;color:{colour}">{shape}</svg>'
    )


def _reasons(event: CellEvent) -> str:
    sentences = [*(event.reasons or (default_reason(event),)), *event.notes]
    told = "".join(f"<div>{_text(sentence)}</div>" for sentence in sentences)
    if event.parts:
        names = ", ".join(map(_code, event.parts))
        told += f'<div style="opacity:.8">Depends on {names}</div>'
    if event.key:
        told += f'<div style="opacity:.8">Key {_code(event.key)}</div>'
    return f'<div style="{_REASONS}">{told}</div>'


def _code(words: str) -> str:
    return f'<code style="{_CODE}">{escape(words)}</code>'


def _text(words: str) -> str:
    """Escape ``words`` and set what stands between backticks in the code font."""
    return _NAMED.sub(rf'<code style="{_CODE}">\1</code>', escape(words))


def table_html(rows: Sequence[CellEvent], now: float | None = None) -> str:
    """Return the cells as an HTML table with a line of totals.

    ``now`` is a Unix time; by default the clock is read.
    """
    if not rows:
        return f'<div style="{_FONT}opacity:.78">{_text(NOTHING_YET)}</div>'
    at = time.time() if now is None else now
    head = "".join(_heading(name) for name in HEADERS)
    body = "".join(_row(row, at) for row in rows)
    return (
        f'<div class="nbcache-table" style="{_FONT}overflow-x:auto;color:inherit">'
        f'<table style="{_TABLE}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f'<div style="opacity:.78;padding-top:2px">{escape(summary(rows))}</div></div>'
    )


def _heading(name: str) -> str:
    rule = "border-bottom:1px solid rgba(128,128,128,.35);"
    return f'<th style="{_CELL}{rule}{_align(name)}font-weight:600" scope="col">{name}</th>'


def _row(event: CellEvent, now: float) -> str:
    cells = []
    for name, words in zip(HEADERS, columns(event, now), strict=True):
        shown = escape(words)
        if name == "state":
            shown = f'<span style="{_INLINE}">{_icon(event.state)}{shown}</span>'
        if name == "source":
            shown = _code(words)
        cells.append(f'<td style="{_CELL}{_align(name)}">{shown}</td>')
    return f'<tr data-state="{event.state.value}" style="background:none">{"".join(cells)}</tr>'


def _align(name: str) -> str:
    numbers = "text-align:right;font-variant-numeric:tabular-nums;"
    return numbers if name in NUMBERS else "text-align:left;"
