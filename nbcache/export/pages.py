"""nbconvert's exporters of nbcache: pages with static badges, and the executed notebook."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any

from nbconvert.exporters import HTMLExporter, NotebookExporter
from nbconvert.exporters.exporter import ResourcesDict
from traitlets import Bool, default

from nbcache.badge import MARK, record_of, strip_displays, strip_nbcache
from nbcache.cell.pragma import find_pragmas
from nbcache.duration import format_duration
from nbcache.entry import Entry
from nbcache.errors import StoreError
from nbcache.events import CellEvent, State
from nbcache.policy import DEFAULT, expires_at
from nbcache.report import static_html

_TEMPLATES = os.path.join(os.path.dirname(__file__), "templates")


def events_of(nb: Any, find: Callable[[str], Iterable[Entry]]) -> dict[int, CellEvent]:
    """Return what a headless run recorded of each cell, by its index, with the store's dates."""
    events = {}
    for index, cell in enumerate(nb.cells):
        recorded = record_of(cell.metadata)
        if recorded and recorded["state"] in {state.value for state in State}:
            events[index] = _event(recorded, find)
    return events


def _event(recorded: Mapping[str, Any], find: Callable[[str], Iterable[Entry]]) -> CellEvent:
    key, cost = str(recorded.get("key", "")), float(recorded.get("cost", 0.0))
    event = CellEvent(State(recorded["state"]), key=key, cost=cost)
    try:
        entry = next(iter(find(key)), None) if key else None
    except StoreError:
        entry = None
    if entry is None or not event.is_served:
        return event
    return CellEvent(
        event.state,
        key=key,
        cost=entry.cost,
        saved=entry.cost,
        stored_at=entry.stored_at,
        expires_at=expires_at(entry, DEFAULT),
        size_bytes=entry.size_bytes,
        notes=tuple(entry.notes),
    )


def footer_html(events: Mapping[int, CellEvent], cells: int) -> str:
    """Return the sentence at a page's end: which cells came from the cache, and when they ran."""
    served = [event for event in events.values() if event.is_served]
    if not served:
        return ""
    told = f"{len(served)} of {cells} code cells came from the nbcache store"
    moments = sorted(event.stored_at for event in served if event.stored_at is not None)
    if moments:
        first, last = _moment(moments[0]), _moment(moments[-1])
        told += f"; they ran on {first}" if first == last else f"; they ran from {first} to {last}"
    cost = sum(event.cost for event in served)
    told += f" and took {format_duration(cost)}" if cost >= 0.001 else ""
    return f'<footer class="nbcache-footer">{escape(told)}.</footer>'


def _moment(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%d %H:%M UTC")


class NbcacheHTMLExporter(HTMLExporter):
    """HTML in which each cached cell has a static badge, and the page a footer."""

    export_from_notebook = "HTML with cache badges"
    strip = Bool(False, help="Leave nothing of nbcache in the page.").tag(config=True)

    @default("template_name")
    def _own_template(self) -> str:
        return "lab" if self.strip else "nbcache"

    @default("extra_template_basedirs")
    def _own_folders(self) -> list[str]:
        return [*super()._default_extra_template_basedirs(), _TEMPLATES]

    def from_notebook_node(
        self, nb: Any, resources: ResourcesDict | None = None, **kwargs: Any
    ) -> tuple[str, ResourcesDict]:
        """Return the page and its resources."""
        resources = self._init_resources(resources)
        resources["nbcache"] = {"footer": ""}
        if self.strip:
            nb = strip_pragmas(strip_nbcache(nb))
        else:
            resources["nbcache"] = self._marks(nb)
        page: tuple[str, ResourcesDict] = super().from_notebook_node(nb, resources, **kwargs)
        return page

    def _marks(self, nb: Any) -> dict[str, Any]:
        """Give each cell its badge and return the footer; takes live displays out."""
        from nbcache.store.opening import open_store

        for cell in nb.cells:
            strip_displays(cell)
        events = events_of(nb, open_store().find)
        for index, event in events.items():
            nb.cells[index].metadata[MARK]["badge"] = badge_html(event)
        codes = sum(bool(c.cell_type == "code" and c.source.strip()) for c in nb.cells)
        return {"footer": footer_html(events, codes)}


def badge_html(event: CellEvent) -> str:
    """Return a static badge in the place where the live one stands."""
    return f'<div class="nbcache-static">{static_html(event)}</div>'


def strip_pragmas(nb: Any) -> Any:
    """Take the lines that ask for caching out of every cell, in place."""
    for cell in nb.cells:
        if cell.cell_type == "code":
            ours = {pragma.lineno for pragma in find_pragmas(cell.source)}
            lines = enumerate(cell.source.splitlines(keepends=True), 1)
            cell.source = "".join(line for number, line in lines if number not in ours)
    return nb


class NbcacheNotebookExporter(NotebookExporter):
    """The notebook as it is, or with nothing of nbcache in it."""

    export_from_notebook = "Notebook from the cache"
    strip = Bool(False, help="Leave nothing of nbcache in the notebook.").tag(config=True)

    def from_notebook_node(
        self, nb: Any, resources: ResourcesDict | None = None, **kwargs: Any
    ) -> tuple[str, ResourcesDict]:
        """Return the notebook's text and its resources."""
        for cell in nb.cells:
            strip_displays(cell)
        if self.strip:
            nb = strip_pragmas(strip_nbcache(nb))
        text: tuple[str, ResourcesDict] = super().from_notebook_node(nb, resources, **kwargs)
        return text
