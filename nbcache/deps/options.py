"""Options of libraries: what a run changed is repeated, what it may have read is compared.

Only values that differ from the library's defaults are recorded, so that a library which is not
loaded yet equals one that is loaded and untouched.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import compress, repeat
from operator import is_not
from typing import Any, Protocol

from nbcache.deps.patching import Patches
from nbcache.deps.plain import comparable, decode, encode, shown
from nbcache.deps.protocol import Observed
from nbcache.deps.watching import Watcher
from nbcache.errors import NotReplayable


class Family(Protocol):
    """One library's options; every method but the attributes needs the library loaded."""

    name: str
    title: str
    module: str
    unread: frozenset[str]
    """Options that no result depends on."""

    def values(self) -> dict[str, Any]:
        """Return the options now, mutable values copied."""

    def defaults(self) -> Mapping[str, Any]:
        """Return the options as the library sets them itself."""

    def assign(self, values: Mapping[str, Any]) -> None:
        """Set the given options."""

    def watch_reads(self, patches: Patches, mark: Callable[..., None]) -> bool:
        """Have ``mark`` called at a read of any option; False if reads cannot be seen.

        ``mark(name)`` tells of a read of this option, or of one whose name begins with ``name.``
        """


MayRead = Callable[[str, "Collection[str] | None"], bool]
"""Tells of a run's text and the modules that it reaches whether it may read the options."""

_NEW: Any = object()


@dataclass(slots=True)
class Reading:
    """What one run did with one family: the options before it, and whether it read any.

    ``groups`` are the names that it read, or their beginnings, where that much is known.
    """

    before: dict[str, Any] | None = None
    is_read: bool = False
    groups: set[str] = field(default_factory=set)
    had_figures: bool = False
    has_arrived: bool = False
    modules: frozenset[str] = frozenset()


class OptionTracker(Watcher[Reading]):
    """Follows the options of one family."""

    def __init__(self, family: Family) -> None:
        super().__init__()
        self.family = family
        self.name = family.name

    def _is_loaded(self) -> bool:
        module = sys.modules.get(self.family.module)
        spec = getattr(module, "__spec__", None)
        return module is not None and not getattr(spec, "_initializing", False)

    def _begin(self, patches: Patches) -> Reading:
        run = Reading()

        def mark(group: str = "") -> None:
            if group:
                run.groups.add(group)
            else:
                run.is_read = True

        def look(_: object = None) -> None:
            run.before = self.family.values()
            if not self.family.watch_reads(patches, mark):
                run.is_read = True

        if self._is_loaded():
            look()
        else:
            run.has_arrived = True
            patches.on_arrival(self.family.module, look)
        return run

    def _end(self, run: Reading) -> Observed:
        if not self._is_loaded():
            return Observed()
        before = self._before(run)
        after = self.family.values()
        effect = {key: self._encoded(key, after[key]) for key in moved(before, after)}
        return Observed(self._late(run, before), effect or None)

    def _before(self, run: Reading) -> Mapping[str, Any]:
        return self.family.defaults() if run.before is None else run.before

    def _late(self, run: Reading, before: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what the run read of the options, None if nothing."""
        if not (run.is_read or run.groups):
            return None
        # A library that the run itself loaded starts from its files, which the run read.
        changed = {} if run.has_arrived else self._changed(before)
        if run.is_read:
            return {"changed": changed}
        return {"changed": _within(changed, run.groups), "read": sorted(run.groups)}

    def _changed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options that differ from the defaults."""
        keys = moved(self.family.defaults(), values)
        kept = sorted(key for key in keys if key not in self.family.unread)
        return {key: self._comparable(key, values[key]) for key in kept}

    def _encoded(self, key: str, value: Any) -> Any:
        try:
            return encode(value)
        except NotReplayable as error:
            raise NotReplayable(f"it sets the {self.family.title} `{key}`: {error}") from error

    def _comparable(self, key: str, value: Any) -> Any:
        try:
            return comparable(value)
        except NotReplayable as error:
            what = f"the {self.family.title} `{key}` was set before it"
            raise NotReplayable(f"{what}, and cannot be compared: {error}") from error

    def _check(self, late: Mapping[str, Any]) -> str | None:
        then = late["changed"]
        now: dict[str, Any] = {}
        defaults: Mapping[str, Any] = {}
        if self._is_loaded():
            values, defaults = self.family.values(), self.family.defaults()
            if not then and not moved(defaults, values):
                return None
            now = _within(self._changed(values), late.get("read"))
        for key in sorted({*then, *now}):
            if key not in then or key not in now or then[key] != now[key]:
                old, new = (self._shown(side, key, defaults) for side in (then, now))
                return f"{self.family.title} {key} changed ({old} → {new})"
        return None

    @staticmethod
    def _shown(side: Mapping[str, Any], key: str, defaults: Mapping[str, Any]) -> str:
        if key in side:
            return shown(side[key])
        return repr(defaults[key]) if key in defaults else "default"

    def _apply(self, effect: Any) -> None:
        __import__(self.family.module)
        self.family.assign({key: decode(value) for key, value in effect.items()})


class NearbyOptions(OptionTracker):
    """Follows a family whose reads cannot be seen, for runs that may come near it."""

    def __init__(self, family: Family, may_read: MayRead) -> None:
        super().__init__(family)
        self._may_read = may_read
        self._is_near = True

    def start(self, source: str = "", reached: Collection[str] | None = None) -> None:
        """Begin to watch a run of the text ``source`` that reaches the modules ``reached``."""
        self._is_near = self._may_read(source, reached)
        super().start()

    def _begin(self, patches: Patches) -> Reading:
        run = super()._begin(patches)
        run.is_read = run.is_read and self._is_near
        return run


def _within(values: dict[str, Any], groups: Collection[str] | None) -> dict[str, Any]:
    """Return the options of these names and groups; all if it is None."""
    if groups is None:
        return values
    heads = tuple(f"{group}." for group in groups)
    return {key: value for key, value in values.items() if f"{key}.".startswith(heads)}


def moved(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the options of ``new`` whose values are not those of ``old``; quick where few are."""
    if old is new:
        return []
    suspects = compress(new, map(is_not, map(old.get, new, repeat(_NEW)), new.values()))
    return [key for key in suspects if is_different(old.get(key, _NEW), new[key])]


def is_different(old: Any, new: Any) -> bool:
    """Tell whether two option values differ, type included."""
    if old is new:
        return False
    try:
        return type(old) is not type(new) or bool(old != new)
    except Exception:
        return True
