"""Doing again what a recorded run did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbcache.deps.randomness import RandomTracker
from nbcache.deps.trackers import Trackers
from nbcache.deps.uninterrupted import uninterrupted
from nbcache.entry import Entry
from nbcache.heap.muted import muted
from nbcache.heap.walk import Walk
from nbcache.replay.hushed import hushed
from nbcache.replay.made import keep
from nbcache.replay.module_state import bind_variables, variables_of
from nbcache.replay.namespace import apply_changes
from nbcache.replay.outputs import Tap
from nbcache.replay.shell_state import ShellState
from nbcache.replay.undoing import all_or_nothing, old_bindings, undo_log


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
        modules = effects.pop("modules", None)
        if modules is not None:
            with hushed():
                trackers.apply({"modules": modules})
        if entry.effects.get("registered"):
            ShellState.of(shell).require(entry.effects["registered"])
        draws = {RandomTracker.name: effects.pop(RandomTracker.name, None)}
        with change(values, shell.user_ns, reading.walk):
            trackers.apply(effects)
            trackers.apply(draws)  # last: if a change fails, the cell runs from where they were
        trackers.absorb(entry.late)
    show(shell, entry, values["result"], reading.request.execution_count, tap)


@contextmanager
def change(values: Mapping[str, Any], namespace: dict[str, Any], walk: Walk) -> Iterator[None]:
    """Apply the changes to names and live objects and do what is inside: all of it or nothing.

    Raises:
        CacheError: a change could not be applied; everything is as it was before.
        RuntimeError: and what was applied already could not be taken back.
    """
    modules = values.get("modules", {})
    more = bool(modules or values["effects"])
    log = undo_log(values["patches"], walk, more=more)
    with all_or_nothing(log, old_bindings([(namespace, values), *variables_of(modules)])):
        with muted():
            apply_changes(values, namespace, walk)
        bind_variables(modules)
        keep(values.get("made", {}))
        yield
    if values["annotations"]:
        namespace.setdefault("__annotations__", {}).update(values["annotations"])


def run_quietly(shell: Any, name: str, line: str) -> None:
    """Run a set-up magic again without its output: that is replayed."""
    from IPython.utils.capture import capture_output

    with capture_output():
        shell.run_line_magic(name, line)


def show(shell: Any, entry: Entry, result: list[Any], execution_count: int, tap: Tap) -> None:
    """Send the recorded messages, and put the result where IPython keeps results."""
    tap.send(entry.outputs, execution_count)
    visited = entry.effects.get("visited", ())
    if visited:  # by ``%cd``
        shell.user_ns.setdefault("_dh", []).extend(map(Path, visited))
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
