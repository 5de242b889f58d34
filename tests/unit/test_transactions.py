"""Results of a transaction become visible together, or not at all."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nbcache import block, cache, transaction
from nbcache.calls.room import current_room
from nbcache.errors import StoreError


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("NBCACHE_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("NBCACHE_KEY_DIR", str(tmp_path / "keys"))


@cache
def double(x):
    return [2 * x]


@cache
def triple(x):
    return [3 * x]


def seen_by_others():
    code = "from nbcache.store.opening import open_store; print(len(list(open_store().entries())))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_results_become_visible_together():
    """Until the end nobody else sees a result, while the transaction itself uses its own."""
    with transaction() as pending:
        assert (double(1), triple(1), double(1)) == ([2], [3], [2])
        with block("part") as step:
            step.save(x=1)
            assert step.miss
        assert seen_by_others() == 0
        assert pending.count == 3
    assert pending.state == "committed"
    assert seen_by_others() == 3
    assert double.is_cached(1)


def test_an_exception_rolls_back():
    """Nothing is stored after an exception, which passes and says what stays."""
    told = []

    def fail():
        with transaction() as pending:
            pending.on_commit(lambda _: told.append("commit"))
            pending.on_rollback(lambda _: told.append("first"))
            pending.on_rollback(lambda one: told.append(one.state))
            double(5)
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        fail()
    assert told == ["rolled back", "first"]
    assert not double.is_cached(5)
    if sys.version_info >= (3, 11):
        assert "variables, objects and files stay" in caught.value.__notes__[0]


def test_hooks_see_what_is_stored():
    """Commit hooks run once, after everything is stored."""
    told = []
    with transaction() as pending:

        @pending.on_commit
        def tell(one):
            told.append((one.state, double.is_cached(7)))

        double(7)
    pending.commit()
    assert told == [("committed", True)]


def test_an_inner_transaction_ends_with_the_outer_one():
    """The inner one's results and hooks wait for the outer one, and are lost with it."""
    told = []

    def nested(*, fails):
        with transaction():
            with transaction() as inner:
                inner.on_commit(lambda _: told.append("commit"))
                inner.on_rollback(lambda _: told.append("rollback"))
                double(9)
            assert double.is_cached(9)
            assert told == []
            if fails:
                raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        nested(fails=True)
    assert told.pop() == "rollback"
    assert not double.is_cached(9)
    nested(fails=False)
    assert told == ["commit"]
    assert double.is_cached(9)


def test_rolled_back_by_hand():
    """After a rollback what follows is stored by itself."""
    with transaction() as pending:
        double(11)
        pending.rollback()
        triple(11)
    assert (double.is_cached(11), triple.is_cached(11)) == (False, True)


def test_a_store_that_takes_only_a_part_keeps_nothing(monkeypatch):
    """When the store fails in the middle, what it had taken is removed again."""
    store = current_room().stores.of(current_room().policy())
    native, puts = type(store).put, []

    def put(self, entry, body):
        puts.append(entry)
        if len(puts) == 2:
            raise StoreError("The disk is full.")
        return native(self, entry, body)

    monkeypatch.setattr(type(store), "put", put)

    def two():
        with transaction():
            double(13), triple(13)

    with pytest.raises(StoreError, match="stored nothing: The disk is full"):
        two()
    assert seen_by_others() == 0
