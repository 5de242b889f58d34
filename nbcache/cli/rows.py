"""Cells that are served in a row: asked for in one request, a few at a time."""

from __future__ import annotations

import ast
import asyncio
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from nbclient.util import ensure_async

from nbcache.errors import CacheError
from nbcache.headless import request_metadata

AT_ONCE = 16
"""Cells in one request: so many are told of together."""

_SERVE = "__import__('nbcache.serving').serving.serve_row({text!r})"
_ROW = "row"


async def serve_row(client: Any, cells: Sequence[tuple[int, Any]]) -> list[dict[str, Any]]:
    """Let the kernel serve cells, given with their indices, and put their output into them.

    Returns what became of each that was served; the others, from the first one on that was
    not, are untouched in the kernel.
    """
    for _, cell in cells:
        cell.outputs = []
    names = [uuid.uuid4().hex for _ in cells]
    asked = [
        {"request": name, "source": cell.source, "metadata": request_metadata(cell)}
        for name, (_, cell) in zip(names, cells, strict=True)
    ]
    request = await ensure_async(
        client.kc.execute(
            "",
            silent=True,
            store_history=False,
            user_expressions={_ROW: _SERVE.format(text=json.dumps(asked))},
        )
    )
    places = dict(zip(names, cells, strict=True))
    hearing = asyncio.ensure_future(_hear(client, request, places))
    patience, client.timeout = client.timeout, None  # that of one cell that runs
    try:
        reply = await client.async_wait_for_reply(request)
        if reply is not None:
            await hearing
    finally:
        client.timeout = patience
        hearing.cancel()
    return _told(reply)


async def _hear(client: Any, request: str, places: Mapping[str, tuple[int, Any]]) -> None:
    """Hand each message to the cell that it belongs to, until the request is over."""
    current = -1
    while True:
        message = await ensure_async(client.kc.iopub_channel.get_msg(timeout=None))
        parent = message["parent_header"].get("msg_id", "")
        if parent == request and message["content"].get("execution_state") == "idle":
            return
        if parent not in places or message["msg_type"] == "status":
            continue
        index, cell = places[parent]
        if index != current:
            client.clear_before_next_output, current = False, index
        client.process_message(message, cell, index)


def _told(reply: Any) -> list[dict[str, Any]]:
    """Return the events in a reply; none if the kernel's nbcache knows no rows.

    Raises:
        CacheError: nobody knows which cells were served.
    """
    answers = reply["content"].get("user_expressions", {}) if reply else {}
    answer = answers.get(_ROW, {})
    if answer.get("ename") in ("ModuleNotFoundError", "AttributeError"):
        return []
    if "data" not in answer:
        raise CacheError(answer.get("evalue") or "The kernel did not tell which cells it served.")
    told: list[dict[str, Any]] = json.loads(ast.literal_eval(answer["data"]["text/plain"]))
    return told
