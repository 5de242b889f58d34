"""What an index knows of the entries in some shards: a page of bytes, checked when it is read.

::

    check of all that follows but the texts (8) | number of the page (4)
    | bytes of names, numbers, blobs, texts (4 each) | check of the texts (8)
    | looked through at (8) | bytes of the entries' own files (8)
    | how many are unfinished, how many marked, how long a line of names is (4 each)
    | how many are in order of each of three figures (4 each)
    for each shard its folder's time and inode (8 each)
    for each shard bytes of names, numbers, blobs, texts (4 each)
    names       of each entry the shard, a slash, its name, a line's end
    numbers     eleven words of 8 bytes an entry
    orders      places of entries, the least of a figure first (4 each)
    blobs       one line an entry
    texts       five texts an entry, each ended by a zero

Whoever looks one key up reads the names in its shard alone; only who shows rows reads the texts.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import xxhash

from nbcache.store.rows import UNFINISHED, UNREADABLE, Row

SHARDS = 16
"""How many shards there are in a page; their names differ in the last digit."""

WORDS = 11
SPOT = struct.Struct("<QIIqQ")
NUMBER = struct.Struct("<ddddddqqQqq")
_WORDS = range(WORDS)
STORED_AT, TTL, COST, USED_AT, WORTH, EXPIRES_AT, SIZE, OWN, INODE, CHANGED, FLAGS = _WORDS
IS_PINNED, IS_UNREADABLE, IS_BARE = 1, 2, 4
IS_KEPT = IS_PINNED | IS_BARE
TEXTS = 5
ORDERS = (EXPIRES_AT, USED_AT, WORTH)
"""The figures by which entries go; a page has their order, so that nobody looks at all of it."""

_NAME = re.compile(r"[0-9a-f]{32,64}\.[0-9a-f]{8,64}")
_HEAD = struct.Struct("<QIIIIIQdQIIIIII")
_MARKS = struct.Struct("<" + SHARDS * "qQ")
_EXTENT = struct.Struct("<IIII")
_EXTENTS_AT = _HEAD.size + _MARKS.size
HEAD_BYTES = _EXTENTS_AT + SHARDS * _EXTENT.size
_CHECK = struct.Struct("<Q")
_PLACE_BYTES = 4
_LARGEST = (1 << 63) - 1
_sum = xxhash.xxh3_64_intdigest


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
    """What all entries of a page come to: bytes of their files, how many are no entries yet.

    ``marked`` counts those that have any flag; ``width`` is how long each line of names is, or 0.
    The others count those that may go, by each figure in turn.
    """

    own_bytes: int
    unfinished: int
    marked: int
    width: int
    expiring: int
    used: int
    worthy: int


class Page(NamedTuple):
    """The entries of some shards; ``texts`` is empty where nobody asked for them.

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

    def list_names(self) -> list[str]:
        """Return the entries' names, each behind its shard and a slash, in the page's order."""
        return self.names.decode("ascii").split()

    def column(self, number: int) -> list[Any]:
        """Return one of the numbers of each entry."""
        kind: Literal["d", "Q", "q"] = "d" if number < SIZE else "Q" if number == INODE else "q"
        found: list[Any] = memoryview(self.numbers).cast(kind)[number::WORDS].tolist()
        return found

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
        return len(self.blobs) * NUMBER.size != len(self.numbers)

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
    extents = [_EXTENT.pack(*map(len, _data_of(part))) for part in parts]
    names, numbers, blobs, texts = map(b"".join, zip(*map(_data_of, parts), strict=True))
    places = [_put_in_order(numbers, figure) for figure in ORDERS]
    summary = Summary(*_sum_up(names, numbers), *map(len, places))
    orders = b"".join(struct.pack(f"={len(some)}I", *some) for some in places)
    data = names, numbers, blobs, texts, orders
    return Page(number, scanned_at, summary, marks, b"".join(extents), *data)


def _sum_up(names: bytes, numbers: bytes) -> tuple[int, int, int, int]:
    words = memoryview(numbers).cast("q")
    flags = [flag for flag in words[FLAGS::WORDS].tolist() if flag]
    own_bytes = min(sum(words[OWN::WORDS].tolist()), _LARGEST)
    widths = set(map(len, names.splitlines(keepends=True)))
    width = widths.pop() if len(widths) == 1 else 0
    return own_bytes, sum(bool(flag & IS_BARE) for flag in flags), len(flags), width


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
    for place, lengths in enumerate(_EXTENT.iter_unpack(page.extents)):
        ends = [start + length for start, length in zip(starts, lengths, strict=True)]
        pieces = zip(_data_of(page), starts, ends, strict=True)
        data = [one[start:end] for one, start, end in pieces]
        parts.append(Part(page.marks[2 * place], page.marks[2 * place + 1], *data))
        starts = ends
    return parts


def encode_page(page: Page) -> tuple[bytes, bytes]:
    """Return the bytes of a page, and those of its texts, which follow."""
    lengths = map(len, _data_of(page))
    head = _HEAD.pack(0, page.number, *lengths, _sum(page.texts), page.scanned_at, *page.summary)
    head = head[_CHECK.size :] + _MARKS.pack(*page.marks) + page.extents
    checked = b"".join([head, page.names, page.numbers, page.orders, page.blobs])
    return _CHECK.pack(_sum(checked)) + checked, page.texts


def decode_page(number: int, data: bytes, texts: bytes | None = None) -> Page | None:
    """Return a page that is whole and of that number; None for anything else."""
    if len(data) < HEAD_BYTES:
        return None
    check, found, names, numbers, _, length, text_check, scanned_at, *rest = _HEAD.unpack_from(data)
    if found != number or _sum(memoryview(data)[_CHECK.size :]) != check:
        return None
    if texts is not None and (len(texts), _sum(texts)) != (length, text_check):
        return None
    start = HEAD_BYTES + names
    end = start + numbers
    marks = _MARKS.unpack_from(data, _HEAD.size)
    summary = Summary(*rest)
    blobs = end + _PLACE_BYTES * sum(summary[-len(ORDERS) :])
    parts = data[_EXTENTS_AT:HEAD_BYTES], data[HEAD_BYTES:start], data[start:end], data[blobs:]
    return Page(number, scanned_at, summary, marks, *parts, texts or b"", data[end:blobs])


def read_mark(head: bytes, place: int) -> tuple[int, int] | None:
    """Return time and inode of a shard as the head of its page tells, not checked."""
    if len(head) < HEAD_BYTES:
        return None
    marks = _MARKS.unpack_from(head, _HEAD.size)
    return marks[2 * place], marks[2 * place + 1]


def spot_names(page: Page, offset: int) -> bytes:
    """Return where each shard's names are and what they are worth, for a page at this offset.

    ``SPOT`` for each: offset, length, check, and time and inode of the shard's folder.
    """
    spots, begin = [], 0
    for place, (length, *_) in enumerate(_EXTENT.iter_unpack(page.extents)):
        mark = page.marks[2 * place], page.marks[2 * place + 1]
        check = check_names(page.names[begin : begin + length], *mark)
        spots.append(SPOT.pack(offset + HEAD_BYTES + begin, length, check, *mark))
        begin += length
    return b"".join(spots)


def check_names(names: bytes, changed_ns: int, inode: int) -> int:
    """Return the check of a shard's names, of which its time and inode are a part."""
    seed = (changed_ns ^ inode) & _LARGEST
    return int(_sum(names, seed)) & 0xFFFFFFFF


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
