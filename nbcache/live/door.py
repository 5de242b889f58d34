"""The live door of one kernel: its events go to the front ends, their orders come back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nbcache.extension import Extension, extension_of
from nbcache.live.ahead import Ahead
from nbcache.live.board import TARGET, VERSION, Board
from nbcache.live.channel import Channel
from nbcache.live.orders import ORDERS
from nbcache.options import OPTIONS

if TYPE_CHECKING:
    from nbcache.events import CellEvent, Progress

_ATTRIBUTE = "_nbcache_live"


def open_live(shell: Any) -> None:
    """Tell front ends about the cells of a shell; nothing where there is no kernel."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None or not hasattr(kernel, "comm_manager"):
        return
    live = Live(extension_of(shell), kernel)
    live.open()
    setattr(shell, _ATTRIBUTE, live)


def close_live(shell: Any) -> None:
    """Undo ``open_live``."""
    live = getattr(shell, _ATTRIBUTE, None)
    if live is not None:
        live.close()
        delattr(shell, _ATTRIBUTE)


class Live:
    """Connects one shell's extension with its front ends."""

    def __init__(self, extension: Extension, kernel: Any) -> None:
        self.extension = extension
        self.board = Board()
        self.channel = Channel(kernel, self._receive)
        self.ahead = Ahead(extension, kernel, self._foretell)

    def open(self) -> None:
        """Begin to listen to the extension and to the front ends."""
        self.channel.open()
        self.ahead.open()
        self.extension.listeners.append(self._tell)
        self.extension.progress_listeners.append(self._tell_progress)
        self.send_state()

    def close(self) -> None:
        """Stop all of it."""
        self.extension.listeners.remove(self._tell)
        self.extension.progress_listeners.remove(self._tell_progress)
        self.ahead.close()
        self.channel.close()

    def send_state(self) -> None:
        """Tell everything to every front end."""
        self.channel.send(
            self.board.snapshot(
                clock=time.time(),
                auto=self.extension.asking.auto,
                options=list(OPTIONS),
                disabled=self.extension.settings.disable,
            )
        )

    def _tell(self, event: CellEvent) -> None:
        self._send(self.board.tell(event))

    def _tell_progress(self, progress: Progress) -> None:
        self._send(self.board.tell_progress(progress))

    def _send(self, message: Mapping[str, Any]) -> None:
        """Tell what a cell does, if anybody listens; who joins later is told everything."""
        from nbcache.status import has_extension  # no cell was looked at before

        if self.channel.is_joined or has_extension(self.extension.shell):
            self.channel.send(message)

    def _foretell(self, found: Mapping[str, dict[str, Any] | None]) -> None:
        message = self.board.tell_ahead(found)
        if message is not None:
            self.channel.send(message)

    def _receive(self, message: Mapping[str, Any]) -> None:
        """Obey one order of a front end; what is not understood is left alone."""
        order = message.get("content", {}).get("data")
        if not isinstance(order, Mapping) or order.get("version", VERSION) != VERSION:
            return
        obey = ORDERS.get(str(order.get("kind", "hello")))
        if obey is None:
            return
        try:
            obey(self, order)
        except Exception as error:
            text = f"nbcache could not do that: {type(error).__name__}: {error}"
            self.channel.send(
                {"version": VERSION, "target": TARGET, "kind": "problem", "text": text}
            )
