"""What a store keeps about one recorded run, apart from its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

FORMAT = 2
"""The version of the stored format; an entry of another version is a miss."""

CLOCK_TOLERANCE = 60.0
"""Seconds that another machine's clock may be ahead without its entries being distrusted."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The manifest of one recorded run: plain JSON data, readable without unpickling.

    ``key`` is the cell key (32 hex digits), ``variant`` the digest of the late dependencies
    (16 hex digits); together they name the entry. ``late`` holds the late dependencies,
    ``outputs`` the messages to replay, ``effects`` what else a hit does. Moments are Unix
    times, ``cost`` and ``ttl`` are seconds (``ttl`` None: never expires). ``about`` holds what
    is told to a person: the lines of the source, summaries of the inputs, the names written.
    ``origin`` names the signer of an entry that came from elsewhere; one's own has none.
    """

    key: str
    variant: str
    stored_at: float
    ttl: float | None
    cost: float
    title: str = ""
    notebook: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    late: Mapping[str, Any] = field(default_factory=dict)
    outputs: Sequence[Mapping[str, Any]] = ()
    effects: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, str] = field(default_factory=dict)
    size_bytes: int = 0
    format: int = FORMAT

    @property
    def name(self) -> str:
        """The entry's name in a store: ``key`` and ``variant`` joined by a dot."""
        return f"{self.key}.{self.variant}"

    def is_young(self, now: float) -> bool:
        """Tell whether its own ttl lets it be used; one from the future is not trusted."""
        age = now - self.stored_at
        return age >= -CLOCK_TOLERANCE and (self.ttl is None or self.ttl > max(age, 0.0))


@dataclass(frozen=True, slots=True)
class Body:
    """The values of one recorded run: a pickle stream and its out-of-band buffers.

    The pickle stream is signed and verified before it is loaded. Buffers are raw array
    memory; they hold no code.
    """

    stream: bytes
    buffers: Sequence[Any] = ()

    @property
    def size_bytes(self) -> int:
        """Bytes of the stream and of all buffers."""
        return len(self.stream) + sum(memoryview(buffer).nbytes for buffer in self.buffers)
