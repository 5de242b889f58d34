"""Running a cell again from the kernel: its request takes another turn in the kernel's own queue.

The outputs go where the first ones went, because they answer the same request. JupyterLab and
Notebook 7 show them in the same cell as long as the page that sent the request is open.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Mapping
from typing import Any

_FIRST_TURN = "nbcache.turn"


def streams_again() -> bool:
    """Whether the front end shows outputs that come after their request was answered.

    VS Code and Colab end a cell's output with the reply, as their documentation says.
    """
    import os

    return "google.colab" not in sys.modules and "VSCODE_PID" not in os.environ


def rerun(kernel: Any, request: Mapping[str, Any]) -> None:
    """Put an execute request back into the kernel's queue, after clearing the cell's output."""
    metadata = {**request.get("metadata", {}), _FIRST_TURN: uuid.uuid4().hex}
    message = {**request, "metadata": metadata, "buffers": []}
    kernel.io_loop.add_callback(_enqueue, kernel, message)


def _enqueue(kernel: Any, message: dict[str, Any]) -> Any:
    """Hand the message to the kernel as if it had just come in; another signature is needed."""
    import zmq

    session = kernel.session
    session.send(
        kernel.iopub_socket,
        "clear_output",
        {"wait": True},
        parent=message,
        ident=f"kernel.{kernel.ident}.clear_output".encode(),
    )
    frames = [zmq.Message(part) for part in session.serialize(message, b"nbcache")]
    if hasattr(kernel, "shell_main"):  # ipykernel 7
        return kernel.shell_main(None, frames)
    kernel.schedule_dispatch(kernel.dispatch_shell, frames)
    return None
