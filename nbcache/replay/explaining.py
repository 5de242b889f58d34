"""Finding the smallest part of some values that can't be stored, for the message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nbcache.errors import NotStorable
from nbcache.heap.kinds.classes import is_meta_known
from nbcache.heap.paths import children, type_name
from nbcache.heap.registry import kind_of

Attempt = Callable[[Any], Exception | None]
"""Tries to store one value; returns why it can't be stored, or None."""

TRIES = 300
"""Parts tried before the search gives up and names what it has."""


def explain(values: Mapping[str, Any], attempt: Attempt, error: Exception) -> NotStorable:
    """Return the problem with the path to the smallest part that has it."""
    for group, members in values.items():
        items = members.items() if isinstance(members, dict) else [(group, members)]
        for name, value in items:
            if attempt(value) is not None:
                path, culprit = descend(str(name), value, attempt)
                problem = _problem(path, culprit, attempt(culprit) or error)
                return _with_advice(problem, str(name)) if group == "bind" else problem
    if isinstance(error, NotStorable) and error.path:
        return error
    return NotStorable(f"can't be stored: {error}", path="the values")


def _problem(path: str, culprit: Any, error: Exception) -> NotStorable:
    reason = error.reason if isinstance(error, NotStorable) else f"can't be stored ({error})"
    return NotStorable(reason, path=path, type_name=type_name(culprit))


def _with_advice(problem: NotStorable, name: str) -> NotStorable:
    """Add a way out to what pickle alone said of a part of a variable."""
    if not problem.reason.startswith("can't be stored"):
        return problem
    reason = f"{problem.reason}; leave it out with `drop={name}`, or delete it in the cell"
    return NotStorable(reason, path=problem.path, type_name=problem.type_name)


def descend(path: str, value: Any, attempt: Attempt) -> tuple[str, Any]:
    """Go down to the smallest part that still can't be stored."""
    seen, tries = {id(value)}, TRIES
    is_known = isinstance(attempt(value), NotStorable)
    while not (kind_of(type(value)).opaque or _is_unknown_class(value)):
        for step, child in children(value):
            tries -= 1
            if tries < 0:
                return path, value
            problem = None if id(child) in seen else attempt(child)
            # Where a kind told the reason, pickle's for one of the parts says less.
            if problem is not None and (isinstance(problem, NotStorable) or not is_known):
                seen.add(id(child))
                path, value = path + step, child
                break
        else:
            return path, value
    return path, value


def _is_unknown_class(value: Any) -> bool:
    """Whether what can't be stored is a class itself, for the way in which it is made."""
    return issubclass(type(value), type) and not is_meta_known(type(value))
