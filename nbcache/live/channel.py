"""The comm between a kernel and its front ends: one for all of them, open as long as nbcache is.

The kernel's comm is listed by ``comm_info_request`` and is never announced with ``comm_open``,
which front ends without our extension would answer with an error in their logs. A front end
that opens a comm of its own on the target is served on that one.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from nbcache.live.board import TARGET


class Channel:
    """Sends messages to every front end, and hands on what each of them says."""

    def __init__(self, kernel: Any, receive: Callable[[Mapping[str, Any]], None]) -> None:
        self._kernel = kernel
        self.is_joined = False
        """Whether a front end has said anything: each does as soon as it finds the kernel."""
        self._give = receive
        self._opened: dict[str, Any] = {}
        self._shared = self._make_shared()

    def open(self) -> None:
        """Let front ends find the target and the shared comm."""
        manager = self._kernel.comm_manager
        manager.register_target(TARGET, self._joined)
        manager.register_comm(self._shared)

    def close(self) -> None:
        """Take the target and all comms away, and tell the front ends so."""
        manager = self._kernel.comm_manager
        manager.unregister_target(TARGET, self._joined)
        for comm_id in [self._shared.comm_id, *self._opened]:
            self._publish("comm_close", comm_id, {})
        for comm in [self._shared, *self._opened.values()]:
            comm._closed = True  # told above, without a parent
            manager.unregister_comm(comm)
        self._opened.clear()

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message to every front end."""
        for comm_id in [self._shared.comm_id, *self._opened]:
            self._publish("comm_msg", comm_id, message)

    def _receive(self, message: Mapping[str, Any]) -> None:
        self.is_joined = True
        self._give(message)

    def _make_shared(self) -> Any:
        from comm import create_comm

        shared = create_comm(TARGET, comm_id=uuid.uuid4().hex, primary=False)
        shared.on_msg(self._receive)
        shared.on_close(self._reopen)
        return shared

    def _joined(self, comm: Any, message: Mapping[str, Any]) -> None:
        self._opened[comm.comm_id] = comm
        comm.on_msg(self._receive)
        comm.on_close(lambda _: self._opened.pop(comm.comm_id, None))
        self._receive(message)

    def _reopen(self, _: Any) -> None:
        """Survive a front end that closes the comm which it shares with others."""
        self._kernel.io_loop.add_callback(self._kernel.comm_manager.register_comm, self._shared)

    def _publish(self, kind: str, comm_id: str, data: Mapping[str, Any]) -> None:
        """Send without a parent, so that no cell's recording hears it."""
        kernel = self._kernel
        content = {"comm_id": comm_id, "data": data}
        ident = f"comm-{comm_id}".encode()
        kernel.session.send(kernel.iopub_socket, kind, content, ident=ident)
