"""What a walk remembers of the objects that it met, so that it can tell which ones changed.

Objects of one type and level form a group. A group of containers remembers what each one held,
side by side, and compares by identity, which costs next to nothing where nothing changed; all
others remember the token of each object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain, compress, repeat
from operator import getitem, is_not, ne
from typing import TYPE_CHECKING, Any, Protocol

from nbcache.errors import NotFingerprintable
from nbcache.heap.columns import column
from nbcache.heap.identity import is_same
from nbcache.heap.tokens import FLAT
from nbcache.heap.unseen import hide

if TYPE_CHECKING:
    from nbcache.heap.walk import Walk

Part = tuple[list[int], list[Any]]
"""How many values each object of a group has, and all the values end to end."""

Gather = Callable[[list[Any]], "list[Part] | None"]
"""Reads the contents of objects of one type, or None where they can't be read as a group."""

EncodeRows = Callable[[list[Part], "Walk"], bytes]
"""Returns the token of a group of its gathered contents."""

UNREADABLE = b"?"
"""The token of an object that now holds what has no fingerprint: storing will say what."""

Move = tuple[int, bytes, bytes]
"""An ordinal, and the object's token before and after a run."""


class Group(Protocol):
    """Objects of one type and level."""

    def moved(self, walk: Walk) -> Iterator[Move]:
        """Yield the objects whose contents are not what they were."""


class Singles:
    """Objects that were encoded one by one."""

    __slots__ = ("ordinals", "tokens")

    def __init__(self) -> None:
        self.ordinals: list[int] = []
        self.tokens: list[bytes] = []

    def moved(self, walk: Walk) -> Iterator[Move]:
        """Encode each object again."""
        objects, encode = walk.objects, walk.encode
        for ordinal, before in zip(self.ordinals, self.tokens, strict=True):
            try:
                after = encode(objects[ordinal])
            except (NotFingerprintable, RecursionError):
                after = UNREADABLE
            if after != before:
                yield ordinal, before, after


class Rows:
    """Containers of one type, with all that each of them held."""

    __slots__ = ("gather", "ordinals", "parts")

    def __init__(self, ordinals: Sequence[int], gather: Gather, parts: list[Part]) -> None:
        self.ordinals = ordinals
        self.gather = gather
        self.parts = parts

    def moved(self, walk: Walk) -> Iterator[Move]:
        """Find the rows that hold another object than before, then compare what they mean."""
        suspects = self._suspects(walk)
        if not suspects:
            return
        starts = [list(accumulate(counts, initial=0)) for counts, _ in self.parts]
        for place in suspects:
            rows = [
                values[bounds[place] : bounds[place + 1]]
                for bounds, (_, values) in zip(starts, self.parts, strict=True)
            ]
            obj = walk.objects[self.ordinals[place]]
            before, after = _token(rows, walk), self._token_now(obj, walk)
            if before != after or (walk.parts is not None and self._is_replaced(rows, obj)):
                yield self.ordinals[place], before, after

    def _is_replaced(self, rows: list[list[Any]], obj: Any) -> bool:
        now = self.gather([obj]) or []
        return any(map(is_replaced, rows, (values for _, values in now)))

    def _suspects(self, walk: Walk) -> list[int]:
        now = self.gather(walk.members(self.ordinals))
        if now is None:
            return list(range(len(self.ordinals)))
        found: set[int] = set()
        for old, new in zip(self.parts, now, strict=True):
            found.update(_differing(old, new))
        return sorted(found)

    def _token_now(self, obj: Any, walk: Walk) -> bytes:
        now = self.gather([obj])
        if now is None:
            return UNREADABLE
        try:
            return _token([values for _, values in now], walk)
        except (NotFingerprintable, RecursionError):
            return UNREADABLE


def is_replaced(before: list[Any], after: list[Any]) -> bool:
    """Tell whether an object of the same value took another's place; flat ones are all alike."""
    return not is_same(before, after) and any(
        old is not new and type(new) not in FLAT for old, new in zip(before, after, strict=False)
    )


def as_rows(
    walk: Walk, ordinals: Sequence[int], parts: list[Part], gather: Gather, encode: EncodeRows
) -> tuple[bytes, Group]:
    """Encode a group by its gathered contents."""
    if any(sum(counts) != len(values) for counts, values in parts):
        raise NotFingerprintable("changes while it is read")
    walk.volatile = False
    token = encode(parts, walk)
    if walk.volatile:
        return token, as_singles(walk, ordinals)
    for counts, values in parts:
        hide(counts)
        hide(values)
    return token, Rows(ordinals, gather, parts)


def as_singles(walk: Walk, ordinals: Sequence[int]) -> Singles:
    """Return objects one by one: identity does not tell whether some value in them changes."""
    singles = Singles()
    singles.ordinals.extend(ordinals)
    singles.tokens.extend(map(walk.encode, walk.members(ordinals)))
    return singles


def _token(rows: Iterable[list[Any]], walk: Walk) -> bytes:
    return b"".join([column(row, walk) for row in rows])


def _differing(old: Part, new: Part) -> Iterable[int]:
    """Return the rows that have another length or another object in some place."""
    counts, values = old
    if counts == new[0]:
        if is_same(values, new[1]):
            return ()
        return _owners(counts, compress(range(len(values)), map(is_not, values, new[1])))
    resized = list(map(ne, counts, new[0]))
    kept = [place for place, other in enumerate(resized) if not other]
    before, after = _rows_of(old, resized), _rows_of(new, resized)
    same = _differing((list(map(counts.__getitem__, kept)), before), (_counts(new, kept), after))
    return chain(compress(range(len(counts)), resized), map(getitem, repeat(kept), same))


def _counts(part: Part, places: list[int]) -> list[int]:
    return list(map(part[0].__getitem__, places))


def _rows_of(part: Part, left_out: list[bool]) -> list[Any]:
    counts, values = part
    keep = chain.from_iterable(map(repeat, [not one for one in left_out], counts))
    return list(compress(values, keep))


def _owners(counts: list[int], places: Iterable[int]) -> Iterator[int]:
    """Yield which row each place of the column lies in, in order."""
    ends = accumulate(counts)
    row, end = 0, next(ends)
    for place in places:
        while place >= end:
            row, end = row + 1, next(ends)
        yield row
