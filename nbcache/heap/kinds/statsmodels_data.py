"""statsmodels: a model's data is its attributes; its own way evaluates the formula again."""

from __future__ import annotations

import sys

from nbcache.heap.kinds.instance import PLAIN
from nbcache.heap.registry import register


def refresh() -> None:
    """Register the class of models' data, once it is loaded."""
    module = sys.modules.get("statsmodels.base.data")
    if module is not None:
        register(PLAIN, bases=(module.ModelData,))
