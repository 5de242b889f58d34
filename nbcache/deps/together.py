"""Many watches that begin, and end, together: one assignment a module, by a plan made once.

The plan holds for as long as the same places are asked for and hold the same functions. Where
others watch already, a run around this one or in another thread, every hook goes its own way, as
do those of places whose functions come and go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import is_, itemgetter
from types import ModuleType
from typing import Any

from nbcache.deps import patching
from nbcache.deps.patching import MISSING, Patch, Patches, count_places, lock, patch_at
from nbcache.deps.wrapped import Hook, Place, Wrapped

_MOST_PLANS = 16
_Groups = tuple[tuple[Place, ...], ...]
_Given = tuple[list[Wrapped], tuple[Hook, ...]]


class _Module:
    """The patches of one module, which are put and taken away by one assignment."""

    def __init__(self, patches: Sequence[Patch]) -> None:
        self.patches = patches
        self.names: dict[str, Any] = patches[0].names
        self.raws = {patch.name: patch.raw for patch in patches}
        self.stand_ins = {patch.name: patch.stand_in for patch in patches}
        self._pick = itemgetter(*self.raws)
        self._raw, self._stand_in = self._pick(self.raws), self._pick(self.stand_ins)

    def is_as_before(self) -> bool:
        """Tell whether the module holds what it held when the patches were made."""
        return self._holds(self._raw)

    def _holds(self, values: Any) -> bool:
        try:
            held = self._pick(self.names)
        except KeyError:
            return False
        return held is values if len(self.raws) == 1 else all(map(is_, held, values))

    def take_away(self) -> None:
        """Put back what was there, but for what somebody replaced since."""
        if self._holds(self._stand_in):
            self.names.update(self.raws)
            return
        for patch in self.patches:
            patch.take_away()


class _Plan:
    """What some watches come down to: which wrappers get which hooks, and where they go."""

    def __init__(self, groups: _Groups) -> None:
        self.restless = patching.restless_places()
        self.absent: list[Place] = []
        self.loose: list[tuple[int, Place]] = []
        patches: dict[int, Patch] = {}
        self.picks: dict[int, tuple[Wrapped, list[int]]] = {}
        for number, places in enumerate(groups):
            for place in places:
                if (id(place[0]), place[1]) in self.restless:
                    self.loose.append((number, place))
                    continue
                patch = patch_at(place)
                if patch is None:
                    self.absent.append(place)
                    continue
                patches[id(patch)] = patch
                picks = self.picks.setdefault(id(patch.wrapper), (patch.wrapper, []))[1]
                if not picks or picks[-1] != number:
                    picks.append(number)
        self.patches = list(patches.values())
        self._sort()

    def _sort(self) -> None:
        """Bring together what goes into one module, and what is given the same hooks."""
        by_picks: dict[tuple[int, ...], list[Wrapped]] = {}
        for wrapper, picks in self.picks.values():
            by_picks.setdefault(tuple(picks), []).append(wrapper)
        self.by_picks = list(by_picks.items())
        by_module: dict[int, list[Patch]] = {}
        self.singles: list[Patch] = []
        for patch in self.patches:
            if type(patch.owner) is ModuleType and patch.raw is not MISSING:
                by_module.setdefault(id(patch.owner), []).append(patch)
            else:
                self.singles.append(patch)
        self.modules = [_Module(patches) for patches in by_module.values()]
        self.getters = [(patch.names.get, patch.name) for patch in self.singles]
        self.raws = [patch.raw for patch in self.singles]

    def is_current(self) -> bool:
        """Tell whether every place holds what it held when the plan was made."""
        return (
            self.restless == patching.restless_places()
            and all(module.is_as_before() for module in self.modules)
            and all(map(is_, [get(name, MISSING) for get, name in self.getters], self.raws))
            and not any(hasattr(*place) for place in self.absent)
        )

    def put(self, hooks: Sequence[Hook]) -> list[_Given]:
        """Put every wrapper in its places; return the hooks that each was given."""
        given = []
        for patch in self.patches:
            patch.watchers = 1
        count_places(len(self.patches))
        for picks, wrappers in self.by_picks:
            chosen = tuple([hooks[number] for number in picks])
            given.append((wrappers, chosen))
            for wrapper in wrappers:
                wrapper.hooks = chosen
        for module in self.modules:
            module.names.update(module.stand_ins)
        for patch in self.singles:
            patch.put()
        return given

    def take_away(self) -> None:
        """Put back what was there wherever nobody else watches."""
        for patch in self.patches:
            patch.watchers -= 1
        left = [patch for patch in self.patches if patch.watchers]
        if not left:
            for module in self.modules:
                module.take_away()
        for patch in self.patches if left else self.singles:
            if not patch.watchers:
                patch.take_away()
        count_places(len(left) - len(self.patches))


_plans: dict[_Groups, _Plan] = {}


def _plan_for(groups: _Groups) -> _Plan:
    plan = _plans.get(groups)
    if plan is None or not plan.is_current():
        if len(_plans) >= _MOST_PLANS:
            _plans.clear()
        plan = _plans[groups] = _Plan(groups)
    return plan


class _Batch:
    """Watches that were asked for, by whom, and what became of them."""

    def __init__(self) -> None:
        self.asked: list[tuple[Patches, Hook, tuple[Place, ...]]] = []
        self._plan: _Plan | None = None
        self._given: list[_Given] = []

    def begin(self) -> None:
        """Begin to watch."""
        asked, self.asked = self.asked, []
        with lock:
            if patching.places_held():
                for patches, hook, places in asked:
                    patches.put(hook, places)
                return
            self._plan = _plan_for(tuple([places for _, _, places in asked]))
            self._given = self._plan.put([hook for _, hook, _ in asked])
            for number, place in self._plan.loose:
                asked[number][0].put(asked[number][1], (place,))

    def undo(self, asker: Patches) -> None:
        """End the watches of all; before they began, those of ``asker`` alone."""
        self.asked = [one for one in self.asked if one[0] is not asker]
        plan, self._plan = self._plan, None
        if plan is None:
            return
        with lock:
            for wrappers, hooks in self._given:
                for wrapper in wrappers:
                    is_alone = wrapper.hooks is hooks
                    wrapper.hooks = () if is_alone else _without(wrapper.hooks, hooks)
            plan.take_away()


def _without(hooks: tuple[Hook, ...], others: tuple[Hook, ...]) -> tuple[Hook, ...]:
    return tuple(hook for hook in hooks if not any(hook is other for other in others))


@contextmanager
def together() -> Iterator[None]:
    """Let the watches that this thread asks for in the block begin at its end."""
    batch = patching.state.batch = _Batch()
    try:
        yield
    finally:
        patching.state.batch = None
    batch.begin()
