"""Whose fetched entries are still loaded: asked at each look-up, since trust can be taken back.

An entry that came from elsewhere carries our own signature and, below it, the key of whoever
signed it there. It is loaded as long as that key is in the list of trusted ones.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from nbcache.entry import Entry
from nbcache.errors import ForeignEntry, StoreError

Posture = Literal["on", "strict", "off"]
"""Whose entries are loaded: mine and trusted people's, mine alone, anybody's."""

LIST_NAME = "trusted.json"
KEY, NAME = "key", "name"
"""What an entry's ``origin`` tells of its signer: the public key, and the name given to it."""

TRUST_VARIABLE = "NBCACHE_TRUST"
_POSTURES: tuple[Posture, ...] = ("on", "strict", "off")
_Mark = tuple[int, int, int, int]


def find_posture(environ: Mapping[str, str] = os.environ) -> Posture:
    """Return whose entries are loaded, by ``NBCACHE_TRUST``; ``StoreError`` for another word."""
    word = environ.get(TRUST_VARIABLE) or "on"
    for posture in _POSTURES:
        if posture == word:
            return posture
    raise StoreError(f"{TRUST_VARIABLE}={word!r} is not understood: on, strict or off.")


class Origins:
    """The user's word on fetched entries; ``folder`` holds the list, None knows nobody."""

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, posture: Posture = "on"
    ) -> None:
        self._folder = None if folder is None else Path(folder)
        self._posture = posture
        self._known: tuple[_Mark, frozenset[str]] | None = None

    def check(self, entry: Entry) -> None:
        """Let an entry of ours pass, and one whose signer is trusted as of now.

        Raises:
            ForeignEntry: the signer is not trusted, any more or under this setting.
        """
        if not entry.origin or self._posture == "off":
            return
        public = str(entry.origin.get(KEY, ""))
        name = str(entry.origin.get(NAME, "")) or "somebody"
        signer = f"It was signed by {name} ({public})"
        if self._posture == "strict":
            raise ForeignEntry(f"{signer}, and NBCACHE_TRUST=strict loads your own alone.")
        if public not in self._trusted():
            raise ForeignEntry(
                f"{signer}, who is no longer trusted, so nothing of it is loaded. Running the cell "
                "stores a result of your own in its place; "
                f"`jupyter nbcache trust add NAME {public}` lets it be loaded again."
            )

    def is_trusted(self, entry: Entry) -> bool:
        """Whether ``check`` lets an entry pass."""
        try:
            self.check(entry)
        except ForeignEntry:
            return False
        return True

    def _trusted(self) -> frozenset[str]:
        """Return the trusted keys; read again whenever the list is another file or was changed."""
        if self._folder is None:
            return frozenset()
        try:
            status = os.stat(self._folder / LIST_NAME)
        except OSError:
            return frozenset()
        mark = status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        if self._known is None or self._known[0] != mark:
            self._known = mark, self._read()
        return self._known[1]

    def _read(self) -> frozenset[str]:
        from nbcache.store.identity import Identity

        try:
            return frozenset(one.public for one in Identity(self._folder).trusted())
        except StoreError as problem:  # a list that others can write vouches for nobody
            raise ForeignEntry(f"Nobody's entries are loaded. {problem}") from problem
