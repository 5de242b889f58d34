"""nbconvert's ``--execute`` with every cell cached."""

from __future__ import annotations

from typing import Any

from nbconvert.preprocessors import ExecutePreprocessor

from nbcache.headless import CachingClient
from nbcache.tidying import tidy


class CachedExecutePreprocessor(CachingClient, ExecutePreprocessor):
    """Executes a notebook; cells in which nothing moved are served from the cache.

    Name it in a configuration instead of nbconvert's own preprocessor:
    ``c.Exporter.preprocessors = ["nbcache.export.execute.CachedExecutePreprocessor"]``.
    """

    def preprocess(self, nb: Any, resources: Any = None, km: Any = None) -> tuple[Any, Any]:
        """Execute the notebook, and keep the store within its bounds."""
        try:
            done: tuple[Any, Any] = super().preprocess(nb, resources, km)
            return done
        finally:
            tidy(None)
