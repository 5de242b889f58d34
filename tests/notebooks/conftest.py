"""Runs the selected notebooks two at a time, and shows what came of them at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from harness import catalogue, fetch, summary, trial

ARTEFACTS = Path(__file__).resolve().parent.parent / "artefacts"
TOLD = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-notebooks",
        action="store_true",
        default=os.environ.get("NBCACHE_TEST_ALL_NOTEBOOKS") == "1",
        help="run all catalogued notebooks, not only the quick ones",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "notebook" in metafunc.fixturenames:
        quick = not metafunc.config.getoption("--all-notebooks", default=False)
        chosen = catalogue.notebooks(quick=quick)
        metafunc.parametrize("notebook", chosen, ids=lambda one: one.id)


@pytest.fixture(scope="session")
def trials(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[trial.Verdict]]]:
    """Hold the trial of each selected notebook, two at a time; the tests wait for theirs."""
    items = [item for item in request.session.items if hasattr(item, "callspec")]
    chosen = {
        one.id: one for item in items if (one := item.callspec.params.get("notebook")) is not None
    }
    for sdist in {one.sdist for one in chosen.values()}:
        fetch.fetch(sdist)
    scratch = tmp_path_factory.mktemp("trials")
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield {
            name: pool.submit(trial.hold, one, scratch / name.replace("/", "-"))
            for name, one in chosen.items()
        }
        pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def verdicts(
    request: pytest.FixtureRequest, trials: dict[str, Future[trial.Verdict]]
) -> list[trial.Verdict]:
    """Return the verdicts of all selected notebooks whose runs came to an end."""
    done = [one.result() for one in trials.values() if one.exception() is None]
    done.sort(key=lambda verdict: verdict.notebook)
    request.config.stash[TOLD] = tell(done)
    summary.write(done, ARTEFACTS)
    return done


def tell(done: list[trial.Verdict]) -> list[str]:
    """Return the lines of the summary."""
    return [
        *summary.by_notebook(done),
        "",
        *summary.by_library(done),
        "Why cells ran when warm:",
        *summary.reasons(done, limit=12),
        f"By cell, with reasons: {ARTEFACTS / 'notebooks.md'}",
    ]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the summary from the process that ran the notebooks to the one that reports."""
    sent = getattr(session.config, "workeroutput", None)
    if sent is not None:
        sent["notebooks"] = session.config.stash.get(TOLD, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the summary over from the process that ran the notebooks."""
    told = getattr(node, "workeroutput", {}).get("notebooks")
    if told:
        node.config.stash[TOLD] = told


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    told = terminalreporter.config.stash.get(TOLD, [])
    if told:
        terminalreporter.section("real notebooks: plain, cold, warm")
        for line in told:
            terminalreporter.write_line(line)
