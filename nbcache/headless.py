"""nbclient with nbcache in the kernel: what ``run``, nbconvert and papermill share."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_client.session import Session
from nbclient.util import ensure_async, run_hook, run_sync

from nbcache.badge import MARK, record, settings_of, strip_displays
from nbcache.errors import CacheError
from nbcache.events import CellEvent, read_event
from nbcache.settings import kernel_variables

_LOAD = "__import__('nbcache').load_ipython_extension(get_ipython())"
"""Unlike ``%load_ext``, this lets the notebook's own ``%load_ext nbcache`` say nothing."""
_IS_LOADED = "getattr(get_ipython(), '_nbcache_extension', None) is not None"


class RequestSession(Session):
    """A session that sends the current cell's metadata with its request, as front ends do."""

    cell_metadata: Mapping[str, Any] = {}

    def msg(self, msg_type: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return a message, with the cell's metadata on requests to execute."""
        message = super().msg(msg_type, *args, **kwargs)
        if msg_type == "execute_request":
            message["metadata"].update(self.cell_metadata)
        return message


def request_metadata(cell: Any, *, refresh: bool = False) -> dict[str, Any]:
    """Return what a front end would send with a cell: its metadata, without what we recorded."""
    metadata = {name: value for name, value in cell.metadata.items() if name != MARK}
    if "id" in cell:
        metadata["cellId"] = cell["id"]
    settings = settings_of(cell.metadata)
    if refresh:
        settings = {**(settings if isinstance(settings, Mapping) else {}), "refresh": True}
    if settings is not None:
        metadata[MARK] = settings
    return metadata


def event_of_reply(reply: Mapping[str, Any] | None) -> CellEvent | None:
    """Return what the kernel told of a cell; None when nbcache left it alone."""
    told = (reply or {}).get("metadata", {}).get(MARK)
    return read_event(told) if told else None


async def load_nbcache(client: Any) -> None:
    """Load nbcache by a request that leaves no trace in counts, history or names.

    Raises:
        CacheError: the kernel has no nbcache.
    """
    request = client.kc.execute(
        _LOAD, silent=True, store_history=False, user_expressions={"loaded": _IS_LOADED}
    )
    reply = await client.async_wait_for_reply(await ensure_async(request))
    content = reply["content"] if reply else {}
    answer = content.get("user_expressions", {}).get("loaded", {})
    if answer.get("data", {}).get("text/plain") == "True":
        return
    reason = f"{content.get('ename', 'no answer')}: {content.get('evalue', '')}".strip(": ")
    name = client.kernel_name or "the default one"
    raise CacheError(
        f"The kernel ({name}) could not load nbcache ({reason}), so nothing was run. "
        "It needs an IPython kernel whose environment has nbcache: install it there "
        "(`python -m pip install nbcache`), or choose another kernel with --kernel."
    )


class CachingClient:
    """What makes a ``NotebookClient`` cache: to be named before it among a class's bases.

    Every cell is cached, its own settings count, and ``cell.metadata.nbcache`` records what
    became of it. Hooks that were set before the kernel starts are called as well.
    """

    def create_kernel_manager(self) -> Any:
        """Return a kernel manager whose requests carry the cells' metadata."""
        manager = super().create_kernel_manager()  # type: ignore[misc]
        manager.session = RequestSession(parent=manager)  # its clients get clones
        return manager

    async def async_start_new_kernel(self, **options: Any) -> None:
        """Start a kernel that caches every cell."""
        given = options.pop("env", None) or os.environ
        env = {**kernel_variables(), **given}
        await super().async_start_new_kernel(env=env, **options)  # type: ignore[misc]

    async def async_start_new_kernel_client(self) -> Any:
        """Connect to the kernel and load nbcache, or end the kernel and say what is missing."""
        try:
            client = await super().async_start_new_kernel_client()  # type: ignore[misc]
            await load_nbcache(self)
            self._listen()
        except BaseException:
            if getattr(self, "km", None) is not None:
                await self._async_cleanup_kernel()  # type: ignore[attr-defined]
            raise
        return client

    start_new_kernel = run_sync(async_start_new_kernel)
    start_new_kernel_client = run_sync(async_start_new_kernel_client)

    def _listen(self) -> None:
        hooks: dict[str, Callable[..., None]] = {
            "on_cell_execute": self._before_cell,
            "on_cell_complete": self._cell_sent,
            "on_cell_executed": self._after_cell,
        }
        for name, own in hooks.items():
            given = getattr(self, name)
            if getattr(given, "is_of_nbcache", False):
                continue
            setattr(self, name, _both(given, own))

    def _before_cell(self, cell: Any, **_: Any) -> None:
        session = self.kc.session  # type: ignore[attr-defined]
        session.cell_metadata = request_metadata(cell)
        record(cell.metadata, None)

    def _cell_sent(self, **_: Any) -> None:
        self.kc.session.cell_metadata = {}  # type: ignore[attr-defined]

    def _after_cell(self, cell: Any, execute_reply: Any = None, **_: Any) -> None:
        record(cell.metadata, event_of_reply(execute_reply))
        strip_displays(cell)


def _both(given: Callable[..., Any] | None, own: Callable[..., None]) -> Callable[..., Any]:
    """Return a hook that calls ours and the one that was there."""

    async def hook(**told: Any) -> None:
        own(**told)
        await run_hook(given, **told)

    hook.is_of_nbcache = True  # type: ignore[attr-defined]
    return hook
