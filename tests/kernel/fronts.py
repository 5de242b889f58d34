"""A front end that joined a kernel's comm, as the browser's extension does."""

from __future__ import annotations

import time
from typing import Any

from kernels import Kernel


class Front:
    """A front end that joined the kernel's comm, as the browser's extension does."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.comm_id = next(iter(self.comms()))

    def comms(self) -> list[str]:
        request = self.kernel.client.comm_info(target_name="nbcache")
        while True:
            reply = self.kernel.client.get_shell_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == request:
                return list(reply["content"]["comms"])

    def say(self, kind: str, **content: Any) -> None:
        data = {"version": 1, "kind": kind, **content}
        session = self.kernel.client.session
        message = session.msg("comm_msg", {"comm_id": self.comm_id, "data": data})
        self.kernel.client.shell_channel.send(message)

    def hear_phase(self, phase: str) -> dict[str, Any]:
        """Return what is told of the next cell that enters a phase."""
        while True:
            cell = self.hear("cell")["cell"]
            if (cell["progress"] or {}).get("phase") == phase:
                return dict(cell["progress"])

    def hear(self, kind: str) -> dict[str, Any]:
        """Return the data of the next message of a kind."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            message = self.kernel.client.get_iopub_msg(timeout=60)
            data = message["content"].get("data", {})
            if message["msg_type"] == "comm_msg" and data.get("kind") == kind:
                assert data["version"] == 1
                assert not message["parent_header"]
                return dict(data)
        raise AssertionError(f"no {kind} was heard")

    def run(self, code: str, cell_id: str, **metadata: Any) -> list[dict[str, Any]]:
        """Run a cell and return what the comm told meanwhile."""
        return self.collect(self.send(code, cell_id, **metadata))

    def send(self, code: str, cell_id: str, **metadata: Any) -> str:
        """Ask for a cell to be run, and return the request's name."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
        client = self.kernel.client
        message = client.session.msg("execute_request", {**content, "allow_stdin": False})
        message["metadata"] = {"cellId": cell_id, "nbcache.front": 1, **metadata}
        client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def collect(self, request: str) -> list[dict[str, Any]]:
        """Return what the comm told of cells until the request was answered."""
        told: list[dict[str, Any]] = []
        client = self.kernel.client
        while True:
            heard = client.get_iopub_msg(timeout=60)
            if heard["msg_type"] == "comm_msg":
                told.append(heard["content"]["data"])
            assert heard["msg_type"] != "display_data", "a badge was put into the output"
            is_ours = heard["parent_header"].get("msg_id") == request
            if is_ours and heard["content"].get("execution_state") == "idle":
                return [data["cell"] for data in told if data["kind"] == "cell"]
