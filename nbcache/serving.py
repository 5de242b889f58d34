"""Serving cells in a row: one request of a headless run for as many as the store has.

Each cell takes the whole way of a cell that is run, under a request of its own, so that its
output, its count, its history and its hooks are what they would be. It is looked up before it
is run; the first one that would not be served ends the row, untouched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from nbcache.cell.pragma import find_pragmas
from nbcache.errors import CacheError
from nbcache.extension import Extension, extension_of
from nbcache.reading import Request
from nbcache.replay.outputs import flush_streams


def serve_row(text: str) -> str:
    """Serve cells of this kernel, JSON data, and return what became of each, as JSON."""
    from IPython import get_ipython

    shell = get_ipython()
    extension, before = extension_of(shell), shell.parent_header
    told: list[Any] = []
    try:
        for cell in json.loads(text):
            header = {**before.get("header", {}), "msg_id": cell["request"]}
            shell.set_parent({**before, "header": header, "metadata": cell["metadata"]})
            event = _serve(extension, cell)
            if event is None:
                break
            told.append(event)
    except CacheError:
        raise
    except Exception as error:  # of ours: those of cells are shown by them
        raise CacheError(f"nbcache failed: {type(error).__name__}: {error}") from error
    finally:
        shell.set_parent(before)
    return json.dumps(told)


def _serve(extension: Extension, cell: Mapping[str, Any]) -> Any:
    """Run a cell that will be served and return its event; None, and nothing is done, else.

    Raises:
        CacheError: the result was gone by then, and the cell raised: the run must end.
    """
    try:
        if not _is_ready(extension, cell["source"], cell["metadata"]):
            return None
    except Exception:  # the request of the cell alone tells what is wrong
        return None
    result = extension.shell.run_cell(cell["source"], store_history=True, silent=False)
    flush_streams()
    event = extension.take_event()
    if event is None or not result.success:
        raise CacheError("A stored result could not be used, and its cell failed. Run it again.")
    return event.as_dict()


def _is_ready(extension: Extension, source: str, metadata: Mapping[str, Any]) -> bool:
    """Look a cell up for the run that follows; one that asks for anything itself is left alone."""
    shell = extension.shell
    transformed = shell.transform_cell(source)
    if "nbcache" in metadata or find_pragmas(source):
        return False
    if shell.should_run_async(source, transformed_cell=transformed):
        return False  # it would need the event loop, which is busy with us
    nodes = shell.transform_ast(shell.compile.ast_parse(transformed)).body
    info = SimpleNamespace(raw_cell=source, silent=False, store_history=True)
    policy = extension.asking.foresee(source, nodes, metadata, extension.asking.cell_id(info))
    if policy is None:
        return False
    return bool(extension.session.look_ahead(Request(source, tuple(nodes)), policy))
