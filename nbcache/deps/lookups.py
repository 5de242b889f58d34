"""Variables that a library looks up by name: ``df.query("a > @x")``, formulas, ``pd.eval``.

The text that names them may come from anywhere, so the look-up itself is watched. A variable
that the run read in this way counts as it was at that moment.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nbcache.deps.patching import Patches, Place
from nbcache.deps.protocol import Observed
from nbcache.deps.watching import Watcher

_LOOKUPS = {
    "pandas.core.computation.scope": ("Scope", "resolve"),
    "patsy.eval": ("VarLookupDict", "__getitem__"),
    "formulaic.utils.layered_mapping": ("LayeredMapping", "__getitem__"),
}
"""Methods that are given a name and find it in the frame of whoever called the library."""


@dataclass(slots=True)
class _Run:
    before: Mapping[str, Any]
    read: dict[str, str] = field(default_factory=dict)


class LookupTracker(Watcher[_Run]):
    """Follows look-ups in ``namespace``; ``fingerprint`` gives the digest of a variable."""

    name = "names"

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        super().__init__()
        self._namespace = namespace
        self.fingerprint: Callable[[str], str] | None = None

    def _begin(self, patches: Patches) -> _Run:
        run = _Run(dict(self._namespace))

        def on_lookup(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            self._note(run, args[1] if len(args) > 1 else kwargs.get("key"))

        def watch_arrived(module: Any) -> None:
            patches.watch(on_lookup, *_places(module.__name__))

        for name in _LOOKUPS:
            if name in sys.modules:
                patches.watch(on_lookup, *_places(name))
            else:
                patches.on_arrival(name, watch_arrived)
        return run

    def _note(self, run: _Run, name: Any) -> None:
        if self.fingerprint is None or not isinstance(name, str) or name in run.read:
            return
        before = run.before
        if name in before and self._namespace.get(name, before) is before[name]:
            run.read[name] = self.fingerprint(name)

    def _end(self, run: _Run) -> Observed:
        return Observed(run.read or None)


def _places(module: str) -> list[Place]:
    owner, method = _LOOKUPS[module]
    found = getattr(sys.modules[module], owner, None)
    return [] if found is None else [(found, method)]
