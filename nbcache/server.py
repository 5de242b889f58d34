"""The Jupyter server's door: what the store holds, for the panel, also where no kernel runs.

``GET nbcache/store`` answers ``{"location", "entries", "size_bytes", "cost", "notebooks"}``.
Entries are read with the signing key of the server's user; nothing is unpickled or changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Tell Jupyter Server what to load."""
    return [{"module": "nbcache.server"}]


def _load_jupyter_server_extension(app: Any) -> None:
    """Add the handler to a server."""
    from jupyter_server.utils import url_path_join

    web = app.web_app
    route = url_path_join(web.settings["base_url"], "nbcache", "store")
    web.add_handlers(".*$", [(route, make_handler())])


def make_handler() -> type:
    """Return the handler's class; Jupyter Server is imported only where it runs."""
    from jupyter_server.base.handlers import APIHandler
    from tornado import web
    from tornado.ioloop import IOLoop

    class StoreHandler(APIHandler):
        """Answers what the store holds."""

        @web.authenticated
        async def get(self) -> None:
            """Answer as JSON; the store is read beside the server's loop."""
            told = await IOLoop.current().run_in_executor(None, describe_store)
            self.finish(json.dumps(told))

    return StoreHandler


def describe_store(location: str | None = None) -> dict[str, Any]:
    """Return what a store holds; by default the user's own."""
    from nbcache.errors import CacheError
    from nbcache.store.opening import open_store
    from nbcache.store.rows import rows_of

    try:
        store = open_store(location, tell=lambda _: None)
        return {"location": store.label, **summarize(rows_of(store))}
    except CacheError as problem:
        return {"location": "", **summarize(()), "problem": str(problem)}


def summarize(entries: Iterable[Any]) -> dict[str, Any]:
    """Return how many runs are stored, how large they are, and how many for each notebook."""
    count, size, cost = 0, 0, 0.0
    notebooks: dict[str, int] = {}
    for entry in entries:
        count, size, cost = count + 1, size + entry.size_bytes, cost + entry.cost
        if entry.notebook:
            notebooks[entry.notebook] = notebooks.get(entry.notebook, 0) + 1
    return {"entries": count, "size_bytes": size, "cost": cost, "notebooks": notebooks}
