"""An entry on its way between users: its file, signed by the sender, read by who trusts them.

::

    offset 0    magic (8) | public key of the sender (32) | Ed25519 signature (64)
    offset 104  the entry's file

The signature covers the entry's name and the digest of its file. Whoever receives it verifies
the signature first; then the file gets the receiver's own signature, and is an entry like others.
Where compression pays, another magic says so, and the file's length stands before it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import zlib

from nbcache.errors import DamagedEntry, ForeignEntry, TooLarge
from nbcache.store.format import reseal
from nbcache.store.identity import (
    PUBLIC_BYTES,
    SIGNATURE_BYTES,
    Identity,
    is_signed,
    key_text,
)
from nbcache.store.origins import KEY, NAME, Posture

MAGIC = b"\x89NBS\r\n\x1a\n"
SMALL_MAGIC = b"\x89NBZ\r\n\x1a\n"
_LENGTH = struct.Struct("<Q")
_SAMPLE_BYTES = 256 << 10
_MUST_SAVE = 0.1
_MOST_TIMES = 1100
"""No stream of zlib grows by more than 1032 times."""
_ASSUMED_BYTES = 8 << 30
_HEAD_BYTES = len(MAGIC) + PUBLIC_BYTES + SIGNATURE_BYTES


def enclose(name: str, file: bytes, identity: Identity) -> bytes:
    """Return the entry's file with the sender's signature."""
    small = shrink(file)
    magic, sent = (MAGIC, file) if small is None else (SMALL_MAGIC, small)
    return magic + identity.public + identity.sign(_signed(name, sent)) + sent


def disclose(
    name: str, data: bytes, identity: Identity, key: bytes, posture: Posture = "on"
) -> bytes:
    """Return the entry's file signed with the receiver's own ``key``, its sender noted in it.

    What one sent oneself says whom one had it from, if it was from somebody else.

    Raises:
        ForeignEntry: the sender is not trusted here.
        DamagedEntry: the signature does not hold, or the file is none.
    """
    if len(data) <= _HEAD_BYTES or not data.startswith((MAGIC, SMALL_MAGIC)):
        raise DamagedEntry(f"The shared entry {name} is none: it starts with other bytes.")
    public = data[len(MAGIC) : len(MAGIC) + PUBLIC_BYTES]
    signature, file = data[len(MAGIC) + PUBLIC_BYTES : _HEAD_BYTES], data[_HEAD_BYTES:]
    if not is_signed(public, signature, _signed(name, file)):
        raise DamagedEntry(f"The shared entry {name} is not what its sender signed.")
    signer = identity.signer(public)
    if posture != "off":
        _check_signer(name, public, signer, is_strict=posture == "strict")
    origin = None if signer == "you" else {KEY: key_text(public), NAME: signer or ""}
    return reseal(grow(name, file) if data.startswith(SMALL_MAGIC) else file, name, key, origin)


def _check_signer(name: str, public: bytes, signer: str | None, *, is_strict: bool) -> None:
    """Refuse an entry of somebody who is not trusted, or of anybody else."""
    if signer is None and not is_strict:
        raise ForeignEntry(
            f"The shared entry {name} was signed by {key_text(public)}, whom you do not trust, "
            "so nothing of it is loaded. If you know whose key that is: "
            f"`jupyter nbcache trust add NAME {key_text(public)}`."
        )
    if is_strict and signer != "you":
        raise ForeignEntry(
            f"The shared entry {name} was signed by {signer or key_text(public)}, and "
            "NBCACHE_TRUST=strict loads your own alone."
        )


def shrink(file: bytes) -> bytes | None:
    """Return the length of a file and the file compressed; None where that saves too little.

    A sample from its middle is tried first: numbers drawn at random would cost time for nothing.
    """
    middle = len(file) // 2
    sample = file[max(0, middle - _SAMPLE_BYTES) : middle + _SAMPLE_BYTES]
    if not _pays(sample, zlib.compress(sample, 1)):
        return None
    small = zlib.compress(file, 1)
    return _LENGTH.pack(len(file)) + small if _pays(file, small) else None


def _pays(data: bytes, small: bytes) -> bool:
    return len(small) <= len(data) * (1 - _MUST_SAVE)


def grow(name: str, data: bytes) -> bytes:
    """Return a file as it was before ``shrink``, never more of it than was said.

    Raises:
        DamagedEntry: it is none, or claims to be larger than it can be.
        TooLarge: it claims more than the memory of this machine.
    """
    length = _LENGTH.unpack_from(data)[0] if len(data) >= _LENGTH.size else 0
    if not 0 < length <= _MOST_TIMES * len(data):
        raise DamagedEntry(f"The shared entry {name} claims {length} bytes, which cannot be.")
    refuse_more_than_memory(f"The shared entry {name}", length)
    stream = zlib.decompressobj()
    try:
        file = stream.decompress(data[_LENGTH.size :], length + 1)
    except zlib.error as error:
        raise DamagedEntry(f"The shared entry {name} cannot be decompressed: {error}.") from error
    if len(file) != length or not stream.eof or stream.unused_data:
        raise DamagedEntry(f"The shared entry {name} is not of the length that it claims.")
    return file


def refuse_more_than_memory(what: str, claimed_bytes: int) -> None:
    """Raise ``TooLarge`` for what is small and claims to unfold to more than fits in memory."""
    available = _memory_bytes()
    if claimed_bytes > available:
        raise TooLarge(
            f"{what} claims to be {claimed_bytes >> 20} MiB when it is unpacked, and this machine "
            f"has {available >> 20} MiB of memory left: it is not unpacked."
        )


def _memory_bytes() -> int:
    """Return how much memory can be had now, as far as the system tells."""
    with contextlib.suppress(OSError, ValueError, LookupError):
        with open("/proc/meminfo", encoding="ascii") as lines:
            found = dict(line.split(":", 1) for line in lines)
        return int(found["MemAvailable"].split()[0]) << 10
    with contextlib.suppress(AttributeError, ValueError, OSError):
        return int(os.sysconf("SC_PHYS_PAGES")) * int(os.sysconf("SC_PAGE_SIZE"))
    return _ASSUMED_BYTES


def signer_of(data: bytes) -> bytes:
    """Return the public key that an envelope names, not verified."""
    return (
        data[len(MAGIC) : len(MAGIC) + PUBLIC_BYTES]
        if data.startswith((MAGIC, SMALL_MAGIC))
        else b""
    )


def _signed(name: str, file: bytes) -> bytes:
    return b"nbcache entry\0" + name.encode() + b"\0" + hashlib.sha256(file).digest()
