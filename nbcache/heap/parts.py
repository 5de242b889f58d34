"""Values inside earlier objects, by their place: ``row = data[0]`` is what ``data`` holds.

A value such as a tuple has no ordinal, since its identity is no part of a fingerprint. A cell can
see it all the same (``row is data[0]``). So what the earlier objects hold is noted before a run,
and a value that goes into the stream is looked for among it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from itertools import chain
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from nbcache.heap.columns import NUMBERED
from nbcache.heap.groups import Rows, is_replaced
from nbcache.heap.kinds.attributes import dict_values, slots_of
from nbcache.heap.kinds.instance import PlainKind
from nbcache.heap.kinds.many_instances import Instances
from nbcache.heap.registry import kind_of
from nbcache.heap.tokens import FLAT
from nbcache.heap.unseen import hide

if TYPE_CHECKING:
    from nbcache.heap.walk import Walk

_SHARED = frozenset({int, float, complex, str, bytes})
"""Flat types of which two equal values can be two objects."""

_BY_NAME = frozenset({type, FunctionType, BuiltinFunctionType, ModuleType})
"""Types of what is stored by its name, or is an object of its own."""


Take = Callable[[Any], list[Any]]


class Column(NamedTuple):
    """An attribute of many instances: they follow one another, and it is the same part of each."""

    ordinals: Sequence[int]
    step: int


Owner = int | str | tuple[int, int] | Column
"""An ordinal, a variable's label, or the value at a place of what a former one holds."""


class Parts:
    """What earlier objects held before a run."""

    def __init__(self) -> None:
        self.variables: dict[int, str] = {}
        self._owners: list[Owner] = []
        self._held: list[list[Any]] = []
        self._starts: list[int] = []
        self._alone: list[int] = []
        self._places: dict[int, int] | None = None

    @classmethod
    def of(cls, walk: Walk) -> Parts:
        """Note what the walked objects hold now."""
        parts = cls()
        for label, value in walk.values.items():
            if type(value) in _SHARED:
                parts.variables[id(value)] = f"root {label}"
            elif walk.holds_values and type(value) is not bool and not walk.is_numbered(value):
                parts._add(label, held_by(value))
        if walk.holds_values:
            parts._note(walk)
        return parts

    def _note(self, walk: Walk) -> None:
        """Note what each object of the walk holds; most groups hold no value at all."""
        takers: dict[type, Take | None] = {}
        for group in walk.levels.value_holders():
            if isinstance(group, Instances):
                self._note_columns(group, walk)
                continue
            is_column = isinstance(group, Rows)
            if is_column and not _hold_values((one for _, one in group.parts), walk):
                continue
            first = len(self._held)
            for ordinal in group.ordinals:
                obj = walk.objects[ordinal]
                if type(obj) not in takers:
                    takers[type(obj)] = _taker(type(obj))
                take = takers[type(obj)]
                if take is not None and obj is not walk.namespace:
                    self._add(ordinal, take(obj))
            if not is_column:
                self._alone.extend(range(first, len(self._held)))

    def _note_columns(self, group: Instances, walk: Walk) -> None:
        for step, held in enumerate(group.table[2]):
            if _hold_values([held], walk):
                self._owners.append(Column(group.ordinals, step))
                self._held.append(held)

    def _add(self, owner: Owner, held: list[Any]) -> None:
        if not FLAT.issuperset(map(type, held)):
            self._owners.append(owner)
            self._held.append(held)
            hide(held)

    def replaced(self, walk: Walk) -> Iterator[int]:
        """Yield the objects that now hold another object of the same value than before.

        Those of a column are told of by their group.
        """
        for number in self._alone:
            owner, held = self._owners[number], self._held[number]
            obj = walk.objects[owner]  # type: ignore[index]
            if kind_of(type(obj)).is_container and is_replaced(held, held_by(obj)):
                yield owner  # type: ignore[misc]

    def find(self, obj: Any, changed: Container[int]) -> str | None:
        """Return the place of this very object, None where no earlier one held it.

        What is no value lives in its owner, which must be as it was.
        """
        if not self._held or type(obj) in _BY_NAME:
            return None
        if self._places is None:
            self._places = self._index()
        place = self._places.get(id(obj))
        if place is None:
            return None
        steps, owner = self._path(place)
        if not is_lasting(obj) and (is_value(obj) or owner in changed):
            return None
        return f"part {'.'.join(map(str, steps))} {owner}"

    def _index(self) -> dict[int, int]:
        """Return where among all that is held each object stands first."""
        number = start = 0
        while number < len(self._held):
            held = self._held[number]
            self._starts.append(start)
            start += len(held)
            for place, one in enumerate(held):
                if issubclass(type(one), tuple) and is_value(one):
                    self._add((number, place), held_by(one))
            number += 1
        every = list(map(id, chain.from_iterable(self._held)))
        every.reverse()
        return dict(zip(every, range(len(every) - 1, -1, -1), strict=True))

    def _path(self, place: int) -> tuple[list[int], int | str]:
        """Return the steps to a place, and the object or variable that they start from."""
        number = bisect_right(self._starts, place) - 1
        place -= self._starts[number]
        steps: list[int] = []
        while True:
            owner = self._owners[number]
            if isinstance(owner, Column):
                return [*reversed([*steps, owner.step])], owner.ordinals[place]
            steps.append(place)
            if not isinstance(owner, tuple):
                return [*reversed(steps)], owner
            number, place = owner


class Finder:
    """Finds values of the live objects by their places."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._held: dict[str, list[Any]] = {}

    def find(self, reference: str) -> Any:
        """Return what stands at a place."""
        path, _, owner = reference.partition(" ")
        above, _, step = path.rpartition(".")
        key = f"{above} {owner}"
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = held_by(self.find(key) if above else self._start(owner))
        return held[int(step)]

    def _start(self, owner: str) -> Any:
        return self._walk.objects[int(owner)] if owner.isdigit() else self._walk.values[owner]


def _hold_values(columns: Iterable[list[Any]], walk: Walk) -> bool:
    """Tell whether columns hold values, and not flat ones and numbered objects alone."""
    return any(walk.sorts[kind] > NUMBERED for one in columns for kind in set(map(type, one)))


def _taker(kind: type) -> Take | None:
    """Return what tells the parts of an object of this type, None where there are none."""
    family = kind_of(kind)
    if not family.has_parts:
        return None
    return dict_values if type(family) is PlainKind and not slots_of(kind) else family.parts


def held_by(obj: Any) -> list[Any]:
    """Return what an object holds, in the order that its fingerprint tells."""
    return kind_of(type(obj)).parts(obj)


def is_value(obj: Any) -> bool:
    """Tell whether an object has no ordinal because its identity is no part of a fingerprint."""
    family = kind_of(type(obj))
    return family.by_value or (family.mixed and family.is_value(obj))


def is_lasting(obj: Any) -> bool:
    """Tell whether an object is a value that stays what it is, with all that it holds."""
    if type(obj) in FLAT or (type(obj) is tuple and FLAT.issuperset(map(type, obj))):
        return True
    if not (is_value(obj) and kind_of(type(obj)).stable):
        return False
    inner = obj if isinstance(obj, (tuple, frozenset)) else ()
    return all(is_lasting(one) or not is_value(one) for one in inner)
