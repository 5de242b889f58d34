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
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from nbcache.deps.arrivals import loaded_names
from nbcache.deps.finding import FRESH, locate, source_news
from nbcache.deps.local import (
    current_digest,
    loaded_local_names,
    may_show_lines,
    memory_digest,
    portable,
    remember_loaded,
    runs_old_code,
    source_path,
)
from nbcache.deps.patching import Patches
from nbcache.deps.places import caller, owner_of
from nbcache.deps.protocol import Observed
from nbcache.deps.reach import Needs, Reach
from nbcache.deps.shadows import hidden_library, libraries_among
from nbcache.deps.versions import Versions, normal_name
from nbcache.deps.watching import Watcher
from nbcache.errors import NotReplayable
from nbcache.locality import is_made

_NOT_IMPORTED = frozenset({"__main__", "__mp_main__"})


@dataclass(slots=True)
class _Run:
    before: dict[str, Any]
    names: frozenset[str]
    reached: Collection[str] | None
    needs: Needs
    searched: dict[str, bool]
    reloaded: bool = False
    asked: set[str] = field(default_factory=set)
    called: dict[str, None] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    arrived: dict[str, str] = field(default_factory=dict)
    awaited: set[str] = field(default_factory=set)


class ModuleTracker(Watcher[_Run]):
    """Follows imports, local sources and versions of a run.

    ``reached``, given to ``start``, names the modules that the cell's names and functions
    reach; without it every loaded local module counts, and only imports count for versions.
    ``needs`` narrows it to those of their names that are asked for.
    """

    name = "modules"

    def __init__(self) -> None:
        super().__init__()
        self._versions = Versions()
        self._reached: Collection[str] | None = None
        self._imports: Iterable[str] = ()
        self._needs: Needs = {}
        self.state: Callable[[ModuleType], str] | None = None
        """Gives the digest of what a local module holds; without it, states don't count."""
        remember_loaded()

    def start(
        self,
        reached: Collection[str] | None = None,
        imports: Iterable[str] = (),
        needs: Needs | None = None,
    ) -> None:
        """Begin to watch a run that reaches the modules ``reached`` and may import ``imports``."""
        self._reached, self._imports, self._needs = reached, imports, needs or {}
        super().start()

    def _begin(self, patches: Patches) -> _Run:
        log = patches.log_imports()
        run = _Run(sys.modules.copy(), loaded_names(), self._reached, self._needs, log)
        self._follow_states(run, patches, [*self._imports, *_asked(run).inside])

        def on_reload(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            run.reloaded = True

        def on_question(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if caller(sys._getframe(1)) == "user":
                run.asked.update(name for name in (*args, *kwargs.values()))

        def on_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            name, package = [*args, *kwargs.values(), None][:2]
            whole = f"{package}{name}" if str(name).startswith(".") else str(name)
            run.called[whole] = None
            self._follow_states(run, patches, [whole])

        patches.watch(on_reload, (importlib, "reload"))
        patches.watch(on_call, (importlib, "import_module"))
        metadata = sys.modules.get("importlib.metadata")
        if metadata is not None:
            patches.watch(on_question, (metadata, "distribution"))
        return run

    def _follow_states(self, run: _Run, patches: Patches, names: Iterable[str]) -> None:
        """Note what the modules hold that the run may import: now, or as soon as they arrive."""

        def arrived(module: ModuleType) -> None:
            if self.state is not None and source_path(module.__name__):
                run.arrived[module.__name__] = self.state(module)
                reach = Reach()
                reach.ask(module.__name__, None)
                self._follow_states(run, patches, reach.inside)

        for name in names:
            if name in sys.modules:
                self._note_state(run, name)
            elif name not in run.awaited:
                run.awaited.add(name)
                patches.on_arrival(name, arrived)

    def _note_state(self, run: _Run, name: str) -> None:
        module = sys.modules.get(name)
        if self.state is None or module is None:
            return
        if name not in run.arrived and (source_path(name) or is_made(module)):
            run.states.setdefault(name, self.state(module))

    def _states(self, run: _Run) -> dict[str, list[str]]:
        """Return for each module the states in which the run can be repeated.

        One that the run imported anew may be new again, or as it was right after its import if
        the run left it so.
        """
        found = {name: [state] for name, state in run.states.items()}
        for name, state in run.arrived.items():
            module = sys.modules.get(name)
            is_same = self.state is not None and module is not None and self.state(module) == state
            found[name] = [FRESH, state] if is_same else [FRESH]
        return dict(sorted(found.items()))

    def observe(self) -> None:
        """Remember the sources and versions now in memory; cheap, call it after any cell."""
        for name in loaded_local_names():
            memory_digest(name)

    def _end(self, run: _Run) -> Observed:
        imported = _imported(run)
        self.observe()
        reached = [*(run.reached or ()), *imported, *run.called]
        sources = _sources(run, imported)
        local = {name.partition(".")[0] for name in sources}
        versions: dict[str, str | None] = {
            **self._versions.used_by(one for one in reached if one.partition(".")[0] not in local)
        }
        late: dict[str, Any] = {}
        states = self._states(run)
        if states:
            late["state"] = states
        for name in sorted(run.asked):
            versions[normal_name(name)] = self._versions.current(normal_name(name))
        sought = {name: locate(name) is not None for name in _sought(run)}
        if sought:
            late["sought"] = sought
        if sources:
            late["local"] = sources
        if versions:
            late["versions"] = versions
        libraries = libraries_among([*reached, *_searched_for(run)])
        if libraries:
            late["libraries"] = libraries
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
        for name, accepted in late.get("state", {}).items():
            module = sys.modules.get(name)
            known = FRESH if module is None or self.state is None else self.state(module)
            if known not in accepted:
                return f"what the module `{name}` holds changed"
        for name, was_found in late.get("sought", {}).items():
            if (name in sys.modules or locate(name) is not None) != was_found:
                return f"the module `{name}` {'is gone' if was_found else 'can be imported now'}"
        hidden = hidden_library(late.get("libraries", ()), are_loaded=True)
        return hidden or source_news(late, current_digest)

    def _apply(self, effect: Any) -> None:
        """Import what the run imported; a private part that no longer exists is passed over."""
        for name in effect:
            if name not in sys.modules:
                _import_again(name)


def _sources(run: _Run, imported: Iterable[str]) -> dict[str, list[Any]]:
    """Return digest, path and the names that count of each local module that the run reaches."""
    reach = _asked(run)
    for name in imported:
        if name not in reach.needs:  # however it came by it
            reach.ask(name, None)
    found: dict[str, list[Any]] = {}
    for name, names in reach.needs.items():
        counted = None if names is None else sorted(names)
        path = portable(source_path(name))
        found[name] = [current_digest(name, path, counted), path, counted, memory_digest(name)]
    return _raw(found) if any(map(may_show_lines, found)) else found


def _asked(run: _Run) -> Reach:
    """Return what a run asks of local modules, as far as its code and its calls tell."""
    reach = Reach()
    if run.reached is None:
        for name in loaded_local_names():
            reach.ask(name, None)
    for name in (*(run.reached or ()), *run.called):
        reach.ask(name, None if name in run.called else run.needs.get(name))
    return reach


def raw_sources(late: Mapping[str, Any]) -> dict[str, Any]:
    """Return late dependencies with the texts of the local modules, comments included."""
    modules = late.get("modules", {})
    local = _raw(modules.get("local", {}))
    return {**late, "modules": {**modules, "local": local}} if local else dict(late)


def _raw(sources: Mapping[str, Any]) -> dict[str, Any]:
    return {name: [memory_digest(name), one[1]] for name, one in sources.items()}


def _imported(run: _Run) -> list[str]:
    """Return the names that the run added, in the order of their search."""
    now = loaded_names()
    if now is run.names:
        return []
    new = now - run.names
    return [name for name in dict.fromkeys([*run.searched, *sys.modules]) if name in new]


def _searched_for(run: _Run) -> list[str]:
    """Return the names that the user's code searched for."""
    return [name for name, is_users in run.searched.items() if is_users]


def _sought(run: _Run) -> list[str]:
    """Return the names that the user's code searched for and did not get."""
    return [name for name in _searched_for(run) if name not in sys.modules]


def _import_again(name: str) -> None:
    try:
        importlib.import_module(name)
    except ImportError as error:
        if "." not in name:
            raise NotReplayable(f"the module `{name}` can't be imported again ({error})") from error


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
