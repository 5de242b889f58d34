"""Real ipykernel processes for the tests: run a cell, see all that it sent."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.manager import start_new_kernel

Message = tuple[str, dict[str, Any]]
NOT_OUTPUT = frozenset({"status", "execute_input"})


@dataclass
class Reply:
    """What one request brought: its output messages, its reply, and nbcache's event."""

    messages: list[Message] = field(default_factory=list)
    content: dict[str, Any] = field(default_factory=dict)
    event: dict[str, Any] = field(default_factory=dict)
    request: str = ""

    @property
    def state(self) -> str:
        """The state of the cell, empty when nbcache had nothing to do with it."""
        return str(self.event.get("state", ""))

    @property
    def own(self) -> list[Message]:
        """The cell's own output messages, without nbcache's displays.

        A stream's text is one, in however many pieces a slow kernel sent it.
        """
        found: list[Message] = []
        for kind, content in self.messages:
            if "nbcache" in content.get("metadata", {}):
                continue
            last, before = found[-1] if found else ("", {})
            if kind == last == "stream" and content["name"] == before["name"]:
                found[-1] = kind, {**before, "text": before["text"] + content["text"]}
            else:
                found.append((kind, content))
        return found

    @property
    def text(self) -> str:
        """All text of the cell's own streams and displays."""
        parts = []
        for kind, content in self.own:
            if kind == "error":
                parts.append(f"{content['ename']}: {content['evalue']}")
            else:
                parts.append(content.get("text") or content.get("data", {}).get("text/plain", ""))
        return "".join(parts)


class Kernel:
    """One running kernel."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def run(
        self,
        code: str,
        *,
        silent: bool = False,
        store_history: bool = True,
        cell_id: str = "",
        metadata: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Run one cell to its end."""
        content = {
            "code": code,
            "silent": silent,
            "store_history": store_history,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        message = self.client.session.msg("execute_request", content)
        message["metadata"] = {**(metadata or {}), **({"cellId": cell_id} if cell_id else {})}
        self.client.shell_channel.send(message)
        return self.collect(message["header"]["msg_id"])

    def collect(self, request: str) -> Reply:
        """Gather everything that belongs to a request."""
        reply = self.collect_output(request)
        while True:
            message = self.client.get_shell_msg(timeout=120)
            if message["parent_header"].get("msg_id") == request:
                break
        reply.content = message["content"]
        reply.event = message["metadata"].get("nbcache", {})
        return reply

    def collect_output(self, request: str) -> Reply:
        """Gather the output of a request until the kernel is idle again."""
        reply = Reply(request=request)
        while True:
            message = self.client.get_iopub_msg(timeout=120)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            if kind not in NOT_OUTPUT:
                reply.messages.append((kind, content))
        return reply

    def value(self, expression: str) -> str:
        """Return an expression's repr, silently."""
        message = self.client.execute(
            "", silent=True, user_expressions={"v": f"repr(({expression}))"}
        )
        found = self.collect(message).content["user_expressions"]["v"]
        if found["status"] != "ok":
            return f"{found['ename']}: {found['evalue']}"
        return str(eval(found["data"]["text/plain"]))


def start(**options: Any) -> tuple[Any, Any]:
    """Start a kernel; once more if another process took one of its ports before it was up."""
    for _ in range(2):
        with suppress(RuntimeError):
            return start_new_kernel(**options)
    return start_new_kernel(**options)


def _quiet_folder(store: Path | None) -> Path:
    """Return a folder where nobody else is at work, the same for all kernels of one store."""
    if store is None:
        return Path(tempfile.mkdtemp(prefix="nbcache-cwd-"))
    folder = store.parent / ".nbcache-cwd"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def kernel(
    store: Path | None = None, *, load: bool = True, folder: Path | None = None, **env: str
) -> Iterator[Kernel]:
    """Start a kernel with its own store, in a folder where nobody else is at work.

    ``load`` loads the extension first.
    """
    variables = {name: v for name, v in os.environ.items() if not name.startswith("NBCACHE_")}
    variables.pop("PYTEST_CURRENT_TEST", None)  # with it ipykernel leaves descriptors 1 and 2 alone
    if store is not None:
        variables["NBCACHE_DIR"] = str(store)
        variables["NBCACHE_KEY_DIR"] = str(store.parent / "keys")
    cwd = folder or _quiet_folder(store)
    manager, client = start(env={**variables, **env}, cwd=str(cwd))
    try:
        made = Kernel(client)
        if load:
            made.run("%load_ext nbcache", store_history=False)
        yield made
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        if cwd is not folder and store is None:
            shutil.rmtree(cwd, ignore_errors=True)
