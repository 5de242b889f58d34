"""Pages of an index put together: names and figures of all entries as columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import compress, repeat
from math import isnan
from typing import Any

from nbcache.store.pages import (
    CHANGED,
    COST,
    FLAGS,
    INODE,
    IS_BARE,
    IS_PINNED,
    IS_UNREADABLE,
    NUMBER,
    OWN,
    SIZE,
    STORED_AT,
    TEXTS,
    TTL,
    USED_AT,
    Page,
    Part,
    join_parts,
)
from nbcache.store.rows import Row
from nbcache.store.shards import SHARD_DIGITS

_BEHIND_SHARD = SHARD_DIGITS + 1


class Table:
    """What the pages say, one column at a time."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._pages = pages

    def column(self, number: int) -> list[Any]:
        """Return one of the numbers of each entry."""
        found: list[Any] = []
        for page in self._pages:
            found += page.column(number)
        return found

    def names(self) -> list[str]:
        """Return the name of each entry."""
        text = b"".join([page.names for page in self._pages]).decode("ascii")
        return [name[_BEHIND_SHARD:] for name in text.split()]

    def chosen_names(self, chosen: Sequence[bool]) -> list[str]:
        """Return the names of those entries for which ``chosen`` says so."""
        text = b"".join([page.names for page in self._pages]).decode("ascii")
        width, *others = {page.summary.width for page in self._pages if page.names} or {0}
        if others or not width:
            return [line[_BEHIND_SHARD:] for line in compress(text.split(), chosen)]
        length = width - _BEHIND_SHARD - 1
        starts = compress(range(_BEHIND_SHARD, len(text), width), chosen)
        return [text[start : start + length] for start in starts]

    def rows(self) -> list[Row]:
        """Return all that is known of each entry that can be read."""
        hidden = IS_UNREADABLE | IS_BARE
        rows = self.all_rows()
        if self.has_marked():
            flags = self.column(FLAGS)
            return [row for row, flag in zip(rows, flags, strict=True) if not flag & hidden]
        return rows

    def blob_names(self) -> list[list[str]]:
        """Return the blobs of each entry that needs any."""
        marked = [page for page in self._pages if page.has_blobs()]
        return [line for page in marked for line in page.list_blobs() if line]

    def count(self) -> int:
        """Return how many entries there are, apart from what is unfinished."""
        return sum(
            len(page.numbers) // NUMBER.size - page.summary.unfinished for page in self._pages
        )

    def own_bytes(self) -> int:
        """Return the bytes of the entries' own files."""
        return sum(page.summary.own_bytes for page in self._pages)

    def has_marked(self) -> bool:
        """Whether any entry is pinned, unreadable or unfinished."""
        return any(page.summary.marked for page in self._pages)

    def all_rows(self) -> list[Row]:
        """Return all that is known of each entry."""
        texts = b"".join([page.texts for page in self._pages]).decode("utf-8").split("\0")
        kinds, notebooks, titles, sources, makers = (texts[n:-1:TEXTS] for n in range(TEXTS))
        ttls = [None if isnan(ttl) else ttl for ttl in self.column(TTL)]
        pinned = [flag & IS_PINNED for flag in self.column(FLAGS)]
        columns = (
            *(self.names(), kinds, self.column(STORED_AT), ttls, self.column(COST)),
            *(self.column(SIZE), self.column(OWN), self.column(USED_AT)),
            *(notebooks, titles, sources, makers, pinned),
            *(self.column(INODE), self.column(CHANGED)),
        )
        return list(map(tuple.__new__, repeat(Row), zip(*columns, strict=True)))


def by_name(part: Part) -> tuple[dict[str, Row], dict[str, list[str]]]:
    """Return each row of a shard by its name, and the blobs that it needs."""
    page = join_parts(0, 0.0, [part])
    rows = Table([page]).all_rows()
    names = [row.name for row in rows]
    return dict(zip(names, rows, strict=True)), dict(zip(names, page.list_blobs(), strict=True))


def items_of(pages: Iterable[Page], cells: str) -> list[tuple[str, int, float]]:
    """Return folder, size and last use of each entry; what is shared is shared out."""
    begin = f"{cells}/".encode("utf-8", "surrogateescape")
    found: list[tuple[str, int, float]] = []
    needs: list[tuple[int, list[str]]] = []
    for page in pages:
        if page.has_blobs():
            needs += [pair for pair in enumerate(page.list_blobs(), len(found)) if pair[1]]
        paths = begin + page.names[:-1].replace(b"\n", b"\n" + begin)
        folders = paths.decode("utf-8", "surrogateescape").split("\n")
        found += zip(folders, *page.sizes_and_uses(), strict=False)
    holders = Counter(name for _, line in needs for name in line)
    for place, line in needs:
        path, size, used_at = found[place]
        share = sum(-(-blob_bytes(name) // holders[name]) for name in line)
        found[place] = path, size + share, used_at
    return found


def total_of(pages: Iterable[Page]) -> int:
    """Return the bytes that all entries take; what they share counts once."""
    own, shared = 0, set[str]()
    for page in pages:
        own += page.summary.own_bytes
        if page.has_blobs():
            shared.update(name for line in page.list_blobs() for name in line)
    return own + sum(map(blob_bytes, shared))


def blob_bytes(name: str) -> int:
    """Return the size that a blob's name tells."""
    length = name.partition("-")[2]
    return int(length) if length.isdecimal() else 0
