"""Pages out of an index file where there is one, and new ones into it, some at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from nbcache.store.page_file import PageFile
from nbcache.store.page_heads import Head
from nbcache.store.pages import Page

_WRITTEN_AT_ONCE = 4


class PageKeeper:
    """Gives pages out of an index file, if there is one, and adds some at a time."""

    def __init__(self, file: PageFile | None) -> None:
        self._file = file
        self._heads: Sequence[Head | None] = ()
        self._new: list[Page] = []
        self._has_grown = False
        if file is not None:
            with contextlib.suppress(OSError):
                self._heads = file.heads()

    def read(self, number: int, wanted: Sequence[int]) -> Page | None:
        """Return the page that is kept, with the regions that are wanted; None if damaged.

        A head that is not right may have been written at this very moment: it is read again.
        """
        if self._file is not None and self._heads:
            with contextlib.suppress(OSError):
                head = self._heads[number] or self._file.head(number)
                return self._file.page(head, wanted) if head else None
        return None

    def put(self, page: Page) -> None:
        """Keep a page; written with some others."""
        self._new.append(page)
        if len(self._new) >= _WRITTEN_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting; where that fails, it is found out again the next time."""
        pages, self._new = self._new, []
        if self._file is not None and pages:
            self._has_grown = True
            with contextlib.suppress(OSError):
                self._file.put(pages)

    def tidying(self) -> Iterator[None]:
        """Leave out what is out of date, if the file grew."""
        if self._file is not None and self._has_grown:
            with contextlib.suppress(OSError):
                yield from self._file.compact()
