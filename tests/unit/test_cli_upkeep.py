"""`prune`, `du`, `stats`, `enable`, `disable`, `doctor` and `completion`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nbcache.cli.main import main
from nbcache.entry import Body, Entry
from nbcache.store.opening import JoblibStore, open_store
from nbcache.store.usage import FILE_NAME, Use, note_use, read_uses

DAY = 86400.0
CHEAP, DEAR = "0a" * 16, "1b" * 16


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JoblibStore:
    """A store with a cheap run, expired ten days ago, and a dear one, of two notebooks."""
    monkeypatch.setenv("NBCACHE_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("NBCACHE_KEY_DIR", str(tmp_path / "keys"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    made = open_store()
    now = time.time()
    for key, age, ttl, cost in ((CHEAP, 10 * DAY, 60.0, 0.01), (DEAR, 5.0, None, 900.0)):
        notebook = str(tmp_path / f"{cost}.ipynb")
        entry = Entry(key, "2" * 16, now - age, ttl, cost, notebook=notebook, parts={"source": key})
        made.put(entry, Body(b"x" * 20_000))
    return made


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*argv: str) -> tuple[int, str]:
        code = main(argv)
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return call


def _keys(store: JoblibStore) -> set[str]:
    return {entry.key for entry in store.entries()}


@pytest.mark.parametrize(
    "conditions", [("--expired",), ("--max-size", "30kB"), ("--max-size", "30000")]
)
def test_prune_removes_the_least_valuable(
    store: JoblibStore, run: Run, conditions: tuple[str, ...]
) -> None:
    """What expired, or saves least for its size, goes first; a dry run only tells."""
    code, told = run("prune", *conditions, "--dry-run")
    assert (code, "Would remove 1 stored run" in told) == (0, True)
    assert len(_keys(store)) == 2
    assert json.loads(run("prune", *conditions, "--json")[1])["removed"] == [f"{CHEAP}.{'2' * 16}"]
    assert _keys(store) == {DEAR}


def test_prune_by_age_looks_at_the_last_use(store: JoblibStore, run: Run) -> None:
    """An entry that was stored long ago but used today stays."""
    assert "Removed 0" in run("prune", "--older-than", "7d")[1]
    for file in Path(store.location).rglob("output.nbc"):
        os.utime(file, (1.0, 1.0))
    assert "Removed 2" in run("prune", "--older-than", "7d")[1]


@pytest.mark.parametrize("wrong", [(), ("--max-size", "much"), ("--older-than", "x")])
def test_prune_asks_for_a_condition(store: JoblibStore, run: Run, wrong: tuple[str, ...]) -> None:
    """Without a condition, or with one that is not understood, nothing goes."""
    assert run("prune", *wrong)[0] == 2
    assert len(_keys(store)) == 2


def test_du_sums_by_notebook(store: JoblibStore, run: Run) -> None:
    """Each notebook's runs and bytes are summed, and so is the whole."""
    told = json.loads(run("du", "--json")[1])
    assert [row["runs"] for row in told["notebooks"]] == [1, 1]
    assert told["size_bytes"] == sum(row["size_bytes"] for row in told["notebooks"]) > 40_000
    assert "2 stored runs" in run("du")[1]


def test_stats_sum_what_was_saved(store: JoblibStore, run: Run) -> None:
    """Served and run cells are counted by notebook, with the time saved; noise is passed over."""
    for use in (Use("a.ipynb", 1.0, 2, 1, 5.0), Use("a.ipynb", 2.0, 1, 0, 1.0), Use("", 3.0, 0, 4)):
        note_use(store.location, use)
    with open(os.path.join(store.location, FILE_NAME), "a", encoding="utf-8") as file:
        file.write("half a li")
    told = json.loads(run("stats", "--json")[1])
    assert (told["served"], told["ran"], told["saved"]) == (3, 5, 6.0)
    assert told["notebooks"][0]["notebook"] == "a.ipynb"
    assert "38%" in run("stats")[1]


def test_a_long_log_is_folded(store: JoblibStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log stays small, and its sums stay what they were."""
    monkeypatch.setattr("nbcache.store.usage.MOST_BYTES", 500)
    before = os.umask(0)
    for moment in range(100):
        note_use(store.location, Use("a.ipynb", float(moment), 1, 0, 0.5))
    os.umask(before)
    assert not Path(store.location, "usage.log").stat().st_mode & 0o077
    uses = list(read_uses(store.location))
    assert len(uses) < 30
    assert sum(use.served for use in uses) == 100


def test_enable_and_disable_undo_each_other(store: JoblibStore, run: Run, tmp_path: Path) -> None:
    """A startup file that loads nbcache is written and removed; both can be repeated."""
    path = tmp_path / "ipython" / "profile_default" / "startup" / "50-nbcache.py"
    for _ in range(2):
        assert run("enable", "--user")[0] == 0
    assert "load_ext" in path.read_text()
    assert run("enable", "--user", "--auto", "--min-time", "2")[0] == 0
    code = "from IPython import get_ipython as g; i = g()\n"
    code += "print(i.extension_manager.loaded, i._nbcache_extension.asking.auto, sorted(i.user_ns))"
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "-c", code],
        env={**os.environ, "TERM": "dumb"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "'nbcache'" in done.stdout, done.stdout + done.stderr
    assert "} True [" in done.stdout
    assert "error" not in done.stdout
    for _ in range(2):
        assert run("disable", "--user")[0] == 0
    assert not path.exists()


def test_doctor_tells_what_is_wrong(
    store: JoblibStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sound installation is well; a wrong variable or an unusable store is a problem."""
    code, told = run("doctor", "--json")
    assert (code, json.loads(told)["ok"]) == (0, True)
    monkeypatch.setenv("NBCACHE_REFRESH", "perhaps")
    code, told = run("doctor")
    assert (code, "NBCACHE_REFRESH='perhaps'" in told) == (1, True)
    monkeypatch.delenv("NBCACHE_REFRESH")
    os.chmod(store.location, 0o777)
    assert run("doctor")[0] == 1


def test_completion_knows_every_command(store: JoblibStore, run: Run) -> None:
    """The script names the commands and their options."""
    pytest.importorskip("shtab", reason="shtab makes the script")
    code, script = run("completion", "bash")
    assert code == 0
    assert {"prune", "--max-size", "doctor"} <= set(script.replace(")", " ").split())
