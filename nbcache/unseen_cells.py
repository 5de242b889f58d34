"""Cells that ran before any was cached: what they were, and what they replaced in libraries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nbcache.setter_words import may_set_unseen


class UnseenCells:
    """Follows cells while no session is there: nothing of nbcache is loaded for most of them."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._may_set = False

    @contextmanager
    def running(self, text: str) -> Iterator[None]:
        """Let a cell of this text run."""
        self.texts.append(text)
        self._may_set = self._may_set or may_set_unseen(text)
        if not self._may_set:
            yield
            return
        from nbcache.replaced import noting_replaced

        with noting_replaced(text):
            yield
