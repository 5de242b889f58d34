"""Several notebooks, or a sweep of parameters, at once: on this machine or on a Dask cluster.

Each run is a process of its own, ``jupyter nbcache run`` again; all share one store, in which
whoever comes first computes a cell and the others wait for it. Notebooks of which one declares as
its parameters what another one gives are one run, in their order.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbcache.cli.amounts import ON_DASK
from nbcache.cli.exits import OK, USAGE, CommandError
from nbcache.cli.places import store_variables
from nbcache.duration import format_duration


@dataclass(frozen=True, slots=True)
class Task:
    """One run: its name for people, the arguments of its process, and the environment it gets.

    ``label`` tells the values of swept parameters.
    """

    title: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    label: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """How a run ended: its exit code, the JSON lines that it told, and what went wrong."""

    title: str
    label: str
    code: int
    told: tuple[dict[str, Any], ...]
    error: str

    @property
    def totals(self) -> list[dict[str, Any]]:
        """The totals of each notebook; empty if the run did not come so far."""
        return [item for item in self.told if item.get("type") == "total"]


def parse_sweep(texts: Sequence[str]) -> list[dict[str, str]]:
    """Return every combination of ``NAME=V1,V2,…``; one empty one for no sweep."""
    names, choices = [], []
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals or not values or not name.isidentifier():
            raise CommandError(f"--sweep {text}: write it as name=1,2,3.", USAGE)
        names.append(name)
        choices.append([value.strip() for value in values.split(",")])
    return [dict(zip(names, one, strict=True)) for one in itertools.product(*choices)]


def plan(args: argparse.Namespace) -> list[Task]:
    """Return one task for each chain of notebooks and combination of swept parameters.

    Raises:
        CommandError: the results have nowhere to go.
    """
    sweep = parse_sweep(args.sweep)
    if args.inplace and len(sweep) > 1:
        raise CommandError("--sweep and --inplace exclude each other: use -o FOLDER.", USAGE)
    tasks = []
    for notebooks, values in itertools.product(_chains(args.notebooks), sweep):
        arguments = [*(str(one.resolve()) for one in notebooks), "--json", *_passed_on(args)]
        for name, value in values.items():
            arguments += ["-p", f"{name}={value}"]
        label = ",".join(f"{name}={value}" for name, value in values.items())
        if args.output:
            folder = Path(args.output).resolve()
            folder.mkdir(parents=True, exist_ok=True)
            safe = "".join(one if one.isalnum() or one in "=,.-_" else "_" for one in label)
            arguments += ["-o", str(folder), *([f"--label={safe}"] if safe else [])]
        shown = " → ".join(map(str, notebooks))
        title = f"{shown} ({label})" if label else shown
        tasks.append(Task(title, tuple(arguments), _environment(args), label))
    return tasks


def _chains(notebooks: Sequence[Path]) -> list[list[Path]]:
    """Return the notebooks, together and in order where one takes what another gives."""
    from nbcache.cli.notebook_files import read_data
    from nbcache.cli.parameters import OUTPUTS_TAG, PARAMETERS_TAG, tagged_names

    chains: list[tuple[list[Path], set[str]]] = []
    for notebook in notebooks:
        if not notebook.is_file():
            raise CommandError(f"{notebook} does not exist.", USAGE)
        data = read_data(notebook)
        taken = set(tagged_names(data, PARAMETERS_TAG))
        feeding = [chain for chain in chains if chain[1] & taken]
        joined = [path for path in notebooks if any(path in one for one, _ in feeding)]
        given = set(tagged_names(data, OUTPUTS_TAG)).union(*(names for _, names in feeding))
        chains = [chain for chain in chains if chain not in feeding]
        chains.append(([*joined, notebook], given))
    return [chain for chain, _ in chains]


def _passed_on(args: argparse.Namespace) -> Iterator[str]:
    """Yield the options that hold for every run."""
    for name in (
        "inplace",
        "refresh",
        "read_only",
        "verify",
        "trust",
        "atomic",
        "require",
        "allow_errors",
    ):
        if getattr(args, name):
            yield f"--{name.replace('_', '-')}"
    for name in ("ttl", "timeout", "kernel"):
        if getattr(args, name) is not None:
            yield from (f"--{name}", str(getattr(args, name)))
    for number in args.refresh_cell:
        yield from ("--refresh-cell", str(number))
    for path in args.parameter_files:
        yield from ("-f", os.path.abspath(path))
    for pair in args.parameters:
        yield from ("-p", pair)


def _environment(args: argparse.Namespace) -> dict[str, str]:
    """Return our variables, which a worker elsewhere does not inherit, with the store's place."""
    from nbcache.store.opening import find_location

    own = {name: value for name, value in os.environ.items() if name.startswith("NBCACHE_")}
    return {**own, **store_variables(args.store or find_location())}


def run_task(task: Task) -> Done:
    """Run one task in a process of its own; called on whichever worker it lands."""
    done = subprocess.run(
        [sys.executable, "-m", "nbcache.cli", "run", *task.arguments],
        env={**os.environ, **task.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    told = tuple(json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    return Done(task.title, task.label, done.returncode, told, done.stderr.strip())


def run_at_once(args: argparse.Namespace) -> int:
    """Run all tasks and tell of each as it ends; return the first exit code that is not 0."""
    from joblib import Parallel, delayed, parallel_config

    tasks = plan(args)
    with parallel_config(**_backend(args.jobs)):
        runs = Parallel(return_as="generator_unordered")(delayed(run_task)(one) for one in tasks)
        codes = [_tell(done, number, len(tasks), args) for number, done in enumerate(runs, 1)]
    return next((code for code in codes if code != OK), OK)


def _backend(jobs: str) -> dict[str, Any]:
    """Return joblib's settings: threads here (each waits for a process), or a Dask cluster."""
    if not jobs.startswith(ON_DASK):
        return {"backend": "threading", "n_jobs": int(jobs)}
    try:
        from distributed import Client
    except ImportError:
        message = "--jobs dask:// needs the package distributed: python -m pip install distributed"
        raise CommandError(message, USAGE) from None
    address = "tcp://" + jobs.removeprefix(ON_DASK)
    try:
        Client(address, timeout="10s")
    except OSError as error:
        raise CommandError(f"--jobs {jobs}: no scheduler answers there ({error}).", USAGE) from None
    return {"backend": "dask"}


def _tell(done: Done, number: int, of: int, args: argparse.Namespace) -> int:
    """Write what became of one run: its JSON lines, or one line for each notebook."""
    if args.json:
        for item in done.told:
            print(json.dumps({**item, "run": done.title}), flush=True)
        return done.code
    counter = f"[{number:>{len(str(of))}}/{of}]"
    for total in done.totals:
        title = done.title if len(done.totals) == 1 else total["notebook"]
        title += f" ({done.label})" if done.label and title != done.title else ""
        told = f"{total['served']} of {total['of']} cells from the cache"
        told += f" · took {format_duration(total['seconds'])}"
        told += f" · wrote {total['output']}" if total["output"] else ""
        print(f"{counter} {title} · {told}", flush=True)
    if not done.totals:
        print(f"{counter} {done.title}", flush=True)
    errors = [total["error"] for total in done.totals if total.get("error")]
    for error in errors or ([done.error] if done.code != OK and done.error else []):
        print(error, file=sys.stderr)
    return done.code
