"""Values that a notebook's own text gives to names, as far as they can be read without a kernel."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from nbcache.cell.touches import touched_names
from nbcache.cli.sources import source_of
from nbcache.entry import Entry
from nbcache.heap.walk import Walk, digests

_PLAIN = (int, float, complex, str, bytes, type(None))


class Literals:
    """What names hold that a cell binds to a number, a text or None, cell after cell."""

    def __init__(self) -> None:
        self._digests: dict[str, str] = {}
        self._texts: dict[str, str] = {}

    def moved(self, entry: Entry) -> list[str]:
        """Return the inputs of a stored run that are not what the cells above bind now."""
        return [
            name
            for name, digest in self._digests.items()
            if entry.parts.get(f"input {name}", digest) != digest
        ]

    def news(self, entry: Entry) -> list[str]:
        """Say of each of them what it was and is."""
        inputs = entry.about.get("inputs", {})
        then = {name: inputs.get(name, {}).get("text") for name in self.moved(entry)}
        return [
            f"`{name}` changed" + (f" ({old} → {self._texts[name]})" if old is not None else "")
            for name, old in then.items()
        ]

    def choose(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Return the stored runs, those first whose inputs are what the cells above bind."""
        return sorted(entries, key=lambda entry: bool(self.moved(entry)))

    def read(self, text: str, entry: Entry | None) -> None:
        """Take a cell into account, with the run of it that is stored, if any."""
        found = source_of(text)
        if found is None:
            self._digests.clear()
            return
        source, nodes = found
        if entry is None and not all(map(_is_plain, nodes)):
            self._digests.clear()  # nobody knows what its calls change
        touched = {*touched_names(nodes, source.names)}
        touched.update(entry.about.get("writes", ()) if entry is not None else ())
        for name in touched:
            self._digests.pop(name, None)
        bound = _bound_last(nodes, source.names.binds)
        self._digests.update({name: _digest(name, value) for name, value in bound.items()})
        self._texts.update({name: repr(value) for name, value in bound.items()})


def _is_plain(node: ast.stmt) -> bool:
    """Whether a statement can change nothing but the names that it binds."""
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.Pass)):
        return True
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)


def _bound_last(nodes: Sequence[ast.stmt], names: frozenset[str]) -> Mapping[str, Any]:
    """Return the literals that nothing else in the cell binds."""
    found: dict[str, Any] = {}
    stores = [
        part.id
        for node in nodes
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load)
    ]
    for node in nodes:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Constant):
            continue
        value = node.value.value
        for target in node.targets:
            if not isinstance(target, ast.Name) or stores.count(target.id) != 1:
                continue
            if isinstance(value, _PLAIN) and target.id in names:
                found[target.id] = value
    return found


def _digest(name: str, value: Any) -> str:
    """Return the digest of an input as a stored run names it."""
    walk = Walk({name: value})
    walk.need(name)
    walk.run()
    return digests(walk.roots)[name]
