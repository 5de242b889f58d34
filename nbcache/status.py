"""Showing one cell's status where the front end has no place of its own for it."""

from __future__ import annotations

import time
from typing import Any, Final

from nbcache.events import CellEvent, State
from nbcache.settings import Settings

ANNOUNCED: Final = "nbcache.front"
"""The metadata of a request from a front end with our extension; its value is a version."""


def request_metadata(shell: Any) -> dict[str, Any]:
    """Return the metadata of the request that the shell is answering."""
    parent = getattr(shell, "parent_header", None) or {}
    found: dict[str, Any] = parent.get("metadata") or {}
    return found


def has_extension(shell: Any) -> bool:
    """Whether the front end that asked for this cell draws the badge outside of its output."""
    return bool(request_metadata(shell).get(ANNOUNCED))


def show_status(shell: Any, event: CellEvent, settings: Settings) -> None:
    """Show the badge (kernels) or the line (terminals), unless nobody would want it.

    Nothing is shown in headless runs, in automatic mode's normal course, with ``quiet``, or
    where the front end draws the badge itself.
    """
    if event.quiet or settings.headless or settings.trust_all or event.state is State.OFF:
        return
    if event.state is State.ERROR or has_extension(shell):
        return  # the traceback above says it; the badge outside of the output does
    from nbcache.badge import status_bundle

    now = time.time()
    data, metadata = status_bundle(event, now)
    if getattr(shell, "kernel", None) is not None:
        shell.display_pub.publish(data, metadata)
    else:
        print(f"\x1b[2m{data['text/plain']}\x1b[0m")
