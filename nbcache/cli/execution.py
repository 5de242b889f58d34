"""One notebook in a new kernel with nbcache loaded: nbclient, plus the outcome of every cell."""

from __future__ import annotations

import ast
import asyncio
import json
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import Any, BinaryIO

from nbclient import NotebookClient
from nbclient.util import ensure_async

from nbcache.badge import record
from nbcache.cli.notebook_files import runnable_cells, title_of
from nbcache.cli.outcomes import Outcome
from nbcache.cli.rows import AT_ONCE, serve_row
from nbcache.events import CellEvent, read_event
from nbcache.headless import RequestSession, event_of_reply, load_nbcache, request_metadata

_AS_JSON = "__import__('json').dumps({name}, allow_nan=False)"
_COMMITTED = "commit run"
_COMMIT = "__import__('nbcache.steering').steering.commit_run()"
_PATIENCE = 5.0
"""Seconds that an interrupted cell has to end."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class CellClient(NotebookClient):
    """Runs a notebook's cells and tells what became of each.

    ``on_begin(number, title)`` and ``on_end(outcome)`` are called around every cell,
    ``on_tick()`` while one runs; ``refresh`` holds numbers of cells to run past the cache.
    After the last one, ``results`` holds the values of the names in ``results`` that JSON can
    say, and if ``is_atomic`` is set the kernel stores what it held back, unless a cell raised.
    ``kernel_log`` takes what the kernel's process itself writes.
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
        self.early: Any = None
        self.environment: dict[str, str] | None = None
        self._may_serve, self._served = True, set[int]()
        self.is_atomic, self.is_committed, self._has_failed = False, False, False
        self.on_cell_execute = self._before
        self.on_cell_complete = self._sent
        self.on_cell_executed = self._after

    def create_kernel_manager(self) -> Any:
        """Return a kernel manager whose requests carry the cells' metadata."""
        manager = self.early if self.early is not None else super().create_kernel_manager()
        session = RequestSession(parent=manager)  # its clients get clones
        session.key = manager.session.key
        manager.session, self.kernel_name = session, manager.kernel_name
        return manager

    async def async_start_new_kernel(self, **options: Any) -> None:
        """Start the kernel; from here on an interrupt ends it before we end."""
        self._hear_signals()
        pipes = {"stdout": self._kernel_log, "stderr": self._kernel_log}
        await super().async_start_new_kernel(**pipes, **options)

    def _hear_signals(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(RuntimeError):  # not on Windows: KeyboardInterrupt does it there
            for number in _SIGNALS:
                loop.add_signal_handler(number, self._interrupt, asyncio.current_task())

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
        self._hear_signals()
        try:
            client = await self._connect()
            await load_nbcache(self)
            self.timeout = self._cell_timeout
        except BaseException:
            if self.km is not None:
                await self._async_cleanup_kernel()
            raise
        return client

    async def _connect(self) -> Any:
        """Connect to the kernel; one that died before it said anything is started once more.

        Its ports are chosen before it runs, and another process may have taken one meanwhile.
        """
        try:
            return await super().async_start_new_kernel_client()
        except RuntimeError as error:
            if "died" not in str(error) or self.interrupted:
                raise
        self.early = None
        self.km = self.create_kernel_manager()
        await self.async_start_new_kernel(env=self.environment)
        return await super().async_start_new_kernel_client()

    async def async_execute_cell(
        self, cell: Any, cell_index: int, *args: Any, **kwargs: Any
    ) -> Any:
        """Run a cell, unless the kernel has served it in a row with others."""
        if self._may_serve and cell_index in self._numbers and cell_index not in self._served:
            await self._serve_row(cell_index)
        if cell_index in self._served:
            return cell
        return await super().async_execute_cell(cell, cell_index, *args, **kwargs)

    async def _serve_row(self, first: int) -> None:
        """Ask for cells from the ``first`` on, as long as none of them is to be refreshed."""
        if self.interrupted:
            raise asyncio.CancelledError
        following = [index for index in self._numbers if index >= first][:AT_ONCE]
        row = list(takewhile(lambda index: self._numbers[index] not in self._refresh, following))
        self._begin(first)
        told = await serve_row(self, [(index, self.nb.cells[index]) for index in row])
        self._may_serve = len(told) == len(following)
        for index, data in zip(row, told, strict=False):
            cell = self.nb.cells[index]
            self._served.add(index)
            self.code_cells_executed += 1
            cell["execution_count"] = self.code_cells_executed
            record(cell.metadata, None)
            if index != first:
                self._begin(index)
            await self._end(index, read_event(data))

    def _before(self, cell: Any, cell_index: int) -> None:
        if self.interrupted:
            raise asyncio.CancelledError
        number = self._numbers[cell_index]
        self.kc.session.cell_metadata = request_metadata(cell, refresh=number in self._refresh)
        record(cell.metadata, None)
        self._begin(cell_index)

    def _begin(self, index: int) -> None:
        if self._ticker is None or self._ticker.done():
            self._began = time.perf_counter()
            self._tell_begin(self._numbers[index], title_of(self.nb.cells[index].source))
            self._ticker = asyncio.ensure_future(self._tick())

    def _sent(self, cell: Any, cell_index: int) -> None:
        self.kc.session.cell_metadata = {}

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._tell_tick()

    async def _after(self, cell: Any, cell_index: int, execute_reply: Any) -> None:
        self._has_failed |= execute_reply["content"].get("status") == "error"
        event = event_of_reply(execute_reply)
        self._may_serve = event is not None and event.is_served
        await self._end(cell_index, event)

    async def _end(self, index: int, event: CellEvent | None) -> None:
        """Record what became of a cell, tell it, and take the results after the last one."""
        for task in (self._ticker, self._stopper):
            if task is not None:
                task.cancel()
        self._ticker = None
        cell, number = self.nb.cells[index], self._numbers[index]
        record(cell.metadata, event)
        seconds = time.perf_counter() - self._began
        self._tell_end(Outcome(number, title_of(cell.source), seconds, event))
        if number == len(self._numbers):
            self.results = await self._take_results()

    async def _take_results(self) -> dict[str, Any]:
        """Return the values to hand on, by a request that leaves no trace."""
        asked = {name: _AS_JSON.format(name=name) for name in self._wanted}
        if self.is_atomic and not self._has_failed:
            asked[_COMMITTED] = _COMMIT
        if not asked:
            return {}
        request = self.kc.execute("", silent=True, store_history=False, user_expressions=asked)
        reply = await self.async_wait_for_reply(await ensure_async(request))
        answers = reply["content"].get("user_expressions", {}) if reply else {}
        committed = answers.pop(_COMMITTED, {})
        self.is_committed = committed.get("status") == "ok"
        found = {}
        for name, answer in answers.items():
            text = answer.get("data", {}).get("text/plain")
            if text is not None:  # else JSON can't say it
                found[name] = json.loads(ast.literal_eval(text))
        return found
