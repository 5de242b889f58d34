"""Verification: a fresh run of a cell beside its stored run, part by part.

Both are loaded over the same live objects, so that what refers to earlier objects is equal
when it refers to the same ones, and everything else is compared by fingerprint.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nbcache.entry import Entry
from nbcache.errors import NotFingerprintable
from nbcache.heap.paths import find_path
from nbcache.heap.tokens import FLAT
from nbcache.heap.walk import Walk
from nbcache.replay.outputs import Message

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{5,}\b")
_PARTS = {"randomness": "the random streams", "ambient": "the surroundings"}
_GONE = object()


def differences(
    entry: Entry,
    stored: Mapping[str, Any],
    fresh: Mapping[str, Any],
    outputs: Sequence[Message],
    walk: Walk,
) -> tuple[str, ...]:
    """Return what a fresh run left otherwise than the stored one, a sentence for each part."""
    return (
        *_of_names(stored, fresh),
        *_of_patches(stored, fresh, walk),
        *_of_effects(stored, fresh),
        *_of_outputs(entry.outputs, outputs),
    )


def _of_names(stored: Mapping[str, Any], fresh: Mapping[str, Any]) -> Iterator[str]:
    old, new = stored["bind"], fresh["bind"]
    before, now = _digests(old), _digests(new)
    for name in sorted({*old, *new}):
        if name not in new or name not in old:
            which = "the stored run" if name in old else "this run"
            yield f"`{name}` was bound by {which} alone"
        elif before[name] != now[name]:
            yield f"`{name}` differs{_shown(old[name], new[name])}"
    for name in sorted({*stored["delete"]} ^ {*fresh["delete"]}):
        which = "the stored run" if name in stored["delete"] else "this run"
        yield f"`{name}` was deleted by {which} alone"
    if _digest(stored["result"]) != _digest(fresh["result"]):
        old, new = (*stored["result"], _GONE), (*fresh["result"], _GONE)
        yield f"the result differs{_shown(old[0], new[0])}"


def _of_patches(stored: Mapping[str, Any], fresh: Mapping[str, Any], walk: Walk) -> Iterator[str]:
    old, new = dict(stored["patches"]), dict(fresh["patches"])
    for ordinal in sorted({*old, *new}):
        if _digest(old.get(ordinal, _GONE)) != _digest(new.get(ordinal, _GONE)):
            yield f"the change of `{_place(walk, ordinal)}` differs"


def _place(walk: Walk, ordinal: int) -> str:
    """Return how a person reaches an earlier object."""
    live = walk.objects[ordinal]
    for label, value in walk.values.items():
        path = find_path(label, value, live)
        if path != label or value is live:
            return path
    return "an earlier object"


def _of_effects(stored: Mapping[str, Any], fresh: Mapping[str, Any]) -> Iterator[str]:
    old, new = stored["effects"], fresh["effects"]
    for part, title in _PARTS.items():
        before, now = old.get(part) or {}, new.get(part) or {}
        names = {**before, **now}
        moved = [name for name in names if _digest(before.get(name)) != _digest(now.get(name))]
        if moved:
            yield f"{title} differ ({', '.join(moved)})"


def _of_outputs(old: Sequence[Mapping[str, Any]], new: Sequence[Message]) -> Iterator[str]:
    before, now = list(map(_normal, old)), list(map(_normal, new))
    if len(before) != len(now):
        yield f"{len(before)} output messages were stored, this run sent {len(now)}"
    for number, (one, other) in enumerate(zip(before, now, strict=False), 1):
        if one != other:
            yield f"output message {number} differs"


def _normal(message: Mapping[str, Any]) -> str:
    """Return a message as text, without memory addresses and execution count."""
    content = {k: v for k, v in message["content"].items() if k != "execution_count"}
    return _ADDRESS.sub("0x", repr((message["msg_type"], content, message.get("metadata") or {})))


def _digests(values: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the digest of each value; what they share among themselves counts."""
    walk = Walk(dict(values))
    found = {}
    for name in sorted(values):
        walk.need(name)
        try:
            walk.run()
        except NotFingerprintable:
            found[name] = b"?"
        else:
            found[name] = walk.roots[name]
    return found


def _digest(value: Any) -> bytes:
    return b"" if value is _GONE else _digests({"value": value})["value"]


def _shown(old: Any, new: Any) -> str:
    """Return both values where they are short and showing them runs no code of others."""
    if not FLAT.issuperset((type(old), type(new))):
        return ""
    return f": {reprlib.repr(old)} was stored, this run gave {reprlib.repr(new)}"
