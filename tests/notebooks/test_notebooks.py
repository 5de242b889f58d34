"""Notebooks that others wrote: with nbcache they do what they do without it."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from harness import catalogue, features, fetch, summary
from harness.catalogue import Notebook
from harness.trial import Verdict

pytestmark = [pytest.mark.notebooks, pytest.mark.timeout(3 * 3600)]
SHARE_WANTED = 0.8
NOTEBOOKS_WANTED = 60
LIBRARIES_WANTED = 15


def test_notebook_is_as_without_nbcache(
    notebook: Notebook, trials: dict[str, Future[Verdict]]
) -> None:
    """A recorded run and a replay leave the outputs and the namespace that a plain run leaves."""
    verdict = trials[notebook.id].result()
    print("\n".join(summary.by_cell(verdict)))  # noqa: T201 - shown when the test fails
    found = summary.findings(verdict)
    assert not found, "\n".join(found)


def test_most_slow_cells_are_served(verdicts: list[Verdict]) -> None:
    """Of the slow deterministic cells of libraries that can be replayed 80 % are served warm."""
    refusing = {one.name for one in catalogue.read() if one.refusals}
    verdicts = [one for one in verdicts if one.notebook.partition("/")[0] not in refusing]
    missed = [
        f"{verdict.notebook} cell {cell.index}: {'; '.join(cell.reasons)}"
        for verdict in verdicts
        for cell in verdict.cells
        if cell.counts and not cell.is_served
    ]
    assert summary.share_served(verdicts) >= SHARE_WANTED, "\n".join(missed)


def test_the_catalogue_is_broad_and_hard(
    request: pytest.FixtureRequest,
) -> None:
    """At least 60 notebooks of 15 libraries have two or more hard features each."""
    if not request.config.getoption("--all-notebooks"):
        pytest.skip("the quick notebooks are a choice of all")
    for sdist in catalogue.read():
        fetch.fetch(sdist)
    hard = [one for one in catalogue.notebooks() if len(features.of_notebook(one.path)) > 1]
    assert len(hard) >= NOTEBOOKS_WANTED
    assert len({one.sdist.name for one in hard}) >= LIBRARIES_WANTED
