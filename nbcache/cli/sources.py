"""A cell's source as a kernel reads it, without a kernel."""

from __future__ import annotations

import ast
from functools import lru_cache

from nbcache.cell.pragma import hide_cache_line
from nbcache.cell.source import Source, read_source


@lru_cache(maxsize=512)
def source_of(text: str) -> tuple[Source, tuple[ast.stmt, ...]] | None:
    """Return a cell's source and its statements; None if it is no Python."""
    from IPython.core.inputtransformer2 import TransformerManager

    transformer = TransformerManager()
    transformer.cleanup_transforms.append(hide_cache_line)
    try:
        tree = ast.parse(transformer.transform_cell(text))
    except (SyntaxError, ValueError):
        return None
    return read_source(text, tree.body), tuple(tree.body)


def source_digest(text: str) -> str:
    """Return the digest of the cell's normal form; empty if it is no Python."""
    found = source_of(text)
    return found[0].digest if found else ""
