"""One notebook of ``run``: given from the store as a whole, or run cell by cell."""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from nbcache.cli.exits import ERROR, INTERRUPTED, MISSING, OK
from nbcache.cli.parameters import OUTPUTS_TAG, tagged_names
from nbcache.errors import CacheError
from nbcache.lineage import NotRecalled
from nbcache.tidying import tidy

if TYPE_CHECKING:
    from nbcache.cli.progress import Progress, Total
    from nbcache.lineage import Recalled

_LOG_LINES = 20
_NOTHING_STORED = "nbcache: nothing was stored: --atomic keeps all results of a run, or none."


@dataclass(slots=True)
class Job:
    """One notebook to run: where it is, where the result goes, and what is known of it so far.

    ``nb`` is the notebook with its parameters set, once it is read; ``found`` the run that
    may be given instead of a new one; ``values`` its parameters, ``results`` what it hands on;
    ``place`` its number, and of how many.
    """

    source: Path
    target: Path | None
    nb: Any = None
    found: Recalled | None = None
    key: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    place: tuple[int, int] = (1, 1)


def run_one(job: Job, args: argparse.Namespace, progress: Progress, instant: Any) -> int:
    """Run the notebook, or give its stored run, and save the result; return the exit code."""
    from nbcache.cli.progress import Total

    if job.found is not None:
        return _give(job, args, progress, instant)
    from nbcache.cli.notebook_files import runnable_cells

    total = Total(str(job.source), of=sum(1 for _ in runnable_cells(job.nb)), place=job.place)
    progress.start(total)
    began = time.perf_counter()
    code = ERROR
    with suppress(NotRecalled):
        job.key = instant.key_of(job.source, job.values) if instant else ""
    try:
        code = _execute(job, args, progress, total)
    finally:
        total.seconds = time.perf_counter() - began
        total.error = total.error.rstrip()
        _save(job, args, total, instant, is_whole=code == OK)
        progress.finish(total)
    if total.error and not args.json:
        print(total.error, file=sys.stderr)
    return code


def _give(job: Job, args: argparse.Namespace, progress: Progress, instant: Any) -> int:
    """Save what a stored run of the whole notebook left, and tell of its cells."""
    from nbcache.cli.notebook_files import write_bytes
    from nbcache.cli.progress import Total

    outcomes = instant.outcomes_of(job.found)
    job.results = dict(job.found.results) if job.found else {}
    total = Total(str(job.source), of=len(outcomes), place=job.place)
    progress.start(total)
    began = time.perf_counter()
    for outcome in outcomes:
        progress.begin(outcome.number, outcome.title)
        total.outcomes.append(outcome)
        progress.end(outcome)
    if job.target is not None and job.found is not None:
        write_bytes(job.found.body, job.target)
        total.output = _told_of(job.target, args)
    if not args.read_only:
        instant.note_use(job.source, job.found)
    total.seconds = time.perf_counter() - began
    progress.finish(total)
    return OK


def _save(
    job: Job, args: argparse.Namespace, total: Total, instant: Any, *, is_whole: bool
) -> None:
    """Save what has run, whatever ended it; keep a whole run to be given without a kernel."""
    from nbcache.cli.notebook_files import bytes_of, write_bytes

    body = bytes_of(job.nb)
    if is_whole and job.key and not args.read_only:
        with suppress(CacheError):
            instant.keep(job, total.outcomes, body)
    if job.target is not None and (total.running or is_whole):
        write_bytes(body, job.target)
        total.output = _told_of(job.target, args)


def _told_of(target: Path, args: argparse.Namespace) -> str:
    """Return what is told of where the result went; nothing of a file on the way to another."""
    return "" if getattr(args, "is_aside", False) else str(target)


def _execute(job: Job, args: argparse.Namespace, progress: Progress, total: Total) -> int:
    """Run the cells; return the exit code, and leave an error's text in the total."""
    import asyncio
    import tempfile

    from nbclient.exceptions import CellExecutionError, DeadKernelError

    early = args.early.take(job)
    with tempfile.TemporaryFile() if early is None else args.early.log as kernel_log:
        client = _client_of(job, args, progress, total, kernel_log)
        client.early, client.environment = early, kernel_environment(job, args)
        try:
            asyncio.run(client.async_execute(env=client.environment))
        except (KeyboardInterrupt, asyncio.CancelledError):
            client.interrupted = True
        except CellExecutionError as error:
            total.error = _error_text(error)
            if args.require and _is_required(error):
                return MISSING
        except CacheError as problem:
            total.error = f"nbcache: {problem}"
        except DeadKernelError:
            where = f"in {total.running}" if total.running else "before the first cell"
            total.error = f"nbcache: the kernel died {where}.\n{_tail(kernel_log)}"
        except TimeoutError:
            total.error = f"nbcache: {total.running} took longer than {args.timeout} s."
        except RuntimeError as error:
            total.error = f"nbcache: {error}\n{_tail(kernel_log)}"
    job.results = client.results
    tidy(args.store)
    return _verdict(client, args, total)


def _verdict(client: Any, args: argparse.Namespace, total: Total) -> int:
    """Return the exit code of a run that has ended, and complete what is told of it."""
    code = ERROR if total.error else OK
    if client.interrupted:
        total.error, code = "nbcache: interrupted", INTERRUPTED
    if args.atomic and not client.is_committed:
        total.error = f"{total.error.rstrip()}\n{_NOTHING_STORED}".lstrip()
    return code


def _client_of(
    job: Job, args: argparse.Namespace, progress: Progress, total: Total, kernel_log: BinaryIO
) -> Any:
    from nbcache.cli.execution import CellClient
    from nbcache.cli.light import ease_outputs
    from nbcache.cli.outcomes import Outcome

    def begin(number: int, title: str) -> None:
        total.running = f"cell {number}, `{title}`"
        progress.begin(number, title)

    def end(outcome: Outcome) -> None:
        total.outcomes.append(outcome)
        progress.end(outcome)

    ease_outputs()
    client = CellClient(
        job.nb,
        on_begin=begin,
        on_tick=progress.tick,
        on_end=end,
        refresh=frozenset(args.refresh_cell),
        results=tagged_names(job.nb, OUTPUTS_TAG),
        kernel_log=kernel_log,
        timeout=args.timeout,
        allow_errors=args.allow_errors,
        resources={"metadata": {"path": str(job.source.resolve().parent)}},
        **({"kernel_name": args.kernel} if args.kernel else {}),
    )
    client.is_atomic = args.atomic
    return client


def _tail(kernel_log: BinaryIO) -> str:
    """Return the end of what the kernel's process wrote."""
    kernel_log.seek(0)
    lines = kernel_log.read().decode(errors="replace").rstrip().splitlines()
    return "\n".join(lines[-_LOG_LINES:])


def _is_required(error: Any) -> bool:
    """Whether a cell did not run because nothing was stored for it."""
    return error.ename == "CacheError" and "`require`" in error.evalue


def _error_text(error: Exception) -> str:
    import re

    text = str(error).rstrip() or type(error).__name__
    return text if sys.stderr.isatty() else re.sub(r"\x1b\[[0-9;]*m", "", text)


def kernel_environment(job: Job, args: argparse.Namespace) -> dict[str, str]:
    """Return the environment that tells the kernel's side how to cache."""
    from nbcache.settings import kernel_variables

    asked = kernel_variables(str(job.source.resolve()))
    switches = {
        "NBCACHE_REFRESH": args.refresh,
        "NBCACHE_READ_ONLY": args.read_only,
        "NBCACHE_VERIFY": args.verify,
        "NBCACHE_REQUIRE": args.require,
        "NBCACHE_TRUST_ALL": args.trust,
        "NBCACHE_ATOMIC": args.atomic,
    }
    asked |= {name: "1" for name, is_on in switches.items() if is_on}
    if args.ttl:
        asked["NBCACHE_TTL"] = args.ttl
    if args.store:
        from nbcache.cli.places import store_variables

        asked |= store_variables(args.store)
    return {**os.environ, **asked}
