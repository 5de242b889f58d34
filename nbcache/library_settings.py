"""What a run left set in libraries: looked for by what its code may call, before and after it."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable
from typing import Any

from nbcache.errors import NotReplayable
from nbcache.library_setters import Setter
from nbcache.library_state import SetState


class LibrarySettings:
    """Looks at what a run may set in libraries, before and after it."""

    def __init__(self, reached: Callable[[], list[Setter]] = list) -> None:
        self._reached = reached
        self._before = SetState(reached())
        self._singles = _singles()
        self._set: Setter | None = None

    def compare(self) -> None:
        """Note what is not set as it was; call it as soon as the run has ended."""
        now = self._reached()
        found = [one for one in now if one.is_native]
        found += [one for one in self._late(now) if SetState([one]).is_settable]
        found += self._moved(now)
        found += [
            Setter(path) for path, one in _singles().items() if self._singles[path] is not one
        ]
        self._set = next(iter(found), None)

    def _late(self, now: list[Setter]) -> list[Setter]:
        """Return the functions that code could reach only once the run had begun."""
        seen = {(id(one.function), id(one.owner)) for one in self._before.setters}
        return [
            one
            for one in now
            if one.function is not None and (id(one.function), id(one.owner)) not in seen
        ]

    def _moved(self, now: list[Setter]) -> list[Setter]:
        before = self._before.setters
        known = {setter.label for setter in before}
        same = [one for one in now if one.label in known]
        if not SetState(same).differs(self._before):
            return []
        moved = [one for one in same if SetState([one]).differs_within(self._before)]
        return [*moved, *before[:1]]

    def refuse(self) -> None:
        """Refuse a run that left something set.

        Raises:
            NotReplayable: naming a function that may have set it.
        """
        if self._set is not None:
            if self._set.function is None:
                told = "belongs to a library, and the cell changed it"
                raise NotReplayable(told, path=self._set.label)
            raise NotReplayable(
                f"`{self._set.label}(…)` sets something in {self._set.package}, which a hit could"
                " not repeat; put it into a cell of its own"
            )


_SINGLES = (
    (warnings, "showwarning"),
    (warnings, "formatwarning"),
    (warnings, "_showwarnmsg_impl"),
    (logging, "lastResort"),
    (sys, "tracebacklimit"),
    (sys, "unraisablehook"),
    (sys, "breakpointhook"),
)
"""Members of modules that change by themselves, or that no tracker follows."""


def _singles() -> dict[str, Any]:
    return {f"{module.__name__}.{name}": getattr(module, name, None) for module, name in _SINGLES}
