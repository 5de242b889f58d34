"""The messages that a cell sends: heard while it runs, sent again on a hit."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from nbcache.replay.pipes import drain
from nbcache.replay.terminal import TerminalTap

Message = dict[str, Any]

RECORDED = frozenset(
    {"stream", "display_data", "update_display_data", "execute_result", "clear_output", "error"}
)
"""``error`` too: a representation that raises shows its traceback, and the cell goes on."""

REFUSED = {
    "input_request": "it asks for input, and the next answer may be another one",
    "comm_open": "it creates widgets or comms, which live in the kernel and can't be replayed",
    "comm_msg": "it talks to widgets, which can't be replayed",
    "comm_close": "it closes widgets, which can't be replayed",
    "error": "showing a value raised an error, which may not happen again",
}
COMMS = REFUSED["comm_open"]
"""Refuses a cell whose comms are all its own; it stands no more once they are left out."""

_VIEW = "application/vnd.jupyter.widget-view+json"


def are_widgets_left_out(messages: Sequence[Message]) -> bool:
    """Tell whether none of the messages shows a widget."""
    return not any(_VIEW in message["content"].get("data", {}) for message in messages)


class Tap(Protocol):
    """Hears every output message of a run."""

    def start(self) -> None:
        """Begin to listen."""

    def stop(self) -> tuple[list[Message], str | None]:
        """Stop; return the messages in order, and why they can't be replayed, if so."""

    def send(self, messages: Sequence[Mapping[str, Any]], execution_count: int) -> None:
        """Send recorded messages as if they came from the running cell."""


class KernelTap:
    """Listens on an ipykernel's session: streams, displays, results, threads, subprocesses."""

    def __init__(self, kernel: Any, shell: Any) -> None:
        self._kernel = kernel
        self._shell = shell
        self._heard: list[Message] = []
        self._refusal: str | None = None
        self._comms: set[str] = set()
        self._native: Callable[..., Any] | None = None
        self._request = ""

    def start(self) -> None:
        """Wrap the session's ``send`` on the instance."""
        flush_what_waits()
        session = self._kernel.session
        self._heard, self._refusal, self._comms = [], None, set()
        self._request = self._current_request()
        native: Callable[..., Any] = session.send
        self._native = native

        def send(stream: Any, msg_or_type: Any, *args: Any, **kwargs: Any) -> Any:
            message = native(stream, msg_or_type, *args, **kwargs)
            try:
                self._hear(message, kwargs.get("buffers") or (args[3] if len(args) > 3 else None))
            except Exception as error:
                self._refusal = f"its output could not be recorded: {error}"
            return message

        session.send = send

    def _current_request(self) -> str:
        header = getattr(self._shell, "parent_header", None) or {}
        header = header.get("header", header)
        return str(header.get("msg_id", ""))

    def _hear(self, message: Any, buffers: Any) -> None:
        if not message or message.get("parent_header", {}).get("msg_id", "") != self._request:
            return
        kind = message["header"]["msg_type"]
        if kind in REFUSED:
            self._refuse(kind, message["content"].get("comm_id", ""))
        if kind not in RECORDED:
            return
        if buffers:
            self._refusal = "it sent binary output, which can't be replayed"
        parts = {"content": message["content"], "metadata": message.get("metadata") or {}}
        self._add({"msg_type": kind, **as_wired(parts)})

    def _refuse(self, kind: str, comm: str) -> None:
        if kind == "comm_open":
            self._comms.add(comm)
        if comm in self._comms:
            self._refusal = self._refusal or COMMS
        elif self._refusal in (None, COMMS):
            self._refusal = REFUSED[kind]

    def _add(self, message: Message) -> None:
        last = self._heard[-1] if self._heard else None
        if last is not None and _stream_name(last) == _stream_name(message) != "":
            last["content"]["text"] += message["content"]["text"]
        else:
            self._heard.append(message)

    def stop(self) -> tuple[list[Message], str | None]:
        """Give the session its own ``send`` back."""
        flush_streams()
        session = self._kernel.session
        if self._native is not None and "send" in vars(session):
            del session.send
            if session.send != self._native:  # somebody else had wrapped it before us
                session.send = self._native
        self._native = None
        return self._heard, self._refusal

    def send(self, messages: Sequence[Mapping[str, Any]], execution_count: int) -> None:
        """Publish the messages on the kernel's output channel under the current request."""
        if messages:
            flush_what_waits()
        parent = self._shell.parent_header
        session, socket = self._kernel.session, self._kernel.iopub_socket
        for message in messages:
            content = dict(message["content"])
            if message["msg_type"] == "execute_result":
                content["execution_count"] = execution_count
            session.send(
                socket,
                message["msg_type"],
                content,
                parent=parent,
                ident=self._topic(message),
                metadata=dict(message.get("metadata") or {}),
            )

    def _topic(self, message: Mapping[str, Any]) -> bytes:
        kind = message["msg_type"]
        name = f"stream.{message['content']['name']}" if kind == "stream" else kind
        return f"kernel.{self._kernel.ident}.{name}".encode()


def as_wired(parts: Message) -> Message:
    """Return a copy of a message's parts as they go over the wire: bytes become base64."""
    from jupyter_client.jsonutil import json_default

    wired: Message = json.loads(json.dumps(parts, default=json_default))
    return wired


def flush_streams() -> None:
    """Push out what the standard streams hold back, so that order is kept."""
    streams = (sys.stdout, sys.stderr)
    drain(streams)
    if _flush_at_once(streams):
        return
    for stream in streams:
        try:
            stream.flush()
        except (AttributeError, ValueError, OSError):
            continue


def flush_what_waits() -> None:
    """Push out what was written before; no thread is woken where nothing waits.

    What a stream's thread is sending just now leaves it before anything that is sent after this.
    """
    streams = (sys.stdout, sys.stderr)
    drain(streams)
    if not all(map(_holds_nothing, streams)):
        flush_streams()


def _holds_nothing(stream: Any) -> bool:
    iostream = sys.modules.get("ipykernel.iostream")
    if iostream is None or type(stream) is not iostream.OutStream:
        return False
    return getattr(stream, "_buffers", None) == {}


def _stream_name(message: Message) -> str:
    return str(message["content"]["name"]) if message["msg_type"] == "stream" else ""


def _flush_at_once(streams: Sequence[Any]) -> bool:
    """Flush two streams of ipykernel in one visit to the thread that sends them, if that is all."""
    iostream = sys.modules.get("ipykernel.iostream")
    if iostream is None or any(type(stream) is not iostream.OutStream for stream in streams):
        return False
    sender = streams[0].pub_thread
    thread = getattr(sender, "thread", None)
    if any(stream.pub_thread is not sender for stream in streams) or thread is None:
        return False
    if not thread.is_alive() or thread is threading.current_thread():
        return False
    done = threading.Event()

    def flush() -> None:
        try:
            for stream in streams:
                stream._flush()
        finally:
            done.set()

    sender.schedule(flush)
    return done.wait(streams[0].flush_timeout)


def tap_of(shell: Any) -> Tap:
    """Return the tap that fits the shell: an ipykernel's, or a terminal's."""
    kernel = getattr(shell, "kernel", None)
    return KernelTap(kernel, shell) if kernel is not None else TerminalTap(shell)
