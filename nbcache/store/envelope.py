"""An entry on its way between users: its file, signed by the sender, read by who trusts them.

::

    offset 0    magic (8) | public key of the sender (32) | Ed25519 signature (64)
    offset 104  the entry's file

The signature covers the entry's name and the digest of its file. Whoever receives it verifies
the signature first; then the file gets the receiver's own signature, and is an entry like others.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from nbcache.errors import DamagedEntry, ForeignEntry
from nbcache.store.format import reseal
from nbcache.store.identity import (
    PUBLIC_BYTES,
    SIGNATURE_BYTES,
    Identity,
    is_signed,
    key_text,
)

MAGIC = b"\x89NBS\r\n\x1a\n"
_HEAD_BYTES = len(MAGIC) + PUBLIC_BYTES + SIGNATURE_BYTES
Posture = Literal["on", "strict", "off"]
"""Whose entries are loaded: mine and trusted people's, mine alone, anybody's."""


def enclose(name: str, file: bytes, identity: Identity) -> bytes:
    """Return the entry's file with the sender's signature."""
    return MAGIC + identity.public + identity.sign(_signed(name, file)) + file


def disclose(
    name: str, data: bytes, identity: Identity, key: bytes, posture: Posture = "on"
) -> bytes:
    """Return the entry's file signed with the receiver's own ``key``.

    Raises:
        ForeignEntry: the sender is not trusted here.
        DamagedEntry: the signature does not hold, or the file is none.
    """
    if len(data) <= _HEAD_BYTES or not data.startswith(MAGIC):
        raise DamagedEntry(f"The shared entry {name} is none: it starts with other bytes.")
    public = data[len(MAGIC) : len(MAGIC) + PUBLIC_BYTES]
    signature, file = data[len(MAGIC) + PUBLIC_BYTES : _HEAD_BYTES], data[_HEAD_BYTES:]
    if not is_signed(public, signature, _signed(name, file)):
        raise DamagedEntry(f"The shared entry {name} is not what its sender signed.")
    signer = identity.signer(public)
    if posture != "off" and (signer is None or (posture == "strict" and signer != "you")):
        raise ForeignEntry(
            f"The shared entry {name} was signed by {key_text(public)}, whom you do not trust, "
            "so nothing of it is loaded. If you know whose key that is: "
            f"`jupyter nbcache trust add NAME {key_text(public)}`."
        )
    return reseal(file, name, key)


def signer_of(data: bytes) -> bytes:
    """Return the public key that an envelope names, not verified."""
    return data[len(MAGIC) : len(MAGIC) + PUBLIC_BYTES] if data.startswith(MAGIC) else b""


def _signed(name: str, file: bytes) -> bytes:
    return b"nbcache entry\0" + name.encode() + b"\0" + hashlib.sha256(file).digest()
