"""Whether a run can be left unwatched: its cell is still, and nobody's code runs around it."""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from nbcache.cell.still import ATOMS, CALLED, SHOWS, is_still
from nbcache.replaced import noting_replaced
from nbcache.replacing import may_replace

_AROUND = frozenset({"nbcache", "IPython", "ipykernel", "matplotlib_inline"})
"""Packages whose event callbacks do nothing to a cell that shows nothing."""

_PYTHONS = {name: getattr(builtins, name) for name in CALLED}
_ATOMS = frozenset(map(id, ATOMS))
"""By identity: the hash of a class may be code of the user's metaclass."""

_WRAPPED = "original_write"
_MOST_ITEMS = 10_000
_NATIVE = (types.BuiltinFunctionType, type)


def runs_still(nodes: Sequence[Any], shell: Any) -> bool:
    """Tell whether a run of these statements leaves nothing but names and what it printed."""
    values, hidden = shell.user_ns, shell.user_ns_hidden
    if type(values) is not dict or shell.user_global_ns is not values:
        return False

    own = values.get("__builtins__", builtins)
    if not (own is builtins or own is vars(builtins)):
        return False

    def is_named(name: str) -> bool:
        return not (name.startswith("_") or name in hidden or hasattr(builtins, name))

    def is_atom(name: str) -> bool:
        return is_named(name) and name in values and id(type(values[name])) in _ATOMS

    def is_free(name: str) -> bool:
        return is_named(name) and (name not in values or _ends_quietly(values[name]))

    def is_pythons(name: str) -> bool:
        found = getattr(builtins, name, None)
        is_native = found is _PYTHONS[name] and type(found) in _NATIVE and name not in values
        return is_native and (name != SHOWS or _is_kernels_own(sys.stdout))

    return is_still(nodes, is_atom, is_free, is_pythons) and _is_alone(shell)


@contextmanager
def watching(nodes: Sequence[Any], shell: Any, trackers: Any, text: str) -> Iterator[None]:
    """Follow a cell that is not cached; a still one can neither seed nor import."""
    if runs_still(nodes, shell):
        yield
        return
    may = may_replace(text, nodes, shell.user_ns)
    with noting_replaced(text) if may else nullcontext(), trackers.watching_uncached(text):
        yield


def _ends_quietly(value: Any) -> bool:
    """Tell whether nobody's code runs when a value goes: it is plain, or a list of plain ones."""
    if type(value) is list or type(value) is tuple:
        return len(value) <= _MOST_ITEMS and _ATOMS.issuperset(map(id, map(type, value)))
    return id(type(value)) in _ATOMS


def _is_kernels_own(stream: Any) -> bool:
    """Tell whether what is printed goes to the front end and nowhere else."""
    iostream = sys.modules.get("ipykernel.iostream")
    return iostream is not None and type(stream) is iostream.OutStream and _is_untouched(stream)


def _is_untouched(stream: Any) -> bool:
    """Tell whether a stream is written to by its own method, below what IPython puts over it."""
    write = vars(stream).get("write")
    while _is_tee(write):
        write = write.__closure__[write.__code__.co_freevars.index(_WRAPPED)].cell_contents
    is_own = write is None or getattr(write, "__func__", None) is type(stream).write
    return is_own and "flush" not in vars(stream) and not stream._hooks


def _is_tee(write: Any) -> bool:
    """Tell whether this is what IPython keeps a cell's output with for its history."""
    if type(write) is not types.FunctionType or _WRAPPED not in write.__code__.co_freevars:
        return False
    return str(write.__module__) == "IPython.core.interactiveshell"


def _is_alone(shell: Any) -> bool:
    """Tell whether nothing but the cell's own statements runs with it."""
    if shell.ast_node_interactivity != "last_expr" or sys.gettrace() or sys.getprofile():
        return False
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is not None and any(map(monitoring.get_tool, range(6))):
        return False
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    if helpers is not None and helpers.Gcf.figs:  # shown and closed after the cell
        return False
    callbacks = [one for group in shell.events.callbacks.values() for one in group]
    return all(_package_of(one) in _AROUND for one in callbacks)


def _package_of(callback: Any) -> str:
    return str(getattr(callback, "__module__", "")).partition(".")[0]
