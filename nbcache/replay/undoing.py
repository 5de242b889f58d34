"""Taking back what a hit has changed when the rest of it can't be done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from nbcache.errors import CacheError
from nbcache.heap.registry import kind_of
from nbcache.heap.walk import Walk

_Binding = tuple[dict[str, Any], str, Any]
_GONE = object()


@contextmanager
def all_or_nothing(log: Sequence[tuple[Any, Any]], bindings: Sequence[_Binding]) -> Iterator[None]:
    """Take live objects and names back when what is inside fails.

    Raises:
        CacheError: it failed; everything is as it was before.
        RuntimeError: it failed, and an object that took a part of the change keeps it.
    """
    try:
        yield
    except Exception as error:
        take_back(log, bindings)
        raise CacheError(f"a change could not be repeated: {error}") from error


def undo_log(
    patches: Sequence[tuple[int, Any]], walk: Walk, *, more: bool
) -> list[tuple[Any, Any]]:
    """Return what takes patches back: none for one alone, which is made whole or not at all."""
    if len(patches) == 1 and not more:
        return []
    lives = [walk.objects[ordinal] for ordinal, _ in patches]
    return [(live, kind_of(type(live)).snapshot(live)) for live in lives]


def old_bindings(
    changes: Iterable[tuple[dict[str, Any], Mapping[str, Any]]],
) -> list[_Binding]:
    """Return each name to be bound or deleted with its namespace and its present value."""
    return [
        (variables, name, variables.get(name, _GONE))
        for variables, change in changes
        for name in (*change["bind"], *change["delete"])
    ]


def take_back(log: Iterable[tuple[Any, Any]], bindings: Iterable[_Binding]) -> None:
    """Put names and live objects back to what they were.

    Raises:
        RuntimeError: an object took a part of the change, and does not take its old state.
    """
    for variables, name, old in bindings:
        if old is _GONE:
            variables.pop(name, None)
        else:
            variables[name] = old
    failed = []
    for live, state in log:
        try:
            kind_of(type(live)).patch(live, state)
        except Exception as error:
            failed.append(f"{type(live).__qualname__}: {error}")
    if failed:
        raise RuntimeError(
            f"a change could be neither repeated nor taken back ({'; '.join(failed)})."
            " Restart the kernel before you trust these objects."
        )
