"""Iterators that know more than their protocol tells: counters, and those over dicts."""

from __future__ import annotations

import collections
import gc
import itertools
import operator
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotFingerprintable, NotReplayable, NotStorable
from nbcache.heap import rebuild
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

MOST_STEPS = 1_000_000
"""A live counter is not advanced further than this."""


class CountKind(Kind):
    """``itertools.count``: where it stands, and its step."""

    irreversible = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode value and step."""
        return joined(b"ic", map(walk.ref, place_of(obj)))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Count from where it stands."""
        return itertools.count, place_of(obj)

    def state(self, obj: Any) -> Any:
        """Return value and step."""
        return place_of(obj)

    def patch(self, live: Any, state: Any) -> None:
        """Advance the live counter to the recorded place."""
        start, step = place_of(live)
        steps = int((state[0] - start) // step) if step else 0
        if state != (start + steps * step, step) or not 0 <= steps <= MOST_STEPS:
            raise NotReplayable("is a counter that can't be advanced to where the run left it")
        collections.deque(itertools.islice(live, steps), maxlen=0)


def place_of(counter: Any) -> tuple[Any, Any]:
    """Return the next value of a counter and its step.

    Its text is the one thing that tells them on every Python, and says no more than numbers.
    """
    words = repr(counter).removeprefix("count(").removesuffix(")").split(", ")
    value, step = _number(words[0]), _number(words[1]) if len(words) > 1 else 1
    if counter_is(counter, value, step):
        return value, step
    raise NotFingerprintable("counts something else than plain numbers")


def _number(word: str) -> Any:
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    raise NotFingerprintable("counts something else than plain numbers")


def counter_is(counter: Any, value: Any, step: Any) -> bool:
    """Tell whether a counter made of these numbers has the same text."""
    return repr(itertools.count(value, step)) == repr(counter)


class DictIteratorKind(Kind):
    """Iterators over a dict and its views: which dict, and how far they have come."""

    irreversible = True

    def __init__(self, name: str, is_reversed: bool) -> None:
        self.name = name
        self.is_reversed = is_reversed

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the dict, and how much is left."""
        owner, left = _owner_of(obj)
        return joined(text(f"di{self.name}{self.is_reversed}"), [walk.ref(owner), walk.ref(left)])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Take a new iterator over the same dict, and advance it as far."""
        owner, left = _owner_of(obj)
        if dump.walk.ordinal(owner) in dump.changed:
            raise NotStorable("is an iterator over a dict that the cell changed")
        return rebuild.make_dict_iterator, (owner, self.name, self.is_reversed, left)

    def state(self, obj: Any) -> Any:
        """Return how much is left."""
        return _owner_of(obj)[1]

    def patch(self, live: Any, state: Any) -> None:
        """Advance the live iterator."""
        left = _owner_of(live)[1]
        if state > left:
            raise NotReplayable("is an iterator over a dict that can't go back")
        steps = left - state + (state == 0)
        collections.deque(itertools.islice(live, steps), maxlen=0)


def _owner_of(iterator: Any) -> tuple[Any, int]:
    """Return the dict and how many items are left; None for the dict when it is used up.

    Raises:
        NotFingerprintable: the dict has changed its size since.
    """
    owners = [held for held in gc.get_referents(iterator) if issubclass(type(held), dict)]
    left = operator.length_hint(iterator)
    if not owners:
        return None, 0
    if not left and owners[0]:
        raise NotFingerprintable(
            "is an iterator over a dict that has changed, or that is at its end"
        )
    return owners[0], left


class AloofIteratorKind(Kind):
    """Iterators that do not tell over which object they iterate, or how."""

    def __init__(self, owner: str) -> None:
        self.owner = owner

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Refuse: a copy would go on when the owner changes, and miss what is changed in it."""
        raise NotFingerprintable(f"is an iterator over {self.owner}; iterate over a list of it")

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Refuse it."""
        raise NotStorable(f"is an iterator over {self.owner}; make a list of what it yields")


register(CountKind(), itertools.count)
register(AloofIteratorKind("an `OrderedDict`"), type(iter(collections.OrderedDict())))
register(AloofIteratorKind("a set"), type(iter(set())))
_EMPTY: dict[Any, Any] = {}
for _name in ("keys", "values", "items"):
    _view = getattr(_EMPTY, _name)()
    register(DictIteratorKind(_name, False), type(iter(_view)))
    register(DictIteratorKind(_name, True), type(reversed(_view)))
