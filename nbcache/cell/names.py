"""Which names a cell can read before it binds them, and which it binds."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nbcache.cell import hidden
from nbcache.cell.bytecode import CodeReads, code_reads
from nbcache.cell.flow import Flow
from nbcache.cell.magics_text import MagicUse
from nbcache.cell.parts import all_parts

__all__ = ["CodeReads", "MagicUse", "Names", "code_reads", "read_names"]


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one cell.

    ``reads`` are global names that may be read before the cell has surely bound them (names
    of builtins included), ``binds`` those that it may bind, ``always_binds`` those bound
    whenever it ends normally. ``strings`` are words of string constants: candidates for
    reads such as ``df.query("a > @x")``. ``hidden`` says why the reads can't be narrowed;
    ``hidden_after`` are the names that the cell has surely bound before any such read.

    ``settled`` maps each read to the names that the cell has surely bound whenever that read
    happens: a function reached through the read sees the cell's own values of those.
    ``fatal_if_missing`` are reads without which the cell fails: a run that began without
    such a name and ended normally never read it, so that run's record holds for any value.
    """

    reads: frozenset[str] = frozenset()
    binds: frozenset[str] = frozenset()
    always_binds: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    imports: tuple[str, ...] = ()
    magics: tuple[MagicUse, ...] = ()
    strings: frozenset[str] = frozenset()
    hidden: tuple[str, ...] = ()
    hidden_after: frozenset[str] = frozenset()
    draws: frozenset[str] = frozenset()
    settled: Mapping[str, frozenset[str]] = field(default_factory=dict)
    fatal_if_missing: frozenset[str] = frozenset()


def read_names(nodes: Sequence[ast.stmt]) -> Names:
    """Follow a cell's statements and return the names that they read and bind."""
    flow = Flow()
    try:
        flow.block(nodes)
    except RecursionError:
        return _every_name(nodes)
    found = flow.found
    always = frozenset(flow.bound or ()) - found.unsettled
    fatal = found.reads - found.indirect - frozenset(dir(builtins))
    return Names(
        reads=frozenset(found.reads),
        binds=frozenset(found.binds),
        always_binds=always,
        deletes=frozenset(found.deletes),
        imports=tuple(found.imports),
        magics=tuple(found.magics),
        strings=frozenset(found.strings),
        hidden=tuple(found.hidden),
        hidden_after=frozenset(found.hidden_after or ()) - found.unsettled,
        draws=_draws(nodes),
        settled=dict(found.settled),
        fatal_if_missing=frozenset() if found.hidden else frozenset(fatal),
    )


def _every_name(nodes: Sequence[ast.stmt]) -> Names:
    """Return the names of a cell that is nested too deeply to be followed."""
    every = all_parts(nodes)
    names = frozenset(part.id for part in every if isinstance(part, ast.Name))
    reason = "is nested too deeply to be read"
    return Names(reads=names, binds=names, hidden=(reason,), draws=_draws(nodes))


def _draws(nodes: Sequence[ast.stmt]) -> frozenset[str]:
    """Return the identifiers that seed, set or make a random generator."""
    found: set[str] = set()
    for part in all_parts(nodes):
        for slot in ("id", "attr", "arg", "name", "asname"):
            word = getattr(part, slot, None)
            if isinstance(word, str) and hidden.DRAWS.search(word):
                found.add(word.rpartition(".")[2])
    return frozenset(found)
