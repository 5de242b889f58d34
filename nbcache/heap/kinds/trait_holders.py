"""Objects with traits: inputs by their state and by who observes them, which a copy leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traitlets import HasTraits, ObserveHandler

from nbcache.errors import NotReplayable, NotStorable
from nbcache.heap.kinds.instance import ReducedKind
from nbcache.heap.registry import register
from nbcache.heap.tokens import digest, joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

REASON = "is observed: its observers are lost when it is copied"
_HEAD = 17
"""Bytes of the token that say what makes the object; what can be set follows."""


class TraitsKind(ReducedKind):
    """Any ``HasTraits`` that nobody else knows."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the reduction, and those who observe."""
        token = super().encode(obj, walk)
        observers = observers_of(obj)
        if not observers:
            return token
        parts = [part for name, one in observers for part in (text(name), walk.ref(one))]
        return token[:_HEAD] + digest(joined(b"o", [token[_HEAD:], *parts]))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Reduce as ever what nobody observes."""
        if observers_of(obj):
            raise NotStorable(REASON)
        return super().reduce(obj, dump)

    def state(self, obj: Any) -> Any:
        """Return the state of what nobody observes; setting one would drop the observers."""
        if observers_of(obj):
            raise NotReplayable(f"{REASON}, and the cell changes it")
        return super().state(obj)


def observers_of(obj: Any) -> list[tuple[str, Any]]:
    """Return (trait and event, function) of all observers but those that the class declares."""
    held = obj.__dict__.get("_trait_notifiers") or {}
    return [
        (f"{name} {event}", one)
        for name, events in held.items()
        for event, ones in events.items()
        for one in ones
        if not isinstance(one, (ObserveHandler, str))
    ]


register(TraitsKind(), bases=(HasTraits,))
