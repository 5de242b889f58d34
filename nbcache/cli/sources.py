"""The digest of a cell's source, as a kernel computes it, without a kernel."""

from __future__ import annotations

import ast

from nbcache.cell.pragma import hide_cache_line
from nbcache.cell.source import read_source


def source_digest(text: str) -> str:
    """Return the digest of the cell's normal form; empty if it is no Python."""
    from IPython.core.inputtransformer2 import TransformerManager

    transformer = TransformerManager()
    transformer.cleanup_transforms.append(hide_cache_line)
    try:
        tree = ast.parse(transformer.transform_cell(text))
    except (SyntaxError, ValueError):
        return ""
    return read_source(text, tree.body).digest
