"""Whether a stored run still holds, as far as it shows without a kernel."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nbcache.cell.touches import touched_names
from nbcache.cli.sources import source_of
from nbcache.downstream import Link, spread
from nbcache.entry import Entry
from nbcache.moved import moved_parts
from nbcache.policy import DEFAULT, expires_at
from nbcache.report import format_age


@contextlib.contextmanager
def inside(notebook: Path) -> Iterator[None]:
    """Work in the notebook's folder: its files are named relative to it."""
    before = os.getcwd()
    os.chdir(notebook.resolve().parent)
    try:
        yield
    finally:
        os.chdir(before)


def present_state(text: str, entry: Entry, now: float) -> tuple[str, list[str]]:
    """Return ``hit``, ``stale`` or ``expired``, and why."""
    reasons = [*_source_changes(text, entry), *_outside_changes(entry.late)]
    if reasons:
        return "stale", reasons
    expiry = expires_at(entry, DEFAULT)
    if expiry is not None and expiry <= now:
        return "expired", [f"the entry expired {format_age(now - expiry)} ago"]
    return "hit", []


def _source_changes(text: str, entry: Entry) -> list[str]:
    if "source" not in entry.parts:
        return []  # a policy left it out
    found = source_of(text)
    source = found[0] if found else None
    then = {"source": entry.parts.get("source", "")}
    now = {"source": source.digest if source else ""}
    return moved_parts(then, now, entry.about, {"lines": source.lines if source else ()})


def _outside_changes(late: Mapping[str, Any]) -> list[str]:
    """Say which files and local modules changed, and which libraries have another version here."""
    from nbcache.deps.trackers import standard_trackers
    from nbcache.deps.versions import installed_version

    modules = late.get("modules", {})
    versions = {
        name: version
        for name, version in modules.get("versions", {}).items()
        if installed_version(name) is not None  # a kernel may have libraries that we have not
    }
    seen: dict[str, Any] = {"modules": {"local": modules.get("local", {}), "versions": versions}}
    if "files" in late:
        seen["files"] = late["files"]
    return standard_trackers().check(seen)


def causes(cells: Sequence[tuple[str, str, Entry | None, str]]) -> list[str]:
    """Return for each cell (label, text, entry, state) what it depends on that is not fresh."""
    return spread([_link(*cell) for cell in cells])


_UNSETTLED = {"stale": "is stale", "expired": "is expired", "missing": "is not stored"}


def _link(label: str, text: str, entry: Entry | None, state: str) -> Link:
    found = source_of(text)
    why = _UNSETTLED.get(state, "")
    if found is None:
        return Link(label)
    source, nodes = found
    touches = {*touched_names(nodes, source.names)}
    reads = {*source.names.reads}
    if entry is not None:
        touches.update(entry.about.get("writes", ()))
        inputs = entry.about.get("inputs", {})
        reads = {name.removeprefix("input ") for name in entry.parts if name.startswith("input ")}
        modules = {name for name in inputs if inputs[name].get("kind") == "module"}
        reads -= modules
    return Link(label, frozenset(reads), frozenset(touches), why, is_exact=True)
