"""Warning filters: changed by a run, or consulted by it because it issued a warning.

The filters before the run are a dependency if it changed them, or if a warning was issued,
shown or not: Python code issues it through ``warnings.warn``; C code leaves its mark in the
registry of the module that it blames. A run that only put filters in front of the others, as
importing a library does, depends on none of them: a hit puts its own in front, too.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbcache.deps.arrivals import loaded_names
from nbcache.deps.digests import text_digest
from nbcache.deps.local import loaded_local_names
from nbcache.deps.patching import Patches
from nbcache.deps.plain import decode, encode
from nbcache.deps.protocol import Observed
from nbcache.deps.watching import Watcher
from nbcache.errors import NotReplayable

_REGISTRY = "__warningregistry__"


@dataclass(slots=True)
class _Run:
    before: list[Any]
    is_issued: bool = False


class WarningTracker(Watcher[_Run]):
    """Follows ``warnings.filters``."""

    name = "warnings"

    def __init__(self) -> None:
        super().__init__()
        self._registries: dict[str, tuple[Any, int]] | None = None
        self._namespaces: dict[str, Any] = {}
        self._names: frozenset[str] = frozenset()
        self._sizes: list[int] = []
        self._marked: list[str] = []

    def _begin(self, patches: Patches) -> _Run:
        run = _Run(list(warnings.filters))
        if self._registries is None:
            self._registries_moved()

        def on_warning(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            run.is_issued = True

        patches.watch(on_warning, (warnings, "warn"), (warnings, "warn_explicit"))
        return run

    def _end(self, run: _Run) -> Observed:
        after = list(warnings.filters)
        if after == run.before:
            is_issued = run.is_issued or self._registries_moved()
            return Observed({"filters": _digest(after)} if is_issued else None)
        try:
            effect = [encode(item) for item in after]
        except NotReplayable as error:
            raise NotReplayable(f"it adds a warning filter: {error}") from error
        late = {"filters": _digest(run.before)}
        if not (self._registries_moved() or run.is_issued):
            count = len(after) - len(run.before)
            if count > 0 and after[count:] == run.before:
                return Observed(None, {"in front": effect[:count]})
            if _are_added(run.before, after):
                late["left"] = _digest(after)  # adding them once more leaves them as they are
        return Observed(late, effect)

    def _registries_moved(self) -> bool:
        """Tell whether a registry changed since the last call, in whichever run or cell."""
        now: dict[str, tuple[Any, int]] = {}
        for name in self._with_registry():
            registry = vars(sys.modules[name])[_REGISTRY]
            now[name] = registry.get("version"), len(registry)
        before, self._registries = self._registries, now
        return now != before

    def _with_registry(self) -> list[str]:
        """Return the modules that hold a registry; looks into those that grew or are local.

        Looking into thousands of namespaces takes milliseconds, asking for their sizes a tenth.
        """
        own = {"__main__", "__mp_main__", *loaded_local_names()}
        if self._names is not loaded_names():
            self._names = loaded_names()
            known = ((name, getattr(sys.modules.get(name), "__dict__", {})) for name in self._names)
            self._namespaces = {name: values for name, values in known if name not in own}
        sizes = list(map(len, self._namespaces.values()))
        if sizes != self._sizes:
            self._sizes = sizes
            named = self._namespaces.items()
            self._marked = [name for name, values in named if _REGISTRY in values]
        return [name for name in (*self._marked, *own) if _has_registry(name)]

    def _check(self, late: Mapping[str, Any]) -> str | None:
        now = _digest(list(warnings.filters))
        is_same = now in (late["filters"], late.get("left"))
        return None if is_same else "the warning filters changed"

    def _apply(self, effect: Any) -> None:
        if isinstance(effect, Mapping):
            front = [decode(item) for item in effect["in front"]]
            filters = [*front, *(item for item in warnings.filters if item not in front)]
        else:
            filters = [decode(item) for item in effect]
        if filters != warnings.filters:
            warnings.filters[:] = filters  # type: ignore[index]
            _note_change()


def _has_registry(name: str) -> bool:
    return _REGISTRY in getattr(sys.modules.get(name), "__dict__", {})


def _are_added(before: list[Any], after: list[Any]) -> bool:
    """Tell whether filters were added, and all others stayed in their order."""
    rest = iter(after)
    return all(item in rest for item in before)


def _note_change() -> None:
    """Make Python forget what it remembered about the old filters."""
    for name in ("_filters_mutated", "_filters_mutated_lock_held"):
        mutated = getattr(warnings, name, None)
        if mutated is not None:
            mutated()
            return


def _digest(filters: list[Any]) -> str:
    return text_digest(repr([_described(item) for item in filters]))


def _described(item: Any) -> Any:
    action, message, category, module, line = item
    texts = [getattr(pattern, "pattern", pattern) for pattern in (message, module)]
    return action, *texts, f"{category.__module__}:{category.__qualname__}", line
