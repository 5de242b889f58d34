"""Nothing is ever stale: a corpus of notebooks in real kernels, plain execution as the oracle."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest
import stale_asides
import stale_code
import stale_files
import stale_found
import stale_hidden
import stale_lines
import stale_modules
import stale_natively
from staleness import Case, Outcome, run_group, shown

GROUPS = {
    "code": [*stale_code.CASES, *stale_lines.CASES],
    "modules": stale_modules.CASES,
    "files": [*stale_files.CASES, *stale_natively.CASES],
    "hidden": [*stale_hidden.CASES, *stale_found.CASES, *stale_asides.CASES],
}
ALL = [(name, case) for name, cases in GROUPS.items() for case in cases]
STORED = frozenset({"miss", "stale"})
LEAST_CASES = 400
LEAST_HITS = 0.95

each_case = pytest.mark.parametrize(
    ("group", "case"), ALL, ids=[f"{name}: {case.name}" for name, case in ALL]
)


class Runs:
    """The outcomes of each group, run when first asked for."""

    def __init__(self, top: Path) -> None:
        self.of_group = lru_cache(lambda name: run_group(GROUPS[name], top, name))

    def of(self, group: str, case: Case) -> Outcome:
        return self.of_group(group)[case.name]

    def is_stale(self, group: str, case: Case) -> bool:
        found = self.of(group, case)
        return shown(found.changed) != shown(found.plain)

    def hits(self, group: str, case: Case) -> bool:
        found = self.of(group, case)
        is_right = shown(found.other) == shown(found.first)
        return is_right and found.other[0].state == "hit"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Return the outcomes of all cases."""
    return Runs(tmp_path_factory.mktemp("stale"))


@pytest.mark.timeout(600)
@each_case
def test_nothing_is_stale(runs: Runs, group: str, case: Case) -> None:
    """After an edit of what it depends on, a cell runs and shows what a bare kernel shows."""
    found = runs.of(group, case)
    assert shown(found.changed) == shown(found.plain)
    assert found.changed[0].state != "hit"
    assert case.same or shown(found.plain) != shown(found.first)


@pytest.mark.timeout(600)
@each_case
def test_nothing_runs_needlessly(runs: Runs, group: str, case: Case) -> None:
    """After an edit of what it does not depend on, a cell that can be kept hits."""
    found = runs.of(group, case)
    if case.refused:
        assert (found.first[0].state, found.other[0].state) == ("bypass", "bypass")
        return
    assert found.first[0].state in STORED
    if not case.needless:
        assert found.other[0].state == "hit"
    assert shown(found.other) == shown(found.first)


@pytest.mark.timeout(600)
def test_the_corpus_as_a_whole(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    """Of hundreds of cases none is stale, and at least 95 % of the wanted hits are hits."""
    stale = sum(runs.is_stale(group, case) for group, case in ALL)
    wanted = [(group, case) for group, case in ALL if not case.refused]
    hits = sum(runs.hits(group, case) for group, case in wanted)
    with capsys.disabled():
        print(f"\n{len(ALL)} invalidation cases: {stale} stale, {hits} of {len(wanted)} hits")  # noqa: T201
    assert len(ALL) >= LEAST_CASES
    assert stale == 0
    assert hits >= LEAST_HITS * len(wanted)
