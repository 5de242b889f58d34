"""One digest of what a local module holds now, for cells and functions that import it.

Its functions are left out: their code is that of the source. What has no fingerprint (a lock, a
logger) counts by its type alone, since most modules hold some such thing.
"""

from __future__ import annotations

import types
from typing import Any

from nbcache.errors import NotFingerprintable
from nbcache.heap.tokens import digest, frame, text
from nbcache.heap.walk import Walk, digests
from nbcache.locality import is_made

_ANSWERS = frozenset({"__getattr__", "__dir__", "__all__"})
"""What answers for a module."""


def module_state(module: types.ModuleType, namespace: dict[str, Any]) -> str:
    """Return 32 hex digits for the variables of a local module, in the order of their names."""
    parts = []
    for name, value in sorted(vars(module).items()):
        is_own = name[:2] == "__" == name[-2:] and name not in _ANSWERS
        if is_own or issubclass(type(value), types.ModuleType):
            continue
        if not is_made(module) and _is_plain_function(value, module.__name__):
            continue
        parts.append(frame(b"v", text(name), _digest(module, name, namespace)))
    return digest(frame(b"S", *parts)).hex()


def _is_plain_function(value: Any, module: str) -> bool:
    return type(value) is types.FunctionType and value.__module__ == module and not vars(value)


def _digest(module: types.ModuleType, name: str, namespace: dict[str, Any]) -> bytes:
    walk = Walk(namespace)
    scope = walk.scope_of(vars(module))
    try:
        walk.need(name, scope)
        walk.run()
    except (NotFingerprintable, RecursionError):
        return text(type(vars(module)[name]).__name__)
    return text(repr(digests(walk.roots)))
