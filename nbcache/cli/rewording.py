"""A stored run for a notebook in which comments or formatting of code changed, and no code.

Keys leave comments out, so every cell would be served as before. Which run that was is found by
the notebook's place; that everything else is the same is told by its key, made with the texts
that were stored. Runs in which lines or comments were seen are never given as a whole.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from typing import Any

from nbcache.cell.pragma import find_pragmas
from nbcache.cli.parameters import INJECTED_TAG
from nbcache.entry import Entry
from nbcache.lineage import NotRecalled, lineage_key

_SHOW_TEXTS = frozenset({"In", "_i", "_ii", "_iii", "_ih"})


def last_key(notebook: str) -> str:
    """Return the name under which the last whole run of a notebook is kept besides its own."""
    return lineage_key({"last run of": notebook}, {})


def last_body(store: Any, notebook: str) -> bytes:
    """Return what the last whole run of a notebook left.

    Raises:
        NotRecalled: none is stored.
    """
    for entry in store.find(last_key(notebook)):
        return bytes(store.load(entry).stream)
    raise NotRecalled("no run of the whole notebook is stored")


def with_stored_texts(data: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    """Return a notebook (JSON data) with the code cells' texts of a stored run of the same code.

    Raises:
        NotRecalled: the code is another.
    """
    stored = [c for c in _codes(json.loads(body)) if INJECTED_TAG not in _tags(c)]
    fresh = [c for c in _codes(data) if INJECTED_TAG not in _tags(c)]
    pairs = zip(fresh, stored, strict=False)
    if len(stored) != len(fresh) or not all(_is_same_code(*pair) for pair in pairs):
        raise NotRecalled("the code of a cell changed")
    texts = {id(one): text_of(other) for one, other in zip(fresh, stored, strict=True)}
    cells = [{**c, "source": texts[id(c)]} if id(c) in texts else c for c in data["cells"]]
    return {**data, "cells": cells}


def refuse_shown_texts(entries: Sequence[Entry]) -> None:
    """Raise ``NotRecalled`` if a cell read the texts of the notebook's cells."""
    for entry in entries:
        names = {part.removeprefix("input ") for part in entry.parts if part.startswith("input ")}
        if any(name in _SHOW_TEXTS or name[:2] == "_i" for name in names):
            raise NotRecalled("a cell reads the texts of cells")


def text_of(cell: Mapping[str, Any]) -> str:
    """Return a cell's text."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def is_same_code(one: str, other: str) -> bool:
    """Tell whether two texts differ in comments and formatting at most, and ask for the same."""
    if one == other:
        return True
    if not _may_be_same(one, other):
        return False
    from nbcache.cli.sources import source_digest  # imports IPython

    digest = source_digest(one)
    asked = [[pragma.text for pragma in find_pragmas(text)] for text in (one, other)]
    return bool(digest) and digest == source_digest(other) and asked[0] == asked[1]


def _may_be_same(one: str, other: str) -> bool:
    """Tell quickly where the code is another for sure."""
    try:
        return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))
    except (SyntaxError, ValueError):  # magics
        return _without_comments(one) == _without_comments(other)


def _without_comments(text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _is_same_code(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return is_same_code(text_of(one), text_of(other))


def _codes(data: Mapping[str, Any]) -> list[Any]:
    return [cell for cell in data["cells"] if cell.get("cell_type") == "code"]


def _tags(cell: Mapping[str, Any]) -> Sequence[str]:
    tags: Sequence[str] = cell.get("metadata", {}).get("tags", ())
    return tags
