"""What caching a cell is worth: estimates from earlier runs, and what follows from them."""

from __future__ import annotations

import pytest

from nbcache.worth import Estimates, not_worth


def test_large_results_of_quick_runs_do_not_pay():
    """A result that takes more than half the run's time to come back is not worth its place."""
    estimates = Estimates()
    assert estimates.is_worth(1.0, 100)
    assert not estimates.is_worth(0.003, 100)
    assert not estimates.is_worth(1.0, 4 << 30)
    assert not estimates.is_worth(1.0, 100, found_in=0.7)


def test_estimates_follow_what_was_measured():
    """Loads of small results teach the time of any, loads of large ones the time of a byte."""
    estimates = Estimates()
    for _ in range(30):
        estimates.learn(1000, 0.010)
        estimates.learn(100 << 20, 0.110)
    assert estimates.seconds_to_serve(0) == pytest.approx(0.010, rel=0.01)
    assert estimates.seconds_to_serve(200 << 20) == pytest.approx(0.210, rel=0.01)
    assert estimates.seconds_to_serve(0, found_in=0.5) == 0.5


def test_a_load_quicker_than_any_teaches_no_negative_time():
    """Estimates never fall below nothing."""
    estimates = Estimates(base=0.1)
    for _ in range(100):
        estimates.learn(2 << 20, 0.0)
    assert estimates.per_byte >= 0
    assert estimates.seconds_to_serve(1 << 30) >= 0.1


def test_a_cell_is_tried_again_once_something_changed():
    """Two poor runs in a row of the same text are enough; an edit or a long run starts anew."""
    estimates = Estimates()
    estimates.judge("a", "x = 1", "too quick", 0.1)
    assert estimates.why_not("a", "x = 1") == ""
    estimates.judge("a", "x = 1", "too quick", 0.1)
    assert "too quick" in estimates.why_not("a", "x = 1")
    assert estimates.why_not("a", "x = 2") == estimates.why_not("b", "x = 1") == ""
    estimates.judge_again("a", 0.05)
    assert estimates.why_not("a", "x = 1")
    estimates.judge_again("a", 0.1)
    assert estimates.why_not("a", "x = 1") == ""
    estimates.judge("a", "x = 1", "too quick", 0.1)
    estimates.judge("a", "x = 2", "too quick", 0.1)
    assert estimates.why_not("a", "x = 2") == ""
    estimates.judge("a", "x = 2", "", 0.1)
    assert estimates.why_not("a", "x = 2") == ""


def test_the_reason_tells_what_to_do():
    """What is left out says how long both take, and what stores it all the same."""
    told = not_worth(0.5, 0.4)
    assert "0.4" in told or "400 ms" in told
    assert "%%cache" in told
