"""Doing again what a recorded run did."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from nbcache.deps.randomness import RandomTracker
from nbcache.deps.trackers import Trackers
from nbcache.deps.uninterrupted import uninterrupted
from nbcache.entry import Entry
from nbcache.errors import CacheError
from nbcache.heap.muted import muted
from nbcache.heap.registry import kind_of
from nbcache.heap.walk import Walk
from nbcache.replay.hushed import hushed
from nbcache.replay.module_state import bind_variables
from nbcache.replay.namespace import apply_changes
from nbcache.replay.outputs import Tap
from nbcache.replay.shell_state import ShellState


def replay(
    shell: Any,
    entry: Entry,
    values: Mapping[str, Any],
    *,
    reading: Any,
    trackers: Trackers,
    tap: Tap,
) -> None:
    """Leave kernel, namespace and outputs as the recorded run left them.

    Raises:
        CacheError: something could not be repeated; the namespace is as it was before.
    """
    with uninterrupted():
        for name, line in entry.effects.get("setup", ()):
            run_quietly(shell, name, line)
        shell.compile.flags |= entry.effects.get("compile_flags", 0)
        effects = dict(values["effects"])
        with hushed():
            trackers.apply({"modules": effects.pop("modules", None)})
        if entry.effects.get("registered"):
            ShellState.of(shell).require(entry.effects["registered"])
        draws = {RandomTracker.name: effects.pop(RandomTracker.name, None)}
        trackers.apply(effects)
        trackers.absorb(entry.late)
        change(values, shell.user_ns, reading.walk)
        trackers.apply(draws)  # when a change fails, the cell runs: from where the streams were
    show(shell, entry, values["result"], reading.request.execution_count, tap)


def change(values: Mapping[str, Any], namespace: dict[str, Any], walk: Walk) -> None:
    """Apply the changes to names and live objects, all of them or none.

    Raises:
        CacheError: a change could not be applied.
    """
    restore = undo_log(values, walk)
    try:
        with muted():
            apply_changes(values, namespace, walk)
        bind_variables(values.get("modules", {}))
        if values["annotations"]:
            namespace.setdefault("__annotations__", {}).update(values["annotations"])
    except Exception as error:
        for live, state in restore:
            with suppress(Exception):  # what can't be set was not, and the others can
                kind_of(type(live)).patch(live, state)
        raise CacheError(f"a change could not be repeated: {error}") from error


def undo_log(values: Mapping[str, Any], walk: Walk) -> list[tuple[Any, Any]]:
    """Return what is needed to take the patches back; a single one is all or nothing."""
    log = []
    is_whole = len(values["patches"]) == 1 and not values.get("modules")
    for ordinal, _ in () if is_whole else values["patches"]:
        live = walk.objects[ordinal]
        log.append((live, kind_of(type(live)).snapshot(live)))
    return log


def run_quietly(shell: Any, name: str, line: str) -> None:
    """Run a set-up magic again without its output: that is replayed."""
    from IPython.utils.capture import capture_output

    with capture_output():
        shell.run_line_magic(name, line)


def show(shell: Any, entry: Entry, result: list[Any], execution_count: int, tap: Tap) -> None:
    """Send the recorded messages, and put the result where IPython keeps results."""
    tap.send(entry.outputs, execution_count)
    for item in entry.effects.get("payload", ()):
        shell.payload_manager.write_payload(dict(item))
    if not result:
        return
    hook = shell.displayhook
    hook.update_user_ns(result[0])
    hook.fill_exec_result(result[0])
    for message in entry.outputs:
        if message["msg_type"] == "execute_result":
            hook.log_output(message["content"]["data"])
