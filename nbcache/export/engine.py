"""papermill's engine ``nbcache``: ``papermill IN OUT --engine nbcache``."""

from __future__ import annotations

from typing import Any

from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine
from papermill.utils import merge_kwargs, remove_args

from nbcache.headless import CachingClient
from nbcache.tidying import tidy


class CachingPapermillClient(CachingClient, PapermillNotebookClient):
    """papermill's client with every cell cached."""


class NbcacheEngine(NBClientEngine):
    """Executes notebooks as papermill's own engine does, with every cell cached."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
        """Execute the notebook that papermill manages; options are those of its own engine."""
        start_timeout = options.pop("start_timeout", 60)
        execution_timeout = options.pop("execution_timeout", None)
        options.setdefault("log_output", False)
        chosen = merge_kwargs(
            remove_args(["timeout", "startup_timeout", "input_path"], **options),
            timeout=execution_timeout or options.get("timeout"),
            startup_timeout=start_timeout,
            kernel_name=kernel_name,
        )
        try:
            return CachingPapermillClient(nb_man, **chosen).execute()
        finally:
            tidy(None)
