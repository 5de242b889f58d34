"""The cell key: named parts, each with its own digest, composed into one name."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from typing import Any

from nbcache.entry import FORMAT


def compose_parts(
    source_digest: str, inputs: Mapping[str, str], *, version: str = ""
) -> dict[str, str]:
    """Return the named parts of a cell key: source, inputs, salt, Python's minor version."""
    parts = {"source": source_digest, "python": f"{sys.version_info[0]}.{sys.version_info[1]}"}
    parts |= {f"input {name}": value for name, value in inputs.items()}
    if version:
        parts["version"] = version
    return parts


def compose_key(parts: Mapping[str, str]) -> str:
    """Return the cell key, 32 hex digits, of named parts in any order."""
    data = json.dumps([FORMAT, sorted(parts.items())]).encode()
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def digest_late(late: Mapping[str, Any]) -> str:
    """Return the name of a variant, 16 hex digits, of its late dependencies."""
    data = json.dumps(late, sort_keys=True).encode()
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def moved_parts(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Say in sentences which parts differ between the last run and now."""
    reasons = []
    for name in [*new, *(name for name in old if name not in new)]:
        before, after = old.get(name), new.get(name)
        if before != after:
            reasons.append(_sentence(name, before, after))
    return reasons


def moved_inputs(old: Mapping[str, str], new: Mapping[str, str]) -> set[str] | None:
    """Return the names of the inputs that differ, None if anything else differs as well."""
    names = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    if any(not name.startswith("input ") for name in names):
        return None
    return {name.removeprefix("input ") for name in names}


def _sentence(name: str, before: str | None, after: str | None) -> str:
    if name == "source":
        return "the cell's code changed"
    if name in ("python", "version"):
        return f"{name.capitalize()} {before} → {after}"
    if name == "display options":
        return "options of how results are shown changed"
    label = name.removeprefix("input ")
    if before is None or before == "absent":
        return f"`{label}` is {'a new input' if before is None else 'defined now'}"
    if after is None or after == "absent":
        return f"`{label}` is {'no input' if after is None else 'not defined'} any more"
    return f"`{label}` changed"
