"""Graphs deeper than pickle's recursion reaches: empty instances first, their contents later.

A linked list of a few thousand nodes would overflow the stack of any recursive writer. When
that happens the stream is written again so that every instance that may stay empty for a while
is; what belongs in them follows in further pickles of the same stream, which share its memo.
"""

from __future__ import annotations

import io
import pickle
import sys
from typing import Any


class Postponed:
    """The contents that were left out of a stream so far."""

    def __init__(self) -> None:
        self.items: list[tuple[Any, Any, Any]] = []

    def leave_out(self, obj: Any, reduction: Any) -> Any:
        """Return a reduction without contents, which are kept for later, where that is sound.

        An instance that hashes by its contents may be needed whole at once.
        """
        kind = type(obj)
        if type(reduction) is not tuple or len(reduction) not in {3, 6} or not reduction[2]:
            return reduction
        hashing: Any = kind.__hash__
        if hashing not in (None, object.__hash__):
            return reduction
        make, args, state = reduction[:3]
        if args[:1] != (kind,) or reduction[3:5] not in {(), (None, None)}:
            return reduction
        self.items.append((obj, reduction[5] if len(reduction) == 6 else fill, state))
        return make, args

    def write(self, dumper: pickle.Pickler) -> None:
        """Write what was left out, and what was left out of that, until nothing is."""
        while self.items:
            items, self.items = self.items, []
            dumper.dump(items)


def read(loader: pickle.Unpickler, file: io.BytesIO) -> None:
    """Read the pickles that follow the first one, and fill the instances."""
    end = len(file.getbuffer())
    while file.tell() < end:
        for obj, setter, state in loader.load():
            setter(obj, state)


def fill(obj: Any, state: dict[str, Any]) -> None:
    """Set the attributes of an empty instance, as ``pickle`` does."""
    attributes = vars(obj)
    for name, value in state.items():
        attributes[sys.intern(name) if type(name) is str else name] = value
