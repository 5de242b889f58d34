"""Environment variables: which a run read and with what value before, which it set or deleted.

A read from the user's code, directly or through the standard library (``expanduser``), always
counts. A read from an installed library counts unless it happens while the library is imported
(a kernel reads those once), or copies the whole environment, or asks for a variable that
belongs to the session and the machine rather than to the result (``SESSION_VARIABLES``). A run that
starts a process depends on all others, and on those of the session that the notebook has set. What
a C library reads cannot be seen. Values are kept as digests.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbcache.deps.arrivals import loaded_mark
from nbcache.deps.impurity import process_places
from nbcache.deps.patching import Patches
from nbcache.deps.places import caller, owner_of
from nbcache.deps.protocol import Observed
from nbcache.deps.variables import (
    OF_THE_KERNEL,
    SESSION_VARIABLES,
    altered_digests,
    as_text,
    as_texts,
    inherited_by,
    names_digest,
    raw_variables,
    variable_digest,
    variable_news,
)
from nbcache.deps.watching import Watcher


@dataclass(slots=True)
class _Run:
    before: dict[Any, Any]
    read: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    copied_by: set[int] = field(default_factory=set)
    is_inherited: bool = False
    lists_all: bool = False


class EnvironmentTracker(Watcher[_Run]):
    """Follows ``os.environ``."""

    name = "environment"

    def _begin(self, patches: Patches) -> _Run:
        run = _Run(dict(raw_variables()))
        kind = type(os.environ)

        def on_read(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            name = as_text(args[1])
            if name not in run.read and name not in run.written:
                self._note_read(run, name)

        def on_iteration(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            frame = sys._getframe(1)
            if caller(frame, through_shell=True) == "user":
                run.lists_all = True
                names = map(as_text, run.before)
                run.read.update(name for name in names if not OF_THE_KERNEL.match(name))
            else:
                run.is_inherited = run.is_inherited or caller(frame) != "import"
                run.copied_by.add(_library_frame(frame))

        def on_write(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            run.written.add(as_text(args[1]))

        def on_process(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if not run.is_inherited and caller(sys._getframe(1)) != "import":
                run.is_inherited = True

        patches.watch(on_process, *process_places(loaded_mark()))
        patches.watch(on_read, (kind, "__getitem__"))
        patches.watch(on_iteration, (kind, "__iter__"), (kind, "__len__"))
        patches.watch(on_write, (kind, "__setitem__"), (kind, "__delitem__"))
        return run

    def _note_read(self, run: _Run, name: str) -> None:
        frame = sys._getframe(2)
        who = caller(frame, through_shell=True)
        if run.lists_all and OF_THE_KERNEL.match(name):
            return
        if who == "library":
            is_session = bool(SESSION_VARIABLES.match(name))
            if is_session or _library_frame(frame) in run.copied_by:
                return
        if who != "import":
            run.read.add(name)

    def absorb(self, late: Mapping[str, Any]) -> None:
        """Count the variables of a nested hit as read by the runs around it."""
        for run in self._active:
            run.is_inherited = run.is_inherited or "inherited" in late
            run.read.update(set(late.get("read", ())) - run.written)

    def _end(self, run: _Run) -> Observed:
        if not run.read and not run.is_inherited and raw_variables() == run.before:
            return Observed()
        before = as_texts(run.before)
        after = before if raw_variables() == run.before else as_texts(raw_variables())
        put = {key: value for key, value in after.items() if before.get(key) != value}
        deleted = [key for key in before if key not in after]
        read = {key: variable_digest(before.get(key)) for key in sorted(run.read)}
        late: dict[str, Any] = {"read": read} if read else {}
        if run.lists_all:
            late["names"] = names_digest(before)
        if run.is_inherited:
            passed_on = inherited_by(before)
            late["inherited"] = {key: variable_digest(one) for key, one in passed_on.items()}
            if altered := altered_digests(before):
                late["altered"] = altered
        effect = {"set": put, "deleted": deleted} if put or deleted else None
        return Observed(late or None, effect)

    def _check(self, late: Mapping[str, Any]) -> str | None:
        return variable_news(late)

    def _apply(self, effect: Any) -> None:
        os.environ.update(effect["set"])
        for key in effect["deleted"]:
            os.environ.pop(key, None)


def _library_frame(frame: Any) -> int:
    """Return the identity of the innermost frame outside of us and the standard library."""
    while frame is not None and owner_of(frame.f_code.co_filename) in {"own", "standard"}:
        frame = frame.f_back
    return id(frame)
