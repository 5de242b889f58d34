"""Every case of the corpus: plain run, recorded run and replay can't be told apart."""

from __future__ import annotations

from itertools import groupby

import pytest
from corpus.reading import Case, read_all
from corpus.running import Trace, traces_of

CASES = read_all()
AT_LEAST = 260


def show(case: Case) -> str:
    return f"{case.group}-{case.name}"


def what_counts(case: Case, trace: Trace) -> dict[str, object]:
    """Return what two passes must agree on."""
    seen: dict[str, object] = dict(trace.probes)
    if "partial" in case.flags:
        del seen["around: names"]
    if case.is_unseeded:  # nobody knows where the streams stood
        seen = {name: value for name, value in seen.items() if "random" not in name[:20]}
    return {**seen, **{f"messages of cell {n}": m for n, m in enumerate(trace.messages)}}


def in_any_order(seen: dict[str, object]) -> dict[str, object]:
    """Return the same with streams that follow one another in the order of their names.

    A kernel that is held up for a moment pushes out what streams hold back in another order.
    """
    return {name: _by_stream(item) if "messages" in name else item for name, item in seen.items()}


def _by_stream(messages: object) -> list[object]:
    assert isinstance(messages, list)
    found: list[object] = []
    for is_stream, run in groupby(messages, lambda one: one[0] == "stream"):
        texts: dict[str, str] = {}
        for kind, content in run:
            if is_stream:
                texts[content["name"]] = texts.get(content["name"], "") + content["text"]
            else:
                found.append((kind, content))
        found.extend(sorted(texts.items()))
    return found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", CASES, ids=show)
def test_a_hit_cannot_be_told_from_a_run(case: Case) -> None:
    """Probes, messages, history and surroundings are those of a kernel without nbcache."""
    plain, recorded, replayed = traces_of(case.group)[case.name]
    if not case.is_unseeded:
        assert in_any_order(what_counts(case, recorded)) == in_any_order(what_counts(case, plain))
    assert what_counts(case, replayed) == what_counts(case, recorded)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", CASES, ids=show)
def test_status_is_as_expected(case: Case) -> None:
    """What can be served is served, and what can't is refused with the stated reason."""
    _, recorded, replayed = traces_of(case.group)[case.name]
    *before, last = replayed.states
    assert set(before) <= {"hit"}, replayed.reasons
    if case.refused is None:
        assert last == case.flags.get("state", "hit"), (recorded.reasons, replayed.reasons)
    else:
        assert last == recorded.states[-1] == "bypass", (recorded.reasons, replayed.reasons)
        assert case.refused in replayed.reasons[-1]


def test_the_corpus_is_large() -> None:
    """Hundreds of cases in every group of the contract, each with a name of its own."""
    assert len({case.name for case in CASES}) == len(CASES) >= AT_LEAST
    assert all(case.probes for case in CASES)
