"""``jupyter nbcache run``: notebooks headless, with every cell cached."""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from nbcache.cli.exits import ERROR, INTERRUPTED, MISSING, OK, USAGE, CommandError
from nbcache.errors import OptionError

if TYPE_CHECKING:
    from nbcache.cli.progress import Progress, Total

_LOG_LINES = 20
_ABOUT = """
Each notebook runs in a new kernel, in its own folder, with nbcache loaded and every cell
cached. Cells count from 1, as the lines of progress show them. Without -o or --inplace
nothing is written: the run only fills the cache.

A cell that raises ends the run: what has run is saved, and the traceback shown."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``run``."""
    parser.description = (parser.description or "") + "\n" + _ABOUT
    parser.set_defaults(command=run)
    add = parser.add_argument
    add("notebooks", nargs="+", type=Path, metavar="NB", help="a notebook to run")
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "-o", "--output", metavar="OUT", help="where to save; a folder for several notebooks"
    )
    target.add_argument("--inplace", action="store_true", help="save into the notebook itself")
    add("-p", dest="parameters", metavar="NAME=VALUE", action="append", default=[],
        help="set a parameter after the cell tagged `parameters` (repeatable)")  # fmt: skip
    add("--ttl", type=_ttl, help="how long results may be used: 60, 10m, 1h30m, never")
    add("--refresh", action="store_true", help="run every cell and store it anew")
    add("--refresh-cell", metavar="N", type=_number, action="append", default=[],
        help="run this cell and store it anew (repeatable)")  # fmt: skip
    add("--read-only", action="store_true", help="use what is stored, store nothing")
    add(
        "--trust",
        action="store_true",
        help="cache also cells that used the network, started a process, wrote files or drew"
        " random numbers without a seed",
    )
    add("--require", action="store_true", help="fail instead of running a cell")
    add("--timeout", metavar="S", type=_number, help="seconds that one cell may run")
    add("--allow-errors", action="store_true", help="go on after a cell that raises")
    add("--kernel", metavar="NAME", help="the kernel to use (default: the notebook's own)")


def _ttl(text: str) -> str:
    from nbcache.duration import parse_duration

    try:
        parse_duration(text, time.time())
    except OptionError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None
    return text


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on.")
    return int(text)


@dataclass(frozen=True, slots=True)
class Job:
    """One notebook to run: read, with its parameters set, and where the result goes."""

    source: Path
    target: Path | None
    nb: Any


def run(args: argparse.Namespace) -> int:
    """Run the notebooks in order; the first that fails ends the command."""
    jobs = _plan(args)
    from nbcache.cli.progress import choose

    progress = choose(sys.stdout, as_json=args.json)
    for job in jobs:
        code = _run_one(job, args, progress)
        if code != OK:
            return code
    return OK


def _plan(args: argparse.Namespace) -> list[Job]:
    """Read everything and check everything before anything runs."""
    from nbcache.cli.notebook_files import check_writable, read_notebook, runnable_cells
    from nbcache.cli.parameters import inject, parse_parameters

    if args.require and (args.refresh or args.refresh_cell):
        raise CommandError("--require and --refresh exclude each other.", USAGE)
    values = parse_parameters(args.parameters)
    jobs = []
    for source in args.notebooks:
        nb = read_notebook(source)
        inject(nb, values)
        count = sum(1 for _ in runnable_cells(nb))
        if max(args.refresh_cell, default=0) > count:
            message = f"--refresh-cell {max(args.refresh_cell)}: {source} runs {count} cells."
            raise CommandError(message, USAGE)
        check_kernel(nb, args.kernel)
        jobs.append(Job(source, _target_of(source, args), nb))
    _check_targets(jobs, args)
    for job in jobs:
        if job.target is not None:
            check_writable(job.target)
    return jobs


def _target_of(source: Path, args: argparse.Namespace) -> Path | None:
    if args.inplace:
        return source
    if args.output is None:
        return None
    output = Path(args.output)
    is_folder = len(args.notebooks) > 1 or args.output.endswith(os.sep) or output.is_dir()
    if not is_folder:
        return output
    try:
        output.mkdir(exist_ok=True)
    except OSError as error:
        raise CommandError(f"-o {output}: {error.strerror}.", USAGE) from None
    return output / source.name


def _check_targets(jobs: list[Job], args: argparse.Namespace) -> None:
    """Refuse to write over an input, or twice over the same file."""
    targets = [job.target.resolve() for job in jobs if job.target is not None]
    if len(set(targets)) < len(targets):
        raise CommandError("Two notebooks would be saved under the same name.", USAGE)
    sources = {job.source.resolve() for job in jobs}
    for target in targets:
        if target in sources and not args.inplace:
            message = f"{target} is an input. Choose another -o, or say --inplace."
            raise CommandError(message, USAGE)


def _run_one(job: Job, args: argparse.Namespace, progress: Progress) -> int:
    from nbcache.cli.notebook_files import runnable_cells, write_notebook
    from nbcache.cli.progress import Total

    total = Total(str(job.source), of=sum(1 for _ in runnable_cells(job.nb)))
    progress.start(total)
    began = time.perf_counter()
    code = ERROR
    try:
        code = _execute(job, args, progress, total)
    finally:
        total.seconds = time.perf_counter() - began
        total.error = total.error.rstrip()
        # Whatever ended the run, what has run is kept.
        if job.target is not None and (total.running or code == OK):
            write_notebook(job.nb, job.target)
            total.output = str(job.target)
        progress.finish(total)
    if total.error and not args.json:
        print(total.error, file=sys.stderr)
    return code


def _execute(job: Job, args: argparse.Namespace, progress: Progress, total: Total) -> int:
    """Run the cells; return the exit code, and leave an error's text in the total."""
    import asyncio
    import tempfile

    from nbclient.exceptions import CellExecutionError, DeadKernelError

    with tempfile.TemporaryFile() as kernel_log:
        client = _client_of(job, args, progress, total, kernel_log)
        try:
            asyncio.run(client.async_execute(env=kernel_environment(job, args)))
        except (KeyboardInterrupt, asyncio.CancelledError):
            client.interrupted = True
        except CellExecutionError as error:
            total.error = _error_text(error)
            if args.require and _is_required(error):
                return MISSING
        except CommandError as problem:
            total.error = f"nbcache: {problem}"
        except DeadKernelError:
            total.error = f"nbcache: the kernel died in {total.running}.\n{_tail(kernel_log)}"
        except TimeoutError:
            total.error = f"nbcache: {total.running} took longer than {args.timeout} s."
        except RuntimeError as error:
            total.error = f"nbcache: {error}\n{_tail(kernel_log)}"
    if client.interrupted:
        total.error = "nbcache: interrupted"
        return INTERRUPTED
    return ERROR if total.error else OK


def _client_of(
    job: Job, args: argparse.Namespace, progress: Progress, total: Total, kernel_log: BinaryIO
) -> Any:
    from nbcache.cli.execution import CellClient, Outcome

    def begin(number: int, title: str) -> None:
        total.running = f"cell {number}, `{title}`"
        progress.begin(number, title)

    def end(outcome: Outcome) -> None:
        total.outcomes.append(outcome)
        progress.end(outcome)

    return CellClient(
        job.nb,
        on_begin=begin,
        on_tick=progress.tick,
        on_end=end,
        refresh=frozenset(args.refresh_cell),
        kernel_log=kernel_log,
        timeout=args.timeout,
        allow_errors=args.allow_errors,
        resources={"metadata": {"path": str(job.source.resolve().parent)}},
        **({"kernel_name": args.kernel} if args.kernel else {}),
    )


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


def check_kernel(nb: Any, asked: str | None) -> None:
    """Raise ``CommandError`` unless the kernel that would run the notebook is installed."""
    from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpecManager

    name = asked or nb.metadata.get("kernelspec", {}).get("name") or NATIVE_KERNEL_NAME
    installed = KernelSpecManager().find_kernel_specs()
    if name not in installed:
        known = ", ".join(sorted(installed)) or "none"
        message = f"There is no kernel {name!r}. Choose one with --kernel; installed: {known}."
        raise CommandError(message, USAGE)


def kernel_environment(job: Job, args: argparse.Namespace) -> dict[str, str]:
    """Return the environment that tells the kernel's side how to cache."""
    asked = {
        "NBCACHE_AUTO": "1",
        "NBCACHE_MIN_TIME": "0",
        "NBCACHE_HEADLESS": "1",
        "NBCACHE_NOTEBOOK": str(job.source.resolve()),
    }
    switches = {
        "NBCACHE_REFRESH": args.refresh,
        "NBCACHE_READ_ONLY": args.read_only,
        "NBCACHE_REQUIRE": args.require,
        "NBCACHE_TRUST_ALL": args.trust,
    }
    asked |= {name: "1" for name, is_on in switches.items() if is_on}
    if args.ttl:
        asked["NBCACHE_TTL"] = args.ttl
    if args.store:
        asked["NBCACHE_DIR"] = os.path.abspath(args.store)
    return {**os.environ, **asked}
