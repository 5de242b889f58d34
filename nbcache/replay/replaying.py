"""Doing again what a recorded run did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbcache.deps.trackers import Trackers
from nbcache.entry import Entry
from nbcache.errors import CacheError
from nbcache.heap.registry import kind_of
from nbcache.heap.walk import Walk
from nbcache.replay.namespace import apply_changes
from nbcache.replay.outputs import Tap


def replay(
    shell: Any, entry: Entry, values: Mapping[str, Any], reading: Any, trackers: Trackers, tap: Tap
) -> None:
    """Leave kernel, namespace and outputs as the recorded run left them.

    Raises:
        CacheError: something could not be repeated; the namespace is as it was before.
    """
    for name, line in entry.effects.get("setup", ()):
        run_quietly(shell, name, line)
    trackers.apply(values["effects"])
    trackers.absorb(entry.late)
    restore = undo_log(values, reading.walk)
    try:
        apply_changes(values, shell.user_ns, reading.walk)
    except Exception as error:
        for live, state in restore:
            kind_of(type(live)).patch(live, state)
        raise CacheError(f"a change could not be repeated: {error}") from error
    show(shell, entry, values["result"], reading.request.execution_count, tap)


def undo_log(values: Mapping[str, Any], walk: Walk) -> list[tuple[Any, Any]]:
    """Return what is needed to take back patches of small objects."""
    log = []
    for ordinal, _ in values["patches"]:
        live = walk.objects[ordinal]
        log.append((live, kind_of(type(live)).state(live)))
    return log


def run_quietly(shell: Any, name: str, line: str) -> None:
    """Run a set-up magic again without its output: that is replayed."""
    from IPython.utils.capture import capture_output

    with capture_output():
        shell.run_line_magic(name, line)


def show(shell: Any, entry: Entry, result: list[Any], execution_count: int, tap: Tap) -> None:
    """Send the recorded messages, and put the result where IPython keeps results."""
    tap.send(entry.outputs, execution_count)
    if not result:
        return
    hook = shell.displayhook
    hook.update_user_ns(result[0])
    hook.fill_exec_result(result[0])
    for message in entry.outputs:
        if message["msg_type"] == "execute_result":
            hook.log_output(message["content"]["data"])
