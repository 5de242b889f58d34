"""Modules: what the run imported, the sources of local modules, the versions of the others.

Local is what lies outside the interpreter's and the distributions' folders, editable installs
included. What counts is the code in memory: a file that was edited after its import changes
nothing until it is reloaded, here as in a plain kernel, and a note says so. Imports are
repeated in the order in which they began, which circular ones need.
"""

from __future__ import annotations

import importlib
import operator
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from nbcache.deps.arrivals import loaded_names
from nbcache.deps.local import (
    current_digest,
    loaded_local_names,
    memory_digest,
    portable,
    remember_loaded,
    runs_old_code,
    source_path,
    sources_of,
)
from nbcache.deps.patching import Patches
from nbcache.deps.places import caller, owner_of
from nbcache.deps.protocol import Observed
from nbcache.deps.versions import Versions, normal_name
from nbcache.deps.watching import Watcher

_NOT_IMPORTED = frozenset({"__main__", "__mp_main__"})


@dataclass(slots=True)
class _Run:
    before: dict[str, Any]
    names: frozenset[str]
    reached: Collection[str] | None
    searched: dict[str, None]
    reloaded: bool = False
    asked: set[str] = field(default_factory=set)


class ModuleTracker(Watcher[_Run]):
    """Follows imports, local sources and versions of a run.

    ``reached``, given to ``start``, names the modules that the cell's names and functions
    reach; without it every loaded local module counts, and only imports count for versions.
    """

    name = "modules"

    def __init__(self) -> None:
        super().__init__()
        self._versions = Versions()
        self._reached: Collection[str] | None = None
        remember_loaded()

    def start(self, reached: Collection[str] | None = None) -> None:
        """Begin to watch a run that reaches the modules ``reached``."""
        self._reached = reached
        super().start()

    def _begin(self, patches: Patches) -> _Run:
        run = _Run(sys.modules.copy(), loaded_names(), self._reached, patches.log_imports())

        def on_reload(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            run.reloaded = True

        def on_question(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if caller(sys._getframe(1)) == "user":
                run.asked.update(name for name in (*args, *kwargs.values()))

        patches.watch(on_reload, (importlib, "reload"))
        metadata = sys.modules.get("importlib.metadata")
        if metadata is not None:
            patches.watch(on_question, (metadata, "distribution"))
        return run

    def observe(self) -> None:
        """Remember the sources and versions now in memory; cheap, call it after any cell."""
        for name in loaded_local_names():
            memory_digest(name)

    def _end(self, run: _Run) -> Observed:
        imported = _imported(run)
        self.observe()
        reached = [*(run.reached or ()), *imported]
        roots = reached if run.reached is not None else loaded_local_names()
        sources = sources_of(roots)
        versions: dict[str, str | None] = {
            **self._versions.used_by(name for name in reached if name not in sources)
        }
        late: dict[str, Any] = {}
        for name in sorted(run.asked):
            versions[normal_name(name)] = self._versions.current(normal_name(name))
        if sources:
            late["local"] = {
                name: [digest, portable(source_path(name))] for name, digest in sources.items()
            }
        if versions:
            late["versions"] = versions
        names = [name for name in imported if _is_importable(name)]
        notes = tuple(
            f"the kernel runs old code of `{name}`: its file was edited after the import"
            for name in sources
            if runs_old_code(name)
        )
        return Observed(late or None, names or None, notes, _refusal(run))

    def _check(self, late: Mapping[str, Any]) -> str | None:
        for name, version in late.get("versions", {}).items():
            now = self._versions.current(name)
            if now != version:
                return f"{name} {version or 'not installed'} → {now or 'not installed'}"
        for name, (digest, path) in late.get("local", {}).items():
            now = current_digest(name, path)
            if now is None:
                return f"the local module `{name}` (`{path}`) is not there"
            if now != digest:
                return f"`{path}` was edited"
        return None

    def _apply(self, effect: Any) -> None:
        """Import what the run imported; a private part that no longer exists is passed over."""
        for name in effect:
            if name not in sys.modules:
                _import_again(name)


def _imported(run: _Run) -> list[str]:
    """Return the names that the run added, in the order of their search."""
    now = loaded_names()
    if now is run.names:
        return []
    new = now - run.names
    return [name for name in dict.fromkeys([*run.searched, *sys.modules]) if name in new]


def _import_again(name: str) -> None:
    try:
        importlib.import_module(name)
    except ImportError:
        if "." not in name:
            raise


def _is_importable(name: str) -> bool:
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    if name in _NOT_IMPORTED or spec is None or name.partition(".")[0] == "nbcache":
        return False
    origin = getattr(spec, "origin", None)
    if isinstance(origin, str) and owner_of(origin) == "own":
        return False
    return spec.loader is not None or spec.submodule_search_locations is not None


def _refusal(run: _Run) -> str | None:
    if run.reloaded:
        return "it reloads a module, which a hit could not repeat"
    now = list(sys.modules.values())
    # New ones come last, so that one pass without look-ups tells the common case.
    if len(now) >= len(run.before) and all(map(operator.is_, run.before.values(), now)):
        return None
    for name, module in run.before.items():
        if sys.modules.get(name) is not module:
            what = "replaces" if name in sys.modules else "removes"
            return f"it {what} the loaded module `{name}`, which a hit could not repeat"
    return None
