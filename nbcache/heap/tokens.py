"""The bytes that stand for values in a fingerprint: tagged, length-framed, canonical."""

from __future__ import annotations

import marshal
import struct
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import xxhash

FLAT: frozenset[type] = frozenset({int, float, complex, str, bytes, bool, type(None), type(...)})
"""Exact types whose value is their whole meaning; a batch of them is encoded at C speed."""

LONG = 512
"""A token longer than this is replaced by its digest."""


def digest(data: Any) -> bytes:
    """Return the 16-byte fingerprint of a contiguous buffer (xxh3, 128 bits)."""
    found: bytes = xxhash.xxh3_128_digest(data)
    return found


def flat(value: Any) -> bytes:
    """Return the token of a value made of exact flat types (also lists and dicts of them).

    Version 2 of the marshal format writes types and lengths and never interning or sharing,
    so equal values give equal bytes in every process.
    """
    token = marshal.dumps(value, 2)
    return token if len(token) <= LONG else b"\x01" + digest(token)


def flat_tokens(values: Iterable[Any]) -> list[bytes]:
    """Return the tokens of values, each made of exact flat types, in their own order."""
    tokens = sorted(map(marshal.dumps, values, repeat(2)))
    if max(map(len, tokens), default=0) > LONG:
        return sorted(token if len(token) <= LONG else b"\x01" + digest(token) for token in tokens)
    return tokens


_PACKED = 32
_PACK = [struct.Struct(f"<{count + 1}Q").pack for count in range(_PACKED)]


def frame(tag: bytes, *parts: bytes) -> bytes:
    """Join parts under a tag so that no two different part lists give the same bytes."""
    return _framed(tag, parts)


def _framed(tag: bytes, parts: Sequence[bytes]) -> bytes:
    count = len(parts)
    pack = _PACK[count] if count < _PACKED else struct.Struct(f"<{count + 1}Q").pack
    return tag + pack(count, *map(len, parts)) + b"".join(parts)


def joined(tag: bytes, parts: Iterable[bytes]) -> bytes:
    """Frame any number of parts under a tag, shortened to a digest when long."""
    token = _framed(tag, parts if type(parts) is list else list(parts))
    return token if len(token) <= LONG else b"\x02" + digest(token)


def shorten(token: bytes) -> bytes:
    """Return the token itself, or its digest when it is long."""
    return token if len(token) <= LONG else b"\x02" + digest(token)


def text(value: str) -> bytes:
    """Return the bytes of a name or label."""
    return value.encode("utf-8", "surrogatepass")
