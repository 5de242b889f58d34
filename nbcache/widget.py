"""The status bar for front ends that have widgets but not our extension, and ``%nbcache panel``.

A bar stands above the cell's output: state, Refresh, Clear. It is drawn only for requests that
name their cell, which those of headless clients do not. Its messages carry no parent, so that
they are no part of any cell's output, and its display carries static HTML for everyone else.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nbcache.badge import MARK, compact, status_bundle
from nbcache.events import CellEvent, State
from nbcache.extension import Extension, extension_of
from nbcache.live.rerun import rerun, streams_again
from nbcache.policy import Policy
from nbcache.status import has_extension, request_metadata, show_status

_ATTRIBUTE = "_nbcache_bars"
_VIEW = "application/vnd.jupyter.widget-view+json"
_RUN_AGAIN = "Run the cell again: it goes past the cache once."


def open_bars(shell: Any) -> None:
    """Let cells that are cached here show a bar where that is possible."""
    bars = Bars(extension_of(shell))
    bars.open()
    setattr(shell, _ATTRIBUTE, bars)


def close_bars(shell: Any) -> None:
    """Undo ``open_bars``."""
    bars = getattr(shell, _ATTRIBUTE, None)
    if bars is not None:
        bars.close()
        delattr(shell, _ATTRIBUTE)


class Bars:
    """The bars of one kernel: one for each cell, the last one of a cell counts."""

    def __init__(self, extension: Extension) -> None:
        self.extension = extension
        self.shell = extension.shell
        self._bars: dict[str, Bar] = {}
        self._current: Bar | None = None

    def open(self) -> None:
        """Take over how a status is shown."""
        self.extension.preparers.append(self._prepare)
        self.extension.show = self._show
        self.extension.panel = self.show_panel

    def close(self) -> None:
        """Give it back, and take every bar away."""
        self.extension.preparers.remove(self._prepare)
        self.extension.show = self.extension.panel = None
        for bar in self._bars.values():
            bar.close()

    def _prepare(self, request: Any, policy: Policy) -> None:
        """Draw the bar of a cell that is about to be looked up."""
        self._current = None
        if policy.quiet or not policy.explicit or not self._can_draw():
            return
        bar = Bar(self.shell, self._refresh, self._clear)
        if bar.draw(request.cell_id, request.title):
            before = self._bars.pop(request.cell_id, None)
            if before is not None:
                before.close()
            self._current = self._bars[request.cell_id] = bar

    def _can_draw(self) -> bool:
        settings = self.extension.settings
        if settings.headless or settings.trust_all or has_extension(self.shell):
            return False
        return bool(request_metadata(self.shell).get("cellId"))

    def _show(self, event: CellEvent) -> None:
        bar, self._current = self._current, None
        if bar is None or event.cell_id != bar.cell_id:
            self._current = bar
            show_status(self.shell, event, self.extension.settings)
        else:
            bar.update(event)

    def _refresh(self, bar: Bar) -> None:
        self.extension.asking.refresh_next.add(bar.cell_id)
        if streams_again():
            rerun(self.shell.kernel, bar.request)
        else:
            bar.say(_RUN_AGAIN)

    def _clear(self, bar: Bar) -> None:
        store = self.extension.session.shelf.store
        for entry in list(store.find(bar.key)) if bar.key else []:
            store.remove(entry)
        bar.say("Nothing is stored for this cell any more.")

    def show_panel(self) -> None:
        """Show all cells with buttons to refresh the view and to clear; static without widgets."""
        from nbcache.report import table_html  # not before somebody looks

        rows = list(self.extension.session.ledger.events.values())
        data: dict[str, Any] = {
            "text/html": table_html(rows),
            "text/plain": f"{len(rows)} cached cells",
        }
        panel = None if has_extension(self.shell) or not self._can_draw() else self._panel()
        if panel is not None:
            data[_VIEW] = view_of(panel)
        self.shell.display_pub.publish(data, {MARK: {"kind": "panel"}})

    def _panel(self) -> Any:
        from nbcache.report import table_html

        widgets = import_widgets()
        if widgets is None:
            return None
        with without_parent(self.shell.kernel):
            shown = widgets.HTML()
            update = widgets.Button(description="Update", tooltip="Show the cells as they are now")
            clear = widgets.Button(description="Clear all", tooltip="Forget all stored results")
            box = widgets.VBox([shown, widgets.HBox([update, clear])])

        def draw(_: Any = None) -> None:
            rows = list(self.extension.session.ledger.events.values())
            with without_parent(self.shell.kernel):
                shown.value = table_html(rows)

        def forget(_: Any) -> None:
            for event in self.extension.session.ledger.events.values():
                for entry in list(self.extension.session.shelf.store.find(event.key)):
                    self.extension.session.shelf.store.remove(entry)
            draw()

        update.on_click(draw)
        clear.on_click(forget)
        draw()
        return box


class Bar:
    """One bar: a line of HTML and two buttons, drawn once and updated in place."""

    def __init__(
        self, shell: Any, refresh: Callable[[Bar], None], clear: Callable[[Bar], None]
    ) -> None:
        self.shell = shell
        self.cell_id = ""
        self.key = ""
        self.request: dict[str, Any] = dict(shell.parent_header or {})
        self._orders = refresh, clear
        self._display_id = f"nbcache-{uuid.uuid4().hex}"
        self._box: Any = None
        self._line: Any = None

    def draw(self, cell_id: str, title: str) -> bool:
        """Show the bar with the cell under way; False where there are no widgets."""
        widgets = import_widgets()
        if widgets is None:
            return False
        self.cell_id = cell_id
        with without_parent(self.shell.kernel):
            self._line = widgets.HTML("<span style='opacity:.8'>running …</span>")
            layout = {"width": "auto", "height": "24px"}
            again = widgets.Button(
                description="Refresh", tooltip="Run this cell past the cache", layout=layout
            )
            forget = widgets.Button(
                description="Clear", tooltip="Forget the stored result", layout=layout
            )
            centred = {"align_items": "center"}
            self._box = widgets.HBox([self._line, again, forget], layout=centred)
        again.on_click(lambda _: self._orders[0](self))
        forget.on_click(lambda _: self._orders[1](self))
        data = {"text/plain": "nbcache: running", "text/html": "", _VIEW: view_of(self._box)}
        self._publish(data, {MARK: {"state": "running", "title": title}}, update=False)
        return True

    def update(self, event: CellEvent) -> None:
        """Show what became of the cell, also in what a saved file or an export shows."""
        from nbcache.report import default_reason, status_html

        self.key = event.key
        now = time.time()
        with without_parent(self.shell.kernel):
            self._line.value = status_html(event, now)
        data, metadata = status_bundle(event, now)
        if event.state is State.ERROR:
            metadata = {MARK: {**compact(event), "reasons": [default_reason(event)]}}
        self._publish({**data, _VIEW: view_of(self._box)}, metadata, update=True)

    def say(self, words: str) -> None:
        """Show a sentence in place of the state."""
        with without_parent(self.shell.kernel):
            self._line.value = f"<span style='opacity:.8'>{words}</span>"

    def close(self) -> None:
        """Take the widgets away."""
        with without_parent(self.shell.kernel):
            for widget in (*self._box.children, self._box):
                widget.close()

    def _publish(self, data: dict[str, Any], metadata: dict[str, Any], *, update: bool) -> None:
        transient = {"display_id": self._display_id}
        self.shell.display_pub.publish(data, metadata, transient=transient, update=update)


def view_of(widget: Any) -> dict[str, Any]:
    """Return the display data of a widget's view."""
    return {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}


def import_widgets() -> Any:
    """Return the module ``ipywidgets``, None where it can't be imported."""
    try:
        import ipywidgets
    except ImportError:
        return None
    return ipywidgets


@contextmanager
def without_parent(kernel: Any) -> Iterator[None]:
    """Let messages of widgets belong to no request, so that no cell's output holds them."""
    kernel.get_parent = lambda *_, **__: {}
    try:
        yield
    finally:
        del kernel.get_parent
