"""The bytes of an index's page: a head and six regions, each checked when it is read.

::

    head        check of the rest of it (8) | number of the page (4) | where the regions begin (8)
                bytes of names, numbers, orders, blobs, uses, texts (4 each)
                their checks (8 each)
                looked through at (8) | bytes of the entries' own files (8)
                how many there are, are unfinished, are marked, how long a line is (4 each)
                how many are in order of each of three figures (4 each)
                for each shard its folder's time and inode (8 each)
                for each shard bytes of names, numbers, blobs, texts (4 each)
    names       of each entry the shard, a slash, its name, a line's end
    numbers     eleven words of 8 bytes an entry
    orders      places of entries, the least of a figure first (4 each)
    blobs       one line an entry
    uses        of each entry its file's bytes, then of each when it was used (8 each)
    texts       five texts an entry, each ended by a zero

Who adds sizes up needs the heads alone, which lie side by side; only who shows rows reads the
texts, and whoever looks one key up reads the names in its shard alone.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import NamedTuple

import xxhash

from nbcache.store.pages import EXTENT, SHARDS, Page, Summary

SPOT = struct.Struct("<QIIqQ")
_HEAD = struct.Struct("<QIQ6I6QdQ7I")
_MARKS = struct.Struct("<" + SHARDS * "qQ")
_EXTENTS_AT = _HEAD.size + _MARKS.size
HEAD_BYTES = _EXTENTS_AT + SHARDS * EXTENT.size
_CHECK = struct.Struct("<Q")
_LARGEST = (1 << 63) - 1
_LONGEST = 1 << 28

NAMES, NUMBERS, PLACES, BLOBS, USES, _TEXTS = _REGIONS = range(6)
SUMS = (BLOBS,)
ITEMS = (NAMES, BLOBS, USES)
LIMITS = (NAMES, NUMBERS, PLACES, BLOBS)
ALL = (NAMES, NUMBERS, PLACES, BLOBS, USES, _TEXTS)
"""Which regions there must be: for totals, for lists, for what is to go, for rows."""

_sum = xxhash.xxh3_64_intdigest


class Head(NamedTuple):
    """What the head of a page tells: where its regions are, and all that is in it."""

    number: int
    offset: int
    lengths: tuple[int, ...]
    checks: tuple[int, ...]
    scanned_at: float
    summary: Summary
    marks: tuple[int, ...]
    extents: bytes

    @property
    def size(self) -> int:
        """The bytes of all regions."""
        return sum(self.lengths)


def regions_of(page: Page) -> tuple[bytes, ...]:
    """Return all regions of a page in their order."""
    return page.names, page.numbers, page.orders, page.blobs, page.uses, page.texts


def pack_head(page: Page, offset: int) -> bytes:
    """Return the head of a page whose regions begin at this offset."""
    regions = regions_of(page)
    figures = *map(len, regions), *map(_sum, regions), page.scanned_at, *page.summary
    head = _HEAD.pack(0, page.number, offset, *figures)
    checked = head[_CHECK.size :] + _MARKS.pack(*page.marks) + page.extents
    return _CHECK.pack(_sum(checked)) + checked


def unpack_head(number: int, data: bytes) -> Head | None:
    """Return the head of a page of that number; None for anything else."""
    if len(data) < HEAD_BYTES:
        return None
    check, found, offset, *figures = _HEAD.unpack_from(data)
    if found != number or _sum(data[_CHECK.size :]) != check:
        return None
    many = len(_REGIONS)
    lengths, checks = tuple(figures[:many]), tuple(figures[many : 2 * many])
    scanned_at, *rest = figures[2 * many :]
    if offset > _LARGEST or max(lengths) > _LONGEST:
        return None
    marks = _MARKS.unpack_from(data, _HEAD.size)
    figured = offset, lengths, checks, scanned_at, Summary(*rest), marks
    return Head(number, *figured, data[_EXTENTS_AT:])


def build_page(head: Head, regions: Mapping[int, bytes]) -> Page | None:
    """Return the page of a head and those regions that were read; None if one is damaged."""
    for region, data in regions.items():
        if len(data) != head.lengths[region] or _sum(data) != head.checks[region]:
            return None
    if BLOBS not in regions:  # every line is empty
        regions = {**regions, BLOBS: b"\n" * head.summary.entries}
    names, numbers, orders, blobs, uses, texts = (regions.get(n, b"") for n in _REGIONS)
    parts = head.extents, names, numbers, blobs, texts, orders, uses
    return Page(head.number, head.scanned_at, head.summary, head.marks, *parts)


def spot_names(page: Page, offset: int) -> bytes:
    """Return where each shard's names are and what they are worth, for names at this offset.

    ``SPOT`` for each: offset, length, check, and time and inode of the shard's folder.
    """
    spots, begin = [], 0
    for place, (length, *_) in enumerate(EXTENT.iter_unpack(page.extents)):
        mark = page.marks[2 * place], page.marks[2 * place + 1]
        check = check_names(page.names[begin : begin + length], *mark)
        spots.append(SPOT.pack(offset + begin, length, check, *mark))
        begin += length
    return b"".join(spots)


def check_names(names: bytes, changed_ns: int, inode: int) -> int:
    """Return the check of a shard's names, of which its time and inode are a part."""
    seed = (changed_ns ^ inode) & _LARGEST
    return int(_sum(names, seed)) & 0xFFFFFFFF
