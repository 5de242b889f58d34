"""Who signs shared entries, and whose signatures are trusted: Ed25519 keys, one for each user.

The private key and the list of trusted public keys are files of the folder that holds the
user's signing key: never beside the cache, readable by their owner alone.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nbcache.errors import StoreError
from nbcache.store.folder import unavailable, write_whole_file
from nbcache.store.origins import LIST_NAME
from nbcache.store.signing import find_key_folder, load_key

PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64
_PREFIX = "nbcache-ed25519:"


@dataclass(frozen=True, slots=True)
class Trusted:
    """One public key whose entries are loaded: the name given to it, and since when."""

    name: str
    public: str
    added_at: float


class Identity:
    """This user's key pair and the keys that the user trusts, in one folder."""

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self.folder = Path(find_key_folder() if folder is None else folder)
        self._private: Any = None

    @property
    def private(self) -> Any:
        """The private key; derived from the user's signing key, so that one file is to be kept.

        Raises:
            StoreError: the signing key cannot be used, or the package cryptography is missing.
        """
        if self._private is None:
            import hashlib

            seed = hashlib.blake2b(load_key(self.folder), digest_size=32, person=b"nbcache-share")
            self._private = _ed25519().Ed25519PrivateKey.from_private_bytes(seed.digest())
        return self._private

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return bytes(self.private.public_key().public_bytes_raw())

    def sign(self, data: bytes) -> bytes:
        """Return this user's signature, 64 bytes."""
        return bytes(self.private.sign(data))

    def trusted(self) -> list[Trusted]:
        """Return the keys that the user added.

        Raises:
            StoreError: others could have written the list.
        """
        path = self.folder / LIST_NAME
        try:
            status = path.stat()
            text = path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}.") from error
        if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022):
            raise StoreError(f"{path} can be written by other users: `chmod 600` it, and check it.")
        try:
            told: list[dict[str, Any]] = json.loads(text)
            if not all(isinstance(one[name], str) for one in told for name in ("name", "public")):
                raise TypeError(text)
            return [Trusted(**one) for one in told]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise StoreError(
                f"{path} is damaged: remove it and trust your colleagues anew."
            ) from None

    def signer(self, public: bytes) -> str | None:
        """Return who signed, if that person is trusted: ``you``, or the name given; else None."""
        if public == self.public:
            return "you"
        text = key_text(public)
        return next((one.name for one in self.trusted() if one.public == text), None)

    def trust(self, name: str, public: bytes) -> None:
        """Load entries of this key from now on; a key that is known gets the new name."""
        text = key_text(public)
        kept = [one for one in self.trusted() if one.public != text and one.name != name]
        self._write([*kept, Trusted(name, text, time.time())])

    def revoke(self, name: str) -> bool:
        """Load no further entry of this name or key; tell whether it was trusted."""
        before = self.trusted()
        kept = [one for one in before if name not in (one.name, one.public)]
        self._write(kept)
        return len(kept) < len(before)

    def restore(self, keys: list[Trusted]) -> None:
        """Trust whom one trusted before, and nobody else."""
        if keys != self.trusted():
            self._write(keys)

    def _write(self, keys: list[Trusted]) -> None:
        text = json.dumps([asdict(one) for one in keys], indent=1)
        try:
            with contextlib.suppress(FileExistsError):
                self.folder.mkdir(mode=0o700, parents=True)
            write_whole_file(str(self.folder / LIST_NAME), [text.encode("utf-8", "replace")])
        except OSError as error:
            raise unavailable(error, str(self.folder), "keep whom you trust in") from error


def key_text(public: bytes) -> str:
    """Return a public key as text to send to a colleague."""
    return _PREFIX + base64.urlsafe_b64encode(public).decode().rstrip("=")


def parse_key(text: str) -> bytes:
    """Return the public key of a text.

    Raises:
        StoreError: the text is no key.
    """
    try:
        body = text.strip().removeprefix(_PREFIX)
        public = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        public = b""
    if not text.strip().startswith(_PREFIX) or len(public) != PUBLIC_BYTES:
        raise StoreError(f"{text!r} is no key: `jupyter nbcache trust show` prints one.")
    return public


def is_signed(public: bytes, signature: bytes, data: bytes) -> bool:
    """Tell whether ``data`` was signed with the private key to ``public``."""
    from cryptography.exceptions import InvalidSignature

    try:
        _ed25519().Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _ed25519() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise StoreError(
            "Sharing signs entries with the package cryptography: "
            "python -m pip install nbcache[share]"
        ) from None
    return ed25519
