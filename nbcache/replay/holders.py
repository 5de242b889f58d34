"""Who else holds a new value: what a library made in the run and keeps is found by the count.

``lib.instance()`` may make its one instance when it is first asked for. Nothing tells so but that
more refers to it than the values that are stored do.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from nbcache.replay.library_objects import LIBRARIES, is_counted


class Holders:
    """Counts how often a stream meets each instance of a library's class."""

    def __init__(self) -> None:
        self.counted: dict[type, defaultdict[int, int]] = {}
        self._met: list[Any] = []

    def note(self, kind: type, obj: Any) -> None:
        """Note a new instance; its class was met for the first time if it is not counted yet."""
        if kind in self.counted:
            self._met.append(obj)
        elif is_counted(kind):
            self.counted[kind] = defaultdict(int, {id(obj): 1})
            self._met.append(obj)

    def look_again(self, values: Mapping[str, Any], looked: set[int]) -> bool:
        """Look where something else holds one; True when a library does that was not known to.

        ``looked`` are the identities of those looked for already, which become more.
        """
        if not self._met:
            return False
        for value in values.get("bind", {}).values():
            if type(value) in self.counted:
                self.counted[type(value)][id(value)] += _BOUND
        for value in values.get("result", ()):
            if type(value) in self.counted:
                self.counted[type(value)][id(value)] += _SHOWN
        wanted: dict[int, str] = {}
        for one in self._met:
            if sys.getrefcount(one) - _OURS > self.counted[type(one)][id(one)]:
                wanted[id(one)] = str(type(one).__module__).partition(".")[0]
        unknown = wanted.keys() - LIBRARIES.places.keys() - looked
        looked |= unknown
        return bool(unknown) and LIBRARIES.search_again(unknown, set(wanted.values()))


_BOUND = 2
"""References to a variable's value: by the namespace, and by what the run was seen to bind."""

_SHOWN = 2
"""References to a result: by ``Out`` and ``_``."""


class _Weighed:
    """A class whose one instance stands in a list."""


def _count_of_ours() -> int:
    met = [_Weighed()]
    return next(sys.getrefcount(one) for one in met)


_OURS = _count_of_ours()
"""References to an object that stands in our list while it is counted."""
