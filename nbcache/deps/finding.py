"""Modules that are not loaded: where the import path has them, and what source that is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

from nbcache.deps.digests import file_digest
from nbcache.deps.outlines import outline_at
from nbcache.deps.shadows import hidden_library
from nbcache.deps.versions import installed_version
from nbcache.locality import archive_of, is_there

FRESH = "fresh"
"""The state of a module that is not loaded."""


def locate(name: str) -> ModuleSpec | None:
    """Return the spec of a module that is not loaded, without importing its packages."""
    path: list[str] | None = None
    spec: ModuleSpec | None = None
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:length]), path)
        if spec is None:
            return None
        path = list(spec.submodule_search_locations or ())
    return spec


def module_news(late: Mapping[str, Any]) -> str | None:
    """Return None if a new kernel would import what a recorded run used, else what moved."""
    for name, version in late.get("versions", {}).items():
        now = installed_version(name)
        if now != version:
            return f"{name} {version or 'not installed'} → {now or 'not installed'}"
    for name, accepted in late.get("state", {}).items():
        if FRESH not in accepted:
            return f"what the module `{name}` holds changed"
    for name, was_found in late.get("sought", {}).items():
        if (locate(name) is not None) != was_found:
            return f"the module `{name}` {'is gone' if was_found else 'can be imported now'}"
    hidden = hidden_library(late.get("libraries", ()), are_loaded=False)
    return hidden or source_news(late, digest_on_disk)


def source_news(late: Mapping[str, Any], digest_of: Callable[..., str | None]) -> str | None:
    """Return None if the local modules that a run used are as it used them, else what moved.

    The same text tells it without a look at the names that count.
    """
    for name, (digest, path, *names) in late.get("local", {}).items():
        text = names.pop() if len(names) > 1 else digest
        now = digest_of(name, path)
        if now is None:
            return f"the local module `{name}` (`{path}`) is not there"
        if now != text and not (names and digest_of(name, path, *names) == digest):
            return f"`{path}` was edited"
    return None


def digest_on_disk(name: str, path: str, *names: list[str] | None) -> str | None:
    """Return the digest of the source that a first import of ``name`` runs, None for none.

    ``path`` is where the module was when it was recorded; it counts if the import path does
    not reach it yet, because the cell itself may extend the import path. ``names`` are the
    names that count: None for all, and nothing for the text with its comments.
    """
    spec = locate(name)
    origin = path if spec is None else spec.origin
    if not origin or not is_there(origin):
        return None
    origin = os.path.abspath(origin)
    is_source = origin.endswith(".py") and os.path.isfile(origin)
    made = outline_at(origin) if names and is_source else None
    if made is not None:
        return made.digest(names[0])
    return file_digest(archive_of(origin) or origin)[1]
