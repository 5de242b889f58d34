"""What an index knows of the entries in some shards: a page of names, figures, blobs and texts."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from nbcache.store.rows import UNFINISHED, UNREADABLE, Row

SHARDS = 16
"""How many shards there are in a page; their names differ in the last digit."""

WORDS = 11
NUMBER = struct.Struct("<ddddddqqQqq")
_WORDS = range(WORDS)
STORED_AT, TTL, COST, USED_AT, WORTH, EXPIRES_AT, SIZE, OWN, INODE, CHANGED, FLAGS = _WORDS
IS_PINNED, IS_UNREADABLE, IS_BARE = 1, 2, 4
IS_KEPT = IS_PINNED | IS_BARE
TEXTS = 5
ORDERS = (EXPIRES_AT, USED_AT, WORTH)
"""The figures by which entries go; a page has their order, so that nobody looks at all of it."""

_NAME = re.compile(r"[0-9a-f]{32,64}\.[0-9a-f]{8,64}")
EXTENT = struct.Struct("<IIII")
_LARGEST = (1 << 63) - 1


class Part(NamedTuple):
    """The entries of one shard.

    ``changed_ns`` and ``inode`` are those of its folder when it was listed; a time of 0 says
    that it must be listed again, an inode of 0 that it was not there.
    """

    changed_ns: int = 0
    inode: int = 0
    names: bytes = b""
    numbers: bytes = b""
    blobs: bytes = b""
    texts: bytes = b""


class Summary(NamedTuple):
    """What all entries of a page come to: bytes of their files, and how many there are.

    ``unfinished`` counts those that are no entries yet, ``marked`` those that have any flag;
    ``width`` is how long each line of names is, or 0. The others count those that may go, by
    each figure in turn.
    """

    own_bytes: int
    entries: int
    unfinished: int
    marked: int
    width: int
    expiring: int
    used: int
    worthy: int


class Page(NamedTuple):
    """The entries of some shards; regions are empty where nobody asked for them.

    ``marks`` are time and inode of each shard in turn; ``extents`` say what is whose.
    """

    number: int
    scanned_at: float
    summary: Summary
    marks: tuple[int, ...]
    extents: bytes
    names: bytes
    numbers: bytes
    blobs: bytes
    texts: bytes
    orders: bytes
    uses: bytes

    def list_names(self) -> list[str]:
        """Return the entries' names, each behind its shard and a slash, in the page's order."""
        return self.names.decode("ascii").split()

    def column(self, number: int) -> list[Any]:
        """Return one of the numbers of each entry."""
        kind: Literal["d", "Q", "q"] = "d" if number < SIZE else "Q" if number == INODE else "q"
        found: list[Any] = memoryview(self.numbers).cast(kind)[number::WORDS].tolist()
        return found

    def sizes_and_uses(self) -> tuple[list[int], list[float]]:
        """Return the bytes of each entry's own file, and when it was used last."""
        words, middle = memoryview(self.uses), len(self.uses) // 2
        used_at: list[Any] = words[middle:].cast("d").tolist()
        return words[:middle].cast("q").tolist(), used_at

    def least_first(self, figure: int, most: float) -> Iterator[tuple[float, int, int]]:
        """Yield what may go and has a figure no larger than ``most``: figure, page and place."""
        turn = ORDERS.index(figure)
        counts = self.summary[-len(ORDERS) :]
        start = sum(counts[:turn])
        figures = memoryview(self.numbers).cast("d")
        for place in memoryview(self.orders).cast("I")[start : start + counts[turn]]:
            value = figures[place * WORDS + figure]
            if value > most:
                return
            yield value, self.number, place

    def has_blobs(self) -> bool:
        """Whether any entry needs blobs."""
        return len(self.blobs) != self.summary.entries

    def list_blobs(self) -> list[list[str]]:
        """Return the names of the blobs that each entry needs."""
        return [line.split() for line in self.blobs.decode("ascii").split("\n")[:-1]]


def is_name(name: str) -> bool:
    """Whether a text is the name of an entry, which leads nowhere else."""
    return _NAME.fullmatch(name) is not None


def make_part(
    shard: str, mark: tuple[int, int], rows: Sequence[Row], blobs: Mapping[str, Sequence[str]]
) -> Part:
    """Return what is known of a shard's rows; ``blobs`` names those of each that has any."""
    texts = "".join(text.replace("\0", " ") + "\0" for row in rows for text in _texts_of(row))
    return Part(
        *mark,
        "".join(f"{shard}/{row.name}\n" for row in rows).encode("ascii"),
        b"".join(map(_pack, rows)),
        "".join(" ".join(blobs.get(row.name, ())) + "\n" for row in rows).encode("ascii"),
        texts.encode("utf-8", "replace"),
    )


def join_parts(number: int, scanned_at: float, parts: Sequence[Part]) -> Page:
    """Return the page of all its shards."""
    marks = tuple(word for part in parts for word in (part.changed_ns, part.inode))
    extents = [EXTENT.pack(*map(len, _data_of(part))) for part in parts]
    names, numbers, blobs, texts = map(b"".join, zip(*map(_data_of, parts), strict=True))
    places = [_put_in_order(numbers, figure) for figure in ORDERS]
    summary = Summary(*_sum_up(names, numbers), *map(len, places))
    orders = b"".join(struct.pack(f"={len(some)}I", *some) for some in places)
    data = names, numbers, blobs, texts, orders, _put_side_by_side(numbers)
    return Page(number, scanned_at, summary, marks, b"".join(extents), *data)


def _sum_up(names: bytes, numbers: bytes) -> tuple[int, int, int, int, int]:
    words = memoryview(numbers).cast("q")
    flags = [flag for flag in words[FLAGS::WORDS].tolist() if flag]
    own_bytes = min(sum(words[OWN::WORDS].tolist()), _LARGEST)
    widths = set(map(len, names.splitlines(keepends=True)))
    width = widths.pop() if len(widths) == 1 else 0
    entries = len(numbers) // NUMBER.size
    return own_bytes, entries, sum(bool(flag & IS_BARE) for flag in flags), len(flags), width


def _put_side_by_side(numbers: bytes) -> bytes:
    """Return the two figures that lists tell, without the others."""
    words = memoryview(numbers).cast("q")
    return words[OWN::WORDS].tobytes() + words[USED_AT::WORDS].tobytes()


def _put_in_order(numbers: bytes, figure: int) -> list[int]:
    """Return the places of what may go, the least of a figure first; NaN never goes."""
    figures = memoryview(numbers).cast("d")[figure::WORDS].tolist()
    flags = memoryview(numbers).cast("q")[FLAGS::WORDS].tolist()
    pairs = enumerate(zip(figures, flags, strict=True))
    places = [place for place, (value, flag) in pairs if not (flag & IS_KEPT or math.isnan(value))]
    return sorted(places, key=figures.__getitem__)


def split_page(page: Page) -> list[Part]:
    """Return what a page knows of each shard; its texts must be there."""
    parts, starts = [], [0, 0, 0, 0]
    for place, lengths in enumerate(EXTENT.iter_unpack(page.extents)):
        ends = [start + length for start, length in zip(starts, lengths, strict=True)]
        pieces = zip(_data_of(page), starts, ends, strict=True)
        data = [one[start:end] for one, start, end in pieces]
        parts.append(Part(page.marks[2 * place], page.marks[2 * place + 1], *data))
        starts = ends
    return parts


def _data_of(one: Part | Page) -> tuple[bytes, bytes, bytes, bytes]:
    return one.names, one.numbers, one.blobs, one.texts


def _pack(row: Row) -> bytes:
    flags = bool(row.is_pinned) * IS_PINNED
    flags |= (row.kind == UNREADABLE) * IS_UNREADABLE | (row.kind == UNFINISHED) * IS_BARE
    return NUMBER.pack(
        row.stored_at,
        math.nan if row.ttl is None else row.ttl,
        row.cost,
        row.used_at,
        row.worth,
        math.nan if row.expires_at is None else row.expires_at,
        min(row.size_bytes, _LARGEST),
        min(row.own_bytes, _LARGEST),
        row.inode,
        row.changed_ns,
        flags,
    )


def _texts_of(row: Row) -> tuple[str, ...]:
    return row.kind, row.notebook, row.title, row.source, row.made_by
