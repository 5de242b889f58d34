"""BeautifulSoup: a document and its elements, which pickle takes apart as text.

An element that comes back is no part of the document any more, and a document's own ways of
writing itself lose where its elements stood. They are inputs by their text, and never stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bs4.element import PageElement

from nbcache.errors import NotReplayable, NotStorable
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk


class ElementKind(Kind):
    """Documents, tags and texts of ``bs4``."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode class and text, and what it is part of."""
        top = obj
        while top.parent is not None:
            top = top.parent
        place = [] if top is obj else [walk.ref(top), *map(_number, _above(obj))]
        return joined(b"bs", [walk.ref(type(obj)), text(repr(obj)), *place])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Refuse to take it out of its document.

        Raises:
            NotStorable: always.
        """
        raise NotStorable(
            "is part of a parsed document, and would come back apart from it; keep its text"
            " (`str(element)`) and parse that"
        )

    def state(self, obj: Any) -> Any:
        """Refuse to repeat a change.

        Raises:
            NotReplayable: always.
        """
        raise NotReplayable("is part of a parsed document, which was changed in place")


def _above(obj: Any) -> list[Any]:
    """Return an element and those around it, but for the outermost."""
    found = []
    while obj.parent is not None:
        found.append(obj)
        obj = obj.parent
    return found


def _number(element: Any) -> bytes:
    """Return where an element stands among its neighbours."""
    return text(str(sum(1 for _ in element.previous_siblings)))


register(ElementKind(), first=(PageElement,))
