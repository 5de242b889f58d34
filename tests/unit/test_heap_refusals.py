"""What can't be replayed is refused with the path to the value and the reason."""

from __future__ import annotations

import sys

import pytest
from heap_refused import REFUSED
from replaying import record

from nbcache.errors import ValueProblem


@pytest.fixture(autouse=True)
def own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give back the real ``__main__`` after each test."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("name", "setup", "cell", "reason"), REFUSED, ids=[c[0] for c in REFUSED])
def test_refusal_says_which_value_and_why(name: str, setup: str, cell: str, reason: str) -> None:
    """A cell that can't be replayed raises one of our own errors, and its text says why."""
    with pytest.raises(ValueProblem) as caught:
        record(setup, cell)
    assert reason in str(caught.value)
