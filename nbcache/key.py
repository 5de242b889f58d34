"""The cell key: named parts, each with its own digest, composed into one name."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from functools import lru_cache
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
    return _digest(tuple(sorted(parts.items())))


@lru_cache(maxsize=256)
def _digest(items: tuple[tuple[str, str], ...]) -> str:
    data = json.dumps([FORMAT, items]).encode()
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def digest_late(late: Mapping[str, Any]) -> str:
    """Return the name of a variant, 16 hex digits, of its late dependencies."""
    data = json.dumps(late, sort_keys=True).encode()
    return hashlib.blake2b(data, digest_size=8).hexdigest()
