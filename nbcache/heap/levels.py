"""Encoding what a walk has numbered: level by level, and in a level type by type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any

from nbcache.heap.columns import BULKY, SHORT, lengths
from nbcache.heap.groups import Group, Move, Rows, Singles
from nbcache.heap.tokens import joined

if TYPE_CHECKING:
    from nbcache.heap.walk import Walk


class Levels:
    """The objects of a walk in groups, from the roots down; children are numbered on the way."""

    def __init__(self) -> None:
        self._encoded = 0
        self._groups: list[tuple[int, Group]] = []
        self._singles: Singles | None = None
        self._holders: dict[int, Group] = {}
        self.types: set[type] = set()

    def encode(self, parts: list[bytes], walk: Walk) -> None:
        """Append the tokens of all that is numbered and not yet encoded."""
        before, walk.holds_values = walk.holds_values, False
        self._encode(parts, walk)
        walk.holds_values = before or bool(self._holders)

    def _encode(self, parts: list[bytes], walk: Walk) -> None:
        objects = walk.objects
        self._singles = None  # each root has groups of its own
        while self._encoded < len(objects):
            start, self._encoded = self._encoded, len(objects)
            level = objects[start:]
            if len(level) <= SHORT:
                self._encode_few(start, level, parts, walk)
                continue
            for places in by_type(level):
                if len(places) == len(level):
                    parts.append(self._encode_group(range(start, self._encoded), level, walk))
                    continue
                ordinals = list(map(start.__add__, places))
                members = list(map(level.__getitem__, places))
                parts.append(lengths(list(places)) + self._encode_group(ordinals, members, walk))

    def _encode_few(self, start: int, level: list[Any], parts: list[bytes], walk: Walk) -> None:
        """Encode a small level object by object, but for containers that hold much."""
        singles = self._singles
        self.types.update(map(type, level))
        for ordinal, obj in enumerate(level, start):
            family = walk.kind_of(type(obj))
            if family.sized and len(obj) > BULKY:
                parts.append(self._encode_group((ordinal,), [obj], walk))
                singles = self._singles
                continue
            token = walk.encode(obj, family)
            parts.append(token)
            singles = singles or self._new_singles(walk)
            if walk.holds_values:
                self._note_values(singles, walk)
            singles.ordinals.append(ordinal)
            singles.tokens.append(token)

    def _encode_group(self, ordinals: Sequence[int], members: list[Any], walk: Walk) -> bytes:
        self.types.add(type(members[0]))
        family = walk.kind_of(type(members[0]))
        encoded = family.encode_group(members, ordinals, walk)
        if encoded is not None:
            self._groups.append((walk.root_start, encoded[1]))
            self._note_values(encoded[1], walk)
            self._singles = None  # groups are read again in the order of their making
            return encoded[0]
        tokens = [walk.encode(obj, family) for obj in members]
        singles = self._singles or self._new_singles(walk)
        singles.ordinals.extend(ordinals)
        singles.tokens.extend(tokens)
        self._note_values(singles, walk)
        return joined(b"1", tokens)

    def _new_singles(self, walk: Walk) -> Singles:
        made = self._singles = Singles()
        self._groups.append((walk.root_start, made))
        return made

    def _note_values(self, group: Group, walk: Walk) -> None:
        """Note whether what was just encoded holds values, which have no ordinal."""
        if walk.holds_values:
            self._holders[id(group)] = group
            walk.holds_values = False

    def value_holders(self) -> list[Any]:
        """Return the groups that were made so far whose objects hold values."""
        return [group for _, group in self._groups if id(group) in self._holders]

    def moved(self, walk: Walk) -> list[Move]:
        """Return the objects that are not what they were, by ordinal."""
        return sorted(self._all_moved(walk))

    def _all_moved(self, walk: Walk) -> Iterator[Move]:
        # Containers first: meanwhile another thread digests the arrays.
        for root_start, group in sorted(self._groups, key=lambda one: type(one[1]) is not Rows):
            walk.root_start = root_start
            yield from group.moved(walk)


def by_type(level: list[Any]) -> list[Sequence[int]]:
    """Return the places of the objects of each type, in the order in which types are met."""
    if len(set(map(type, level))) == 1:
        return [range(len(level))]
    kinds = list(map(type, level))
    numbers = {kind: number for number, kind in enumerate(dict.fromkeys(kinds))}
    if len(numbers) > _MANY:
        groups: dict[type, list[int]] = {kind: [] for kind in numbers}
        for place, kind in enumerate(kinds):
            groups[kind].append(place)
        return list(groups.values())
    codes, places = bytes(map(numbers.__getitem__, kinds)), range(len(kinds))
    return [list(compress(places, codes.translate(table))) for table in _TABLES[: len(numbers)]]


_MANY = 32
"""Above so many types it is as quick to go through the level once for all of them."""

_TABLES = [bytes(code == number for code in range(256)) for number in range(_MANY)]
