"""``jupyter nbcache run``: notebooks headless, with every cell cached."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbcache.cli.amounts import parse_jobs
from nbcache.cli.exits import OK, USAGE, CommandError
from nbcache.cli.one_run import Job, run_one
from nbcache.errors import OptionError

if TYPE_CHECKING:
    from nbcache.cli.instant import Instant
    from nbcache.cli.progress import Progress
    from nbcache.lineage import Recalled

_REFRESH = """
Without --cell every cell runs; otherwise the arguments are those of `run`."""
_ABOUT = """
Each notebook runs in a new kernel, in its own folder, with nbcache loaded and every cell
cached. Cells count from 1, as the lines of progress show them. Without -o or --inplace
nothing is written: the run only fills the cache.

Several notebooks run in order. The names that a cell tagged `outputs` binds are handed to the
notebooks that follow, where a cell tagged `parameters` binds the same name; -p counts more.

A cell that raises ends the run: what has run is saved, and the traceback shown.

A notebook in which nothing moved (its cells, its parameters, the files, modules, versions and
variables of the environment that it used) is given at once, without a kernel."""


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
    add("-f", dest="parameter_files", metavar="FILE", action="append", default=[],
        help="set the parameters of a YAML or JSON file; -p counts more (repeatable)")  # fmt: skip
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
    add("--verify", action="store_true", help="run what would be served, and compare")
    add("--atomic", action="store_true",
        help="store all results together at the end, or none if a cell raises")  # fmt: skip
    add("--require", action="store_true", help="fail instead of running a cell")
    add("--timeout", metavar="S", type=_number, help="seconds that one cell may run")
    add("--allow-errors", action="store_true", help="go on after a cell that raises")
    add("--kernel", metavar="NAME", help="the kernel to use (default: the notebook's own)")
    add("--jobs", metavar="N", type=parse_jobs,
        help="run so many notebooks at once (-1: one a core), or dask://HOST:PORT; they share"
        " the store, and those that take what others give still run in order")  # fmt: skip
    add("--sweep", metavar="NAME=V1,V2", action="append", default=[],
        help="run once for each value, or each combination (repeatable)")  # fmt: skip
    add("--label", default="", help=argparse.SUPPRESS)


def add_refresh_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``refresh``: those of ``run``, with the cells to refresh."""
    add_arguments(parser)
    parser.description = "Run notebooks past the cache and store what they leave. " + _REFRESH
    parser.add_argument(
        "--cell", metavar="N", type=_number, action="append", default=[], dest="refresh_cell",
        help="refresh this cell alone (repeatable); cells that depend on it follow by themselves",
    )  # fmt: skip
    parser.set_defaults(command=_refresh)


def _refresh(args: argparse.Namespace) -> int:
    args.refresh = not args.refresh_cell
    return run(args)


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


def run(args: argparse.Namespace) -> int:
    """Run the notebooks in order; the first that fails ends the command."""
    from nbcache.cli.parameters import parse_parameters, read_parameters

    if args.require and (args.refresh or args.refresh_cell):
        raise CommandError("--require and --refresh exclude each other.", USAGE)
    if args.jobs or args.sweep:
        args.jobs = args.jobs or "1"
        from nbcache.cli.parallel import run_at_once

        return run_at_once(args)
    values: dict[str, Any] = {}
    for path in args.parameter_files:
        values |= read_parameters(path)
    values |= parse_parameters(args.parameters)
    from nbcache.cli.early import EarlyKernel
    from nbcache.cli.progress import choose

    instant, args.early = _instant_of(args), EarlyKernel()
    try:
        _tell_undeclared(args.notebooks, values)
        jobs = _plan(args, values, instant)
        return _run_all(jobs, args, choose(sys.stdout, as_json=args.json), instant)
    finally:
        args.early.stop()


def _run_all(
    jobs: list[Job], args: argparse.Namespace, progress: Progress, instant: Instant | None
) -> int:
    """Run the jobs in order; each hands its results on to those that follow."""
    handed: dict[str, Any] = {}
    has_run = False
    for number, job in enumerate(jobs, 1):
        job.place = number, len(jobs)
        values = {**_wanted(job, handed), **job.values}
        if values != job.values or (has_run and job.found is not None):
            job.values, job.nb = values, None
            job.found = None if _is_refreshed(args) or not instant else _recall(job, instant)
        if job.found is None:
            has_run = True
            job.nb = job.nb or _read(job, args)
        code = run_one(job, args, progress, instant)
        if code != OK:
            return code
        handed |= job.results
    return OK


def _recall(job: Job, instant: Instant) -> Recalled | None:
    return instant.recall(job.source, job.values)


def _wanted(job: Job, handed: dict[str, Any]) -> dict[str, Any]:
    """Return the results of earlier notebooks that this one declares as parameters."""
    if not handed:
        return {}
    from nbcache.cli.notebook_files import read_data
    from nbcache.cli.parameters import PARAMETERS_TAG, tagged_names

    declared = tagged_names(read_data(job.source), PARAMETERS_TAG)
    return {name: handed[name] for name in declared if name in handed}


def _instant_of(args: argparse.Namespace) -> Instant | None:
    """Return what gives runs without a kernel, None where the run is to happen."""
    from nbcache.cli.instant import Instant
    from nbcache.settings import read_settings

    if read_settings(os.environ).disable:
        return None
    options = {"ttl": args.ttl, "trust": args.trust, "kernel": args.kernel}
    return Instant(args.store, options)


def _plan(args: argparse.Namespace, values: dict[str, Any], instant: Instant | None) -> list[Job]:
    """Read what has to run and check everything before anything runs."""
    from nbcache.cli.notebook_files import check_writable

    jobs = [Job(one, _target_of(one, args), values=dict(values)) for one in args.notebooks]
    _check_targets(jobs, args)
    may_recall = instant is not None and not _is_refreshed(args)
    for job in jobs:
        if may_recall and instant is not None:
            job.found = _recall(job, instant)
        if job.found is None:
            args.early.start(job, args)
            job.nb = _read(job, args)
        if job.target is not None:
            check_writable(job.target)
    return jobs


def _tell_undeclared(notebooks: list[Path], values: dict[str, Any]) -> None:
    """Say which parameters no notebook declares: they are set all the same, as papermill does."""
    if not values:
        return
    from nbcache.cli.notebook_files import read_data
    from nbcache.cli.parameters import PARAMETERS_TAG, tagged_names

    known = {name for one in notebooks for name in tagged_names(read_data(one), PARAMETERS_TAG)}
    for name in values.keys() - known:
        told = f"declared are: {', '.join(sorted(known))}" if known else "none is declared"
        print(f"nbcache: no cell tagged `parameters` binds `{name}`; {told}.", file=sys.stderr)


def _is_refreshed(args: argparse.Namespace) -> bool:
    from nbcache.settings import read_settings

    settings = read_settings(os.environ)
    asked = args.refresh or args.refresh_cell or args.verify
    return bool(asked or settings.refresh or settings.verify)


def _read(job: Job, args: argparse.Namespace) -> Any:
    """Return the notebook with its parameters set, checked as far as that can be done."""
    from nbcache.cli.notebook_files import read_notebook, runnable_cells
    from nbcache.cli.parameters import inject

    nb = read_notebook(job.source)
    inject(nb, job.values)
    count = sum(1 for _ in runnable_cells(nb))
    if max(args.refresh_cell, default=0) > count:
        message = f"--refresh-cell {max(args.refresh_cell)}: {job.source} runs {count} cells."
        raise CommandError(message, USAGE)
    check_kernel(nb, args.kernel)
    return nb


def _target_of(source: Path, args: argparse.Namespace) -> Path | None:
    if args.inplace:
        return source
    if args.output is None:
        return None
    output = Path(args.output)
    is_folder = args.label or len(args.notebooks) > 1 or args.output.endswith(os.sep)
    is_folder = is_folder or output.is_dir()
    if not is_folder:
        return output
    try:
        output.mkdir(exist_ok=True)
    except OSError as error:
        raise CommandError(f"-o {output}: {error.strerror}.", USAGE) from None
    return output / (f"{source.stem}-{args.label}.ipynb" if args.label else source.name)


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


def check_kernel(nb: Any, asked: str | None) -> None:
    """Raise ``CommandError`` unless the kernel that would run the notebook is installed."""
    from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpecManager

    name = asked or nb.metadata.get("kernelspec", {}).get("name") or NATIVE_KERNEL_NAME
    installed = KernelSpecManager().find_kernel_specs()
    if name not in installed:
        known = ", ".join(sorted(installed)) or "none"
        message = f"There is no kernel {name!r}. Choose one with --kernel; installed: {known}."
        raise CommandError(message, USAGE)
