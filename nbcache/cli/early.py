"""Starting a notebook's kernel first: it boots while the rest of the command is still loading."""

from __future__ import annotations

import argparse
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from nbcache.cli.one_run import Job


class EarlyKernel:
    """At most one kernel, started for the first notebook that is to run, until that takes it."""

    def __init__(self) -> None:
        self.log: BinaryIO | None = None
        self._manager: Any = None
        self._job: Job | None = None

    def start(self, job: Job, args: argparse.Namespace) -> None:
        """Start the kernel; what can't be started is told of later, by the ordinary start."""
        if self._job is not None:
            return
        self._job = job
        import asyncio
        import tempfile

        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by ``stop``
        with suppress(Exception):
            asyncio.run(self._start(job, args))

    async def _start(self, job: Job, args: argparse.Namespace) -> None:
        from jupyter_client.manager import AsyncKernelManager

        from nbcache.cli.notebook_files import read_data
        from nbcache.cli.one_run import kernel_environment

        asked = args.kernel or read_data(job.source)["metadata"].get("kernelspec", {}).get("name")
        manager = AsyncKernelManager(**({"kernel_name": asked} if asked else {}))
        manager.client_class = "jupyter_client.asynchronous.AsyncKernelClient"
        own = ["--HistoryManager.hist_file=:memory:"] if manager.ipykernel else []
        await manager.start_kernel(
            extra_arguments=own,
            env=kernel_environment(job, args),
            cwd=str(job.source.resolve().parent),
            stdout=self.log,
            stderr=self.log,
        )
        self._manager = manager

    def take(self, job: Job) -> Any:
        """Return the manager of the kernel that was started for a notebook; None if none was."""
        if job is not self._job:
            return None
        manager, self._manager = self._manager, None
        return manager

    def stop(self) -> None:
        """End a kernel that nobody took."""
        manager, self._manager = self._manager, None
        if manager is not None:
            import asyncio

            with suppress(Exception):
                asyncio.run(manager.shutdown_kernel(now=True))
        if self.log is not None:
            self.log.close()
