"""Which loggers are not as ``getLogger`` makes them; one look at each of what may be hundreds."""

from __future__ import annotations

import logging
import sys
from itertools import compress, repeat
from operator import is_, itemgetter, ne, or_
from typing import Any

OWN = frozenset(vars(logging.getLogger("nbcache")))
"""Attributes that every logger has."""


def touched_loggers() -> list[logging.Logger]:
    """Return the root and the loggers in which something was set."""
    loggers, namespaces = _census.now()
    is_set = map(ne, map(_SETTINGS, namespaces), repeat(_AS_MADE))
    has_more = map(len(OWN).__lt__, map(len, namespaces))
    return [logging.root, *compress(loggers, map(or_, is_set, has_more))]


_SETTINGS = itemgetter("level", "handlers", "disabled", "filters", "propagate")
_AS_MADE: tuple[Any, ...] = (0, [], False, [], True)


class _Census:
    """All loggers and their namespaces, gathered anew when there are others."""

    def __init__(self) -> None:
        self._mark: tuple[int, str] = -1, ""
        self._places: dict[str, Any] = {}
        self._found: tuple[list[logging.Logger], list[dict[str, Any]]] = ([], [])

    def now(self) -> tuple[list[logging.Logger], list[dict[str, Any]]]:
        """Return the loggers; a name that only stood for others may have become one."""
        known = logging.root.manager.loggerDict
        mark = len(known), next(reversed(known), "")
        held = map(known.get, self._places)
        if mark != self._mark or not all(map(is_, held, self._places.values())):
            everything = list(known.items())
            loggers = [one for _, one in everything if isinstance(one, logging.Logger)]
            others = {name: one for name, one in everything if isinstance(one, logging.PlaceHolder)}
            self._mark, self._places = mark, others
            self._found = loggers, [one.__dict__ for one in loggers]
        return self._found


_census = _Census()


def is_held(handler: logging.Handler) -> bool:
    """Tell whether a variable of the notebook is a handler, or a container that holds it."""
    for value in list(vars(sys.modules["__main__"]).values()):
        held = value.values() if type(value) is dict else value
        if value is handler:
            return True
        if type(value) in (list, tuple, dict) and any(one is handler for one in held):
            return True
    return False
