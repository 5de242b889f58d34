"""A notebook's lineage: the entries that its cells used when it last ran as a whole.

In a new kernel, a cell's key follows from the cells before it and from what those used of the
outside world. When the notebook, its parameters and its surroundings are the same, every entry
is still there and young enough, and nothing outside moved, then every cell would be served by
the same entry again: that can be told, and the executed notebook be given, without a kernel.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from nbcache.deps.outside import Outside
from nbcache.entry import FORMAT, Body, Entry
from nbcache.errors import StoreError
from nbcache.key import digest_late

if TYPE_CHECKING:
    from nbcache.events import CellEvent
    from nbcache.store.protocol import Store

_KIND = "lineage"
_STARTUP = ("ipython_config.py", "ipython_kernel_config.py", "startup")
_COUNTS = ("PYTHON", "LC_", "LANG", "TZ", "JUPYTER", "IPYTHON", "MPL", "NBCACHE_", "VIRTUAL_ENV")
_COUNTS_NOT = frozenset({"NBCACHE_DIR", "NBCACHE_KEY_DIR"})


@dataclass(frozen=True, slots=True)
class Step:
    """One cell of a lineage: its place (from 1), first line, entry, and Unix time of expiry."""

    number: int
    title: str
    key: str
    variant: str
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Recalled:
    """A notebook that need not run: its steps with their entries, and what the run left."""

    steps: tuple[tuple[Step, Entry], ...]
    body: bytes
    stored_at: float
    results: Mapping[str, Any] = field(default_factory=dict)


class NotRecalled(Exception):
    """The notebook must run; the message says what moved."""


def lineage_key(identity: Mapping[str, Any], surroundings: Mapping[str, Any]) -> str:
    """Return the name, 32 hex digits, of a notebook run; both are JSON data."""
    data = json.dumps([_KIND, FORMAT, identity, surroundings], sort_keys=True).encode()
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def notebook_identity(nb: Mapping[str, Any], *, code_only: bool = False) -> dict[str, Any]:
    """Return everything in a notebook (nbformat 4 JSON data) that its executed copy shows.

    With ``code_only`` text cells are left out: they bear on no other cell.

    Outputs, execution counts, the language of the last kernel and what an earlier run recorded
    are left out: a run replaces them.
    """
    shown = [c for c in nb["cells"] if not code_only or c.get("cell_type") == "code"]
    cells = [_cell_identity(cell) for cell in shown]
    metadata = {k: v for k, v in nb.get("metadata", {}).items() if k != "language_info"}
    return {"cells": cells, "metadata": metadata, "format": [nb["nbformat"], nb["nbformat_minor"]]}


def _cell_identity(cell: Mapping[str, Any]) -> dict[str, Any]:
    from nbcache.badge import MARK, settings_of

    kept = {k: v for k, v in cell.items() if k not in {"outputs", "execution_count", "metadata"}}
    source = kept.get("source", "")
    kept["source"] = source if isinstance(source, str) else "".join(source)
    metadata = {k: v for k, v in cell.get("metadata", {}).items() if k not in {MARK, "trusted"}}
    return {**kept, "metadata": metadata, MARK: settings_of(cell.get("metadata", {}))}


def surroundings_of(folder: str, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return what a new kernel in ``folder`` starts from, as JSON data."""
    chosen = {k: v for k, v in environ.items() if k.startswith(_COUNTS) and k not in _COUNTS_NOT}
    return {
        "python": [sys.version, sys.prefix],
        "folder": folder,
        "environment": chosen,
        "startup": _startup_digest(environ),
    }


def _startup_digest(environ: Mapping[str, str]) -> str:
    """Return the digest of what IPython reads and runs before the first cell."""
    home = environ.get("IPYTHONDIR") or os.path.join(os.path.expanduser("~"), ".ipython")
    places = [os.path.join(home, "profile_default"), os.path.join(home, "profile_default", "db")]
    places += [os.path.join(root, "etc", "ipython") for root in (sys.prefix, "/usr/local", os.sep)]
    digest = hashlib.blake2b(digest_size=16)
    for path in _startup_files(places):
        with open(path, "rb") as file:
            digest.update(repr((path, file.read())).encode())
    return digest.hexdigest()


def _startup_files(places: Iterable[str]) -> list[str]:
    found = []
    for place in places:
        for name in _STARTUP:
            path = os.path.join(place, name)
            if os.path.isdir(path):
                found += [os.path.join(path, one) for one in sorted(os.listdir(path))]
            else:
                found.append(path)
    return [path for path in found if os.path.isfile(path) and path.endswith((".py", ".ipy"))]


def is_lineage(entry: Entry) -> bool:
    """Whether an entry stands for a whole notebook instead of a cell."""
    return entry.parts.get("kind") == _KIND


def drop_lineages(store: Store, removed: Iterable[str]) -> None:
    """Forget the lineages that need an entry which was removed, each given by its name.

    Raises:
        StoreError: the store could not be changed.
    """
    from nbcache.store.rows import LINEAGE, rows_of

    names = set(removed)
    keys = {row.key for row in rows_of(store) if row.kind == LINEAGE} if names else ()
    for entry in [entry for key in keys for entry in store.find(key)]:
        steps = entry.late.get("steps", ()) if is_lineage(entry) else ()
        if any(f"{step['key']}.{step['variant']}" in names for step in steps):
            store.remove(entry)


def keep_lineage(
    store: Store,
    key: str,
    steps: Sequence[Step],
    body: bytes,
    *,
    notebook: str,
    now: float,
    results: Mapping[str, Any] | None = None,
) -> None:
    """Store what a whole run used and left; ``results`` is what it hands on, as JSON data.

    Raises:
        StoreError: the store could not take it.
    """
    late = {"steps": [asdict(step) for step in steps], "results": dict(results or {})}
    entry = Entry(
        key=key,
        variant=digest_late({"kind": _KIND}),
        stored_at=now,
        ttl=None,
        cost=0.0,
        title=f"the whole notebook, {len(steps)} cells",
        notebook=notebook,
        parts={"kind": _KIND},
        late=late,
    )
    store.put(entry, Body(body))


def recall(store: Store, key: str, outside: Outside, now: float) -> Recalled:
    """Return the run of a notebook that would be served as a whole.

    Raises:
        NotRecalled: a cell would run, or only a kernel can tell.
    """
    try:
        found = [one for one in store.find(key) if is_lineage(one)]
        if not found:
            raise NotRecalled("no run of the whole notebook is stored")
        steps = [Step(**step) for step in found[0].late["steps"]]
        entries = [_entry_of(store, step, now) for step in steps]
        moved = outside.moved(entry.late for entry in entries)
        if moved is not None:
            raise NotRecalled(moved)
        body = bytes(store.load(found[0]).stream)
        results = found[0].late.get("results", {})
    except StoreError as problem:
        raise NotRecalled(str(problem)) from None
    return Recalled(tuple(zip(steps, entries, strict=True)), body, found[0].stored_at, results)


def _entry_of(store: Store, step: Step, now: float) -> Entry:
    entry = next((one for one in store.find(step.key) if one.variant == step.variant), None)
    if entry is None:
        raise NotRecalled(f"the stored run of cell {step.number} is gone")
    is_over = step.expires_at is not None and now >= step.expires_at
    if is_over or entry.format != FORMAT or not entry.is_young(now):
        raise NotRecalled(f"cell {step.number} expired")
    return entry


def event_of(step: Step, entry: Entry, label: str) -> CellEvent:
    """Return what is told of a cell that was served without a kernel."""
    from nbcache.events import CellEvent, State

    return CellEvent(
        state=State.HIT,
        title=step.title,
        key=step.key,
        variant=step.variant,
        stored_at=entry.stored_at,
        expires_at=step.expires_at,
        size_bytes=entry.size_bytes,
        cost=entry.cost,
        saved=entry.cost,
        store=label,
        quiet=True,
        reasons=("Nothing that the notebook depends on changed: no kernel was started.",),
        notes=tuple(entry.notes),
    )
