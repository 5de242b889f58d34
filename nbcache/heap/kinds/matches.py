"""Matches of regular expressions: found again in the same text, in the same way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotStorable
from nbcache.heap import rebuild
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import joined

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

MOST_PLACES = 2000
"""Matches of one text looked through for the one to be stored."""


class MatchKind(Kind):
    """``re.Match``: pattern, text, the part that was searched, and what was found there."""

    by_value = True
    stable = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode all that can be asked of a match."""
        return joined(b"ma", map(walk.ref, (obj.re, obj.string, obj.pos, obj.endpos, obj.regs)))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Find it again, in the first way that gives the very same match."""
        if type(obj.string) not in (str, bytes):
            raise NotStorable("is a match in a text that may have changed")
        span = (obj.pos, obj.endpos)
        for way in ("match", "search", "fullmatch"):
            if _is_same(getattr(obj.re, way)(obj.string, *span), obj):
                return rebuild.make_match, (obj.re, obj.string, span, way, 0)
        for place, found in enumerate(obj.re.finditer(obj.string, *span)):
            if _is_same(found, obj):
                return rebuild.make_match, (obj.re, obj.string, span, "finditer", place)
            if place == MOST_PLACES:
                break
        raise NotStorable("is a match that can't be found again; keep its groups or its span")


def _is_same(found: Any, match: Any) -> bool:
    if found is None:
        return False
    return bool(found.regs == match.regs and found.lastindex == match.lastindex)


register(MatchKind(), re.Match)
