"""Functions of the notebook that show values of some types: IPython's formatters hold them."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from itertools import chain
from operator import is_, itemgetter, methodcaller
from typing import Any

from nbcache.heap.walk import Walk
from nbcache.locality import is_local_module


def need_printers(walk: Walk, display_formatter: Any) -> None:
    """Make the notebook's own functions for showing types an input."""
    if not has_own_printers(display_formatter, walk.namespace):
        return
    found: dict[str, set[bytes]] = {}
    for mime, formatter in getattr(display_formatter, "formatters", {}).items():
        for kind, printer in _printers_of(formatter):
            if is_own(printer, walk.namespace):
                name = kind[-1] if isinstance(kind, tuple) else getattr(kind, "__name__", kind)
                label = f"{mime} formatter of {name}"
                found.setdefault(label, set()).add(walk.fingerprint(label, printer))
    for label, digests in found.items():  # classes that were defined again are of one name
        walk.roots[label] = b"".join(sorted(digests))
    walk.run()


def has_own_printers(display_formatter: Any, namespace: dict[str, Any]) -> bool:
    """Tell whether any function for showing types is the notebook's; of the same ones, at once."""
    formatters = getattr(display_formatter, "formatters", {}).values()
    tables = chain.from_iterable(map(_tables, formatters))
    printers = list(chain.from_iterable(map(_values, tables)))
    known = _foreign[1] if _foreign and _foreign[0] is namespace else ()
    if len(known) == len(printers) > 0 and all(map(is_, known, printers)):
        return False
    if any(is_own(one, namespace) for one in printers):
        return True
    _foreign[:] = [namespace, printers]
    return False


_foreign: list[Any] = []
"""Whose functions for showing types were seen last, and these, if none was the notebook's."""

_TABLES = ("type_printers", "deferred_printers", "singleton_printers")
_held: Any = itemgetter(*_TABLES)
_values: Any = methodcaller("values")


def _tables(formatter: Any) -> Iterable[Any]:
    """Return a formatter's tables of functions by type; a trait that was asked for is as it is."""
    try:
        found: Iterable[Any] = _held(vars(formatter)["_trait_values"])
        return found
    except KeyError:
        return [getattr(formatter, name, {}) for name in _TABLES]


def _printers_of(formatter: Any) -> Iterator[tuple[Any, Any]]:
    """Yield a formatter's functions with their types."""
    for table in _tables(formatter):
        yield from table.items()


def is_own(printer: Any, namespace: dict[str, Any]) -> bool:
    """Tell whether a function, or what it calls in the end, is of the notebook or beside it."""
    while type(printer) is not types.FunctionType or printer.__dict__:
        inner = getattr(printer, "__wrapped__", getattr(printer, "func", None))
        inner = getattr(printer, "__func__", inner)
        if inner is None:
            break
        printer = inner
    if type(printer) is types.FunctionType:
        variables = printer.__globals__
        return variables is namespace or is_local_module(str(variables.get("__name__")))
    kind = printer if isinstance(printer, type) else type(printer)
    return kind.__module__ == "__main__" or is_local_module(kind.__module__)
