"""nbconvert's ``--execute`` with every cell cached."""

from __future__ import annotations

from nbconvert.preprocessors import ExecutePreprocessor

from nbcache.headless import CachingClient


class CachedExecutePreprocessor(CachingClient, ExecutePreprocessor):
    """Executes a notebook; cells in which nothing moved are served from the cache.

    Name it in a configuration instead of nbconvert's own preprocessor:
    ``c.Exporter.preprocessors = ["nbcache.export.execute.CachedExecutePreprocessor"]``.
    """
