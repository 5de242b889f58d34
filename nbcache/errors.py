"""Every error that nbcache raises, as one tree.

::

    CacheError
    ├── OptionError        an option or its value is not one that nbcache knows
    ├── ValueProblem       a value cannot take part; carries the path to it
    │   ├── NotFingerprintable   an input has no stable fingerprint
    │   ├── NotStorable          an output cannot be stored
    │   └── NotReplayable        the run did something that a hit could not repeat
    └── StoreError         the store could not do its work
        ├── DamagedEntry         the bytes are not what was written
        ├── ForeignEntry         written by someone whose key is not trusted, or another format
        ├── TooLarge             more than an engine, or this machine's memory, can take
        └── StoreUnavailable     full, read-only, not ours, or not there
"""

from __future__ import annotations


class CacheError(Exception):
    """The root of all errors of nbcache."""


class OptionError(CacheError, ValueError):
    """An option or its value is not one that nbcache knows."""


class ValueProblem(CacheError):
    """A value cannot take part in caching; carries the path to it and its type."""

    def __init__(self, reason: str, *, path: str = "", type_name: str = "") -> None:
        self.reason = reason
        self.path = path
        self.type_name = type_name
        super().__init__(reason)

    def __str__(self) -> str:
        """Say which value, of which type, and why, in that order."""
        if not self.path:
            return self.reason
        kind = f" ({self.type_name})" if self.type_name else ""
        return f"`{self.path}`{kind} {self.reason}"


class NotFingerprintable(ValueProblem):
    """An input has no fingerprint that would hold in another process."""


class NotStorable(ValueProblem):
    """An output cannot be written to a store."""


class NotReplayable(ValueProblem):
    """The run did something that a hit could not repeat."""


class StoreError(CacheError):
    """The store could not do its work."""


class DamagedEntry(StoreError):
    """The bytes of an entry are not those that were written."""


class ForeignEntry(StoreError):
    """The entry was signed with another key, or has a format of another version."""


class TooLarge(StoreError):
    """An entry is more than an engine, or this machine's memory, can take."""


class StoreUnavailable(StoreError):
    """The store's folder is full, read-only, someone else's, or missing."""


class CacheWarning(UserWarning):
    """Something in a cache was left out; the cell runs all the same."""
