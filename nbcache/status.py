"""Showing one cell's status where the front end has no place of its own for it."""

from __future__ import annotations

import time
from typing import Any

from nbcache.events import CellEvent, State
from nbcache.settings import Settings


def show_status(shell: Any, event: CellEvent, settings: Settings) -> None:
    """Show the badge (kernels) or the line (terminals), unless nobody would want it.

    Nothing is shown in headless runs, in automatic mode's normal course, or with ``quiet``.
    """
    if event.quiet or settings.headless or settings.trust_all or event.state is State.OFF:
        return
    if event.state is State.ERROR:
        return  # the traceback above says it
    from nbcache.badge import status_bundle

    now = time.time()
    data, metadata = status_bundle(event, now)
    if getattr(shell, "kernel", None) is not None:
        shell.display_pub.publish(data, metadata)
    else:
        print(f"\x1b[2m{data['text/plain']}\x1b[0m")
