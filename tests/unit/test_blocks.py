"""``with block("name") as step:`` in scripts: served, run, and said when it can't be."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from nbcache import block
from nbcache.errors import CacheWarning, OptionError

SCRIPT = """
import sys
from nbcache import block
FACTOR = int(sys.argv[1])
def double(x): return x * FACTOR
def inside(k):
    with block("inner", ttl="1d") as step:
        if step.miss:
            print("run inner", k)
            step.save(value=[double(k)])
    return step.value
with block("outer") as step:
    if step.miss:  # a remark
        print("run outer")
        table = [double(3)]
        alias = table
        step.save(total=sum(table), kept=table)
print(step.total, table, alias is table, step.kept is table, step["total"])
print(inside(1), inside(k=2))
"""


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("NBCACHE_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("NBCACHE_KEY_DIR", str(tmp_path / "keys"))


def run(folder: Path, text: str, *arguments: str) -> list[str]:
    script = folder / "script.py"
    script.write_text(text)
    done = subprocess.run(
        [sys.executable, script, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_script_is_served_the_second_time(tmp_path):
    """Saved values and top-level variables come back; an edit or another input runs the block."""
    shown = ["6 [6] True True 6", "[2] [4]"]
    cold = ["run outer", shown[0], "run inner 1", "run inner 2", shown[1]]
    assert run(tmp_path, SCRIPT, "2") == cold
    assert run(tmp_path, SCRIPT, "2") == shown
    assert run(tmp_path, SCRIPT.replace("a remark", "another"), "2") == shown
    assert run(tmp_path, SCRIPT.replace("sum(table)", "sum(table) * 1"), "2")[0] == "run outer"
    assert run(tmp_path, SCRIPT, "3")[0] == "run outer"


def test_what_a_block_raises_passes_and_stores_nothing():
    """An exception leaves the block as it was raised, and the next pass runs again."""

    def fail():
        with block("raising") as step:
            assert step.miss
            raise ValueError("mine")

    for _ in range(2):
        with pytest.raises(ValueError, match="mine"):
            fail()


def test_a_block_that_does_not_ask_is_told():
    """A body that runs although its result is stored is a warning at the user's line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            with block("unasked") as step:
                step.save(x=1)
    assert "begin it with `if step.miss:`" in str(caught[0].message)
    assert (caught[0].category, caught[0].filename) == (CacheWarning, __file__)
    assert step.state == "hit"


def test_values_that_were_not_saved_are_named():
    """Asking for what nobody saved says how to save it."""
    with block("nothing saved") as step:
        assert step.miss
    with pytest.raises(AttributeError, match=r"step.save\(table=...\)"):
        step.table  # noqa: B018


def test_a_block_needs_a_name_and_right_options():
    """A missing name or a wrong option is an error before the body runs."""
    with pytest.raises(TypeError, match="needs a name"):
        block("")
    with pytest.raises(OptionError, match="Did you mean `ttl`"):
        block("x", tll=5)


def test_options_and_switches(monkeypatch):
    """A policy, a refresh and the environment's switches mean here what they mean elsewhere."""

    def one(value, **options):
        with block("switched", **options) as step:
            if step.miss:
                step.save(x=value)
        return step.x, step.state

    assert one(1) == (1, "miss")
    assert one(1) == (1, "hit")
    assert one(1, refresh=True) == (1, "refreshed")
    assert one(5, ignore="value") == (5, "miss")
    assert one(6, ignore="value") == (5, "hit")
    monkeypatch.setenv("NBCACHE_DISABLE", "1")
    assert one(1) == (1, "off")
