"""One notebook in a new kernel with nbcache loaded: nbclient, plus the outcome of every cell."""

from __future__ import annotations

import ast
import asyncio
import json
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

from jupyter_client.session import Session
from nbclient import NotebookClient
from nbclient.util import ensure_async

from nbcache.badge import MARK, record, settings_of
from nbcache.cli.exits import CommandError
from nbcache.cli.notebook_files import runnable_cells, title_of
from nbcache.cli.outcomes import Outcome, read_event

_LOAD = "%load_ext nbcache"
_IS_LOADED = "'nbcache' in get_ipython().extension_manager.loaded"
_AS_JSON = "__import__('json').dumps({name}, allow_nan=False)"
_PATIENCE = 5.0
"""Seconds that an interrupted cell has to end."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class RequestSession(Session):
    """A session that sends the current cell's metadata with its request, as front ends do."""

    cell_metadata: Mapping[str, Any] = {}

    def msg(self, msg_type: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return a message, with the cell's metadata on requests to execute."""
        message = super().msg(msg_type, *args, **kwargs)
        if msg_type == "execute_request":
            message["metadata"].update(self.cell_metadata)
        return message


class CellClient(NotebookClient):
    """Runs a notebook's cells and tells what became of each.

    ``on_begin(number, title)`` and ``on_end(outcome)`` are called around every cell,
    ``on_tick()`` while one runs; ``refresh`` holds numbers of cells to run past the cache.
    After the last one, ``results`` holds the values of the names in ``results`` that JSON can
    say. ``kernel_log`` takes what the kernel's process itself writes.
    """

    def __init__(
        self,
        nb: Any,
        *,
        on_begin: Callable[[int, str], None],
        on_tick: Callable[[], None],
        on_end: Callable[[Outcome], None],
        refresh: frozenset[int],
        kernel_log: BinaryIO,
        results: Sequence[str] = (),
        timeout: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(nb, record_timing=False, **options)
        self._cell_timeout = timeout
        self._tell_begin, self._tell_tick, self._tell_end = on_begin, on_tick, on_end
        self._refresh = refresh
        self._numbers = {index: n for n, (index, _) in enumerate(runnable_cells(nb), 1)}
        self._began = 0.0
        self._kernel_log = kernel_log
        self._ticker: asyncio.Task[None] | None = None
        self._stopper: asyncio.Task[None] | None = None
        self.interrupted = False
        self._wanted = tuple(results)
        self.results: dict[str, Any] = {}
        self.on_cell_execute = self._before
        self.on_cell_complete = self._sent
        self.on_cell_executed = self._after

    def create_kernel_manager(self) -> Any:
        """Return a kernel manager whose requests carry the cells' metadata."""
        manager = super().create_kernel_manager()
        manager.session = RequestSession(parent=manager)  # its clients get clones
        return manager

    async def async_start_new_kernel(self, **options: Any) -> None:
        """Start the kernel; from here on an interrupt ends it before we end."""
        loop = asyncio.get_running_loop()
        try:
            for number in _SIGNALS:
                loop.add_signal_handler(number, self._interrupt, asyncio.current_task())
        except RuntimeError:  # not on Windows: KeyboardInterrupt does it there
            pass
        pipes = {"stdout": self._kernel_log, "stderr": self._kernel_log}
        await super().async_start_new_kernel(**pipes, **options)

    def _interrupt(self, task: asyncio.Task[Any] | None) -> None:
        """Interrupt the running cell, so that its traceback is kept; the second time, stop."""
        is_running = self._ticker is not None and not self._ticker.done()
        patience = _PATIENCE if is_running and not self.interrupted else 0.0
        self.interrupted = True
        self._stopper = asyncio.ensure_future(self._stop(task, patience))

    async def _stop(self, task: asyncio.Task[Any] | None, patience: float) -> None:
        if patience:
            await ensure_async(self.km.interrupt_kernel())
            await asyncio.sleep(patience)
        if task is not None:
            task.cancel()

    async def async_start_new_kernel_client(self) -> Any:
        """Connect to the kernel and load nbcache, or end the kernel and say what is missing."""
        try:
            client = await super().async_start_new_kernel_client()
            await self._load_nbcache()
        except BaseException:
            if self.km is not None:
                await self._async_cleanup_kernel()
            raise
        return client

    async def _load_nbcache(self) -> None:
        """Load nbcache by a request that leaves no trace in counts, history or names."""
        request = self.kc.execute(
            _LOAD, silent=True, store_history=False, user_expressions={"loaded": _IS_LOADED}
        )
        reply = await self.async_wait_for_reply(await ensure_async(request))
        self.timeout = self._cell_timeout
        content = reply["content"] if reply else {}
        answer = content.get("user_expressions", {}).get("loaded", {})
        if answer.get("data", {}).get("text/plain") == "True":
            return
        reason = f"{content.get('ename', 'no answer')}: {content.get('evalue', '')}".strip(": ")
        name = self.kernel_name or "the default one"
        raise CommandError(
            f"The kernel ({name}) could not load nbcache ({reason}), so nothing was run. "
            "It needs an IPython kernel whose environment has nbcache: install it there "
            "(`python -m pip install nbcache`), or choose another kernel with --kernel."
        )

    def _before(self, cell: Any, cell_index: int) -> None:
        if self.interrupted:
            raise asyncio.CancelledError
        number = self._numbers[cell_index]
        metadata = {name: value for name, value in cell.metadata.items() if name != MARK}
        if "id" in cell:
            metadata["cellId"] = cell["id"]
        settings = settings_of(cell.metadata)
        if number in self._refresh:
            settings = {**(settings if isinstance(settings, Mapping) else {}), "refresh": True}
        if settings is not None:
            metadata[MARK] = settings
        self.kc.session.cell_metadata = metadata
        record(cell.metadata, None)
        self._began = time.perf_counter()
        self._tell_begin(number, title_of(cell.source))
        self._ticker = asyncio.ensure_future(self._tick())

    def _sent(self, cell: Any, cell_index: int) -> None:
        self.kc.session.cell_metadata = {}

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._tell_tick()

    async def _after(self, cell: Any, cell_index: int, execute_reply: Any) -> None:
        for task in (self._ticker, self._stopper):
            if task is not None:
                task.cancel()
        told = (execute_reply or {}).get("metadata", {}).get(MARK)
        event = read_event(told) if told else None
        record(cell.metadata, event)
        seconds = time.perf_counter() - self._began
        self._tell_end(Outcome(self._numbers[cell_index], title_of(cell.source), seconds, event))
        if self._wanted and self._numbers[cell_index] == len(self._numbers):
            self.results = await self._take_results()

    async def _take_results(self) -> dict[str, Any]:
        """Return the values to hand on, by a request that leaves no trace."""
        asked = {name: _AS_JSON.format(name=name) for name in self._wanted}
        request = self.kc.execute("", silent=True, store_history=False, user_expressions=asked)
        reply = await self.async_wait_for_reply(await ensure_async(request))
        answers = reply["content"].get("user_expressions", {}) if reply else {}
        found = {}
        for name, answer in answers.items():
            text = answer.get("data", {}).get("text/plain")
            if text is not None:  # else JSON can't say it
                found[name] = json.loads(ast.literal_eval(text))
        return found
