"""What a library made for a run, and keeps: a stream refers to it, and brings a copy along.

``Path.unit_circle()`` makes one circle when it is first asked for. A hit in a kernel where nobody
asked yet finds nothing at its place: it puts the copy there, as the run would have.
"""

from __future__ import annotations

import base64
import json
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nbcache.errors import CacheError
from nbcache.heap.walk import digest_variable
from nbcache.replay.library_objects import LIBRARIES, load_place, read_place
from nbcache.replay.library_places import NAME, follow, live, told

MOST_BYTES: Final = 1 << 16
"""Larger ones are no constants that a library makes late."""

Copy = Callable[[Any], bytes]
"""Returns the stream of an object itself where others would hold a reference to it."""


@dataclass(frozen=True, slots=True)
class Made:
    """Stands in the values for the copies that a stream brings."""

    reference: str


class References:
    """References of one stream: what is referred to many times is looked at once."""

    def __init__(self, but: Any = None) -> None:
        self._known: dict[int, tuple[Any, str | None]] = {id(but): (but, None)}
        self._whole = LIBRARIES.places.get(id(but))

    def of(self, obj: Any) -> str | None:
        """Return how the stream refers to an object, None if no library is known to keep it."""
        found = self._known.get(id(obj))
        if found is None:
            text = None if self._is_inside(obj) else LIBRARIES.reference(obj)
            found = self._known[id(obj)] = obj, text
        return found[1]

    def _is_inside(self, obj: Any) -> bool:
        """Tell whether a library keeps an object as a part of the one that is written whole."""
        place, whole = LIBRARIES.places.get(id(obj)), self._whole
        if place is None or whole is None or place[0] != whole[0]:
            return False
        return place[1][: len(whole[1])] == whole[1]

    @property
    def referred(self) -> list[Any]:
        """Return the objects that the stream refers to."""
        return [obj for obj, text in self._known.values() if text is not None]

    def copies(self, copy: Copy) -> str:
        """Return, as text, the copies of what the stream refers to and a library made late."""
        found = {
            text.partition(" ")[2]: base64.b64encode(stream).decode()
            for obj, text in list(self._known.values())
            if text is not None and id(obj) in LIBRARIES.made
            if _owner(*read_place(text.partition(" ")[2])[:2]) is not None
            if (stream := _copied(obj, copy)) is not None
        }
        return json.dumps(found) if found else ""


def _copied(obj: Any, copy: Copy) -> bytes | None:
    try:
        stream = copy(obj)
    except Exception:  # it may hold what no stream can: then it has to be there on a hit
        return None
    return stream if 0 < len(stream) <= MOST_BYTES else None


class Referred:
    """What the references of one stream lead to."""

    def __init__(self, read: Callable[[bytes], Any]) -> None:
        self._read = read
        self._loaded: dict[str, Any] = {}
        self._copies: Mapping[str, str] = {}
        self._new: dict[str, Any] = {}

    def bring(self, copies: str) -> None:
        """Take the copies that a stream brings."""
        self._copies = json.loads(copies)

    def load(self, place: str) -> Any:
        """Return the live object of a reference.

        Raises:
            CacheError: it is gone, or holds something else than after the recorded run.
        """
        if place not in self._loaded:
            self._loaded[place] = self._found(place)
        return self._loaded[place]

    def _found(self, place: str) -> Any:
        try:
            return load_place(place)
        except CacheError:
            module, steps, digest = read_place(place)
            part = self._part_of_a_copy(module, steps)
            if part is not None:
                return part
            if place not in self._copies or not _is_free(module, steps):
                raise
            made = self._read(base64.b64decode(self._copies[place]))
            if digest_variable({"x": made}, "x") != digest:
                raise
            self._new[place] = made
            return made

    def _part_of_a_copy(self, module: str, steps: Sequence[Any]) -> Any:
        """Return what lies inside an object of which the stream brings a copy, None if nothing."""
        for whole in self._copies:
            home, first, _ = read_place(whole)
            if home == module and len(steps) > len(first) and steps[: len(first)] == first:
                return follow(self.load(whole), steps[len(first) :])
        return None

    def to_keep(self) -> dict[str, Any]:
        """Return the objects that are to be put into their places."""
        return dict(self._new)


def keep(made: Mapping[str, Any]) -> None:
    """Put objects into their places in libraries, as the run had them made.

    Raises:
        CacheError: there is something meanwhile.
    """
    places = [(read_place(place), value) for place, value in made.items()]
    new = [(where, value) for where, value in places if live(*where[:2]) is not value]
    for (module, steps, _), _ in new:
        if not _is_free(module, steps):
            raise CacheError(f"`{told(module, steps)}` holds something else meanwhile")
    for (module, steps, _), value in new:
        owner = _owner(module, steps)
        if issubclass(type(owner), type):
            type.__setattr__(owner, steps[-1][1], value)
        else:
            vars(owner)[steps[-1][1]] = value
        LIBRARIES.take_made(value, (module, tuple((sort, name) for sort, name in steps)))


def _is_free(module: str, steps: Any) -> bool:
    """Tell whether a library has a place for something, and nothing in it."""
    return _owner(module, steps) is not None and live(module, steps) is None


def _owner(module: str, steps: Any) -> Any:
    """Return the class or module of whose variable a place speaks; None if it is none."""
    if not all(sort == NAME for sort, _ in steps):
        return None
    owner = live(module, steps[:-1]) if steps[1:] else sys.modules.get(module)
    is_owner = issubclass(type(owner), (type, types.ModuleType))
    return owner if is_owner and steps[-1][1] in vars(owner) else None
