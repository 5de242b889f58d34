"""`ls`, `show`, `clear` and `status` over a real store."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nbformat import v4

from nbcache.badge import record
from nbcache.cli.main import main
from nbcache.cli.status import exit_code, judge, named_entries, recorded_entries
from nbcache.entry import Body, Entry
from nbcache.events import CellEvent, State
from nbcache.store.opening import JoblibStore, open_store

DAY = 86400.0
OLD, NEW = "0a" * 16, "1b" * 16


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JoblibStore:
    """A store with one run of ten days ago, expired, and one of just now."""
    monkeypatch.setenv("NBCACHE_DIR", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NBCACHE_KEY_DIR", str(tmp_path / "keys"))
    made = open_store()
    now = time.time()
    for key, age, ttl, name in ((OLD, 10 * DAY, 60.0, "old"), (NEW, 5.0, None, "new")):
        entry = Entry(
            key,
            "2" * 16,
            now - age,
            ttl,
            1.5,
            title=f"{name} = load()",
            notebook=str(tmp_path / f"{name}.ipynb"),
            parts={"source": name, "input n": "ff"},
            notes=("used the network",),
        )
        made.put(entry, Body(b"stream"))
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


def test_ls_lists_the_newest_first(store: JoblibStore, run: Run) -> None:
    """A list has a line for each stored run and a total."""
    code, text = run("ls")
    lines = text.splitlines()
    assert code == 0
    assert [line.split()[0] for line in lines[:3]] == ["key", NEW[:12], OLD[:12]]
    assert "10 days  expired" in lines[2]
    assert lines[-1].startswith("2 stored runs, ")


def test_ls_gives_json(store: JoblibStore, run: Run) -> None:
    """With --json a list is one JSON document."""
    _, text = run("ls", "--json")
    assert [item["key"] for item in json.loads(text)] == [NEW, OLD]


def test_ls_of_one_notebook(store: JoblibStore, run: Run, tmp_path: Path) -> None:
    """A list can be of one notebook, by its path."""
    _, text = run("ls", "--notebook", str(tmp_path / "old.ipynb"), "--json")
    assert [item["key"] for item in json.loads(text)] == [OLD]


def test_an_empty_store_says_so(run: Run, tmp_path: Path, store: JoblibStore) -> None:
    """An empty store is no error."""
    assert run("ls", "--store", str(tmp_path / "other")) == (0, "Nothing is stored.\n")


def test_show_tells_all_by_a_part_of_the_key(store: JoblibStore, run: Run) -> None:
    """The beginning of a key is enough where it is clear."""
    code, text = run("show", NEW[:5])
    assert code == 0
    for part in ("new = load()", NEW, "used the network", "input n", "1.5 s"):
        assert part in text


@pytest.mark.parametrize(("key", "told"), [("ff", "Nothing is stored under"), ("", "not clear")])
def test_show_refuses_an_unclear_key(store: JoblibStore, run: Run, key: str, told: str) -> None:
    """A key that names nothing, or several, is a usage error."""
    code, text = run("show", key)
    assert code == 2
    assert told in text


def test_clear_wants_to_know_what(store: JoblibStore, run: Run) -> None:
    """Without a condition nothing is forgotten."""
    code, _ = run("clear")
    assert code == 2
    assert _keys(store) == {OLD, NEW}


@pytest.mark.parametrize(
    ("argv", "left"),
    [
        (["--all"], set()),
        (["--expired"], {NEW}),
        (["--older", "7d"], {NEW}),
        (["--older", "30d"], {OLD, NEW}),
        (["--all", "--dry-run"], {OLD, NEW}),
        (["old.ipynb"], {NEW}),
        (["new.ipynb", "--expired"], {OLD, NEW}),
    ],
)
def test_clear_forgets_what_all_conditions_choose(
    store: JoblibStore, run: Run, argv: list[str], left: set[str]
) -> None:
    """Conditions narrow each other; a dry run forgets nothing."""
    code, text = run("clear", *argv)
    assert code == 0
    assert _keys(store) == left
    assert text.startswith("Would forget" if "--dry-run" in argv else "Forgot")


def test_clear_finds_an_executed_copy_by_its_keys(
    store: JoblibStore, run: Run, tmp_path: Path
) -> None:
    """An executed notebook names its entries by the recorded keys, whatever it is called."""
    import nbformat

    nb = _executed({"old = load()": OLD})
    nbformat.write(nb, tmp_path / "copy.ipynb")
    run("clear", str(tmp_path / "copy.ipynb"))
    assert _keys(store) == {NEW}


def _executed(keys: dict[str, str], state: State = State.HIT) -> Any:
    cells = []
    for source, key in keys.items():
        cell = v4.new_code_cell(source)
        record(cell.metadata, CellEvent(state, key=key))
        cells.append(cell)
    return v4.new_notebook(cells=cells)


def _states(nb: Any, store: JoblibStore, digest: Callable[[str], str]) -> list[str]:
    cells = judge(nb, recorded_entries(nb, store.find), digest, time.time())
    return [cell.state for cell in cells]


def test_status_reads_recorded_keys(store: JoblibStore) -> None:
    """A cell is a hit, expired or missing by what its recorded key finds."""
    nb = _executed({"new": NEW, "old": OLD, "gone": "ee" * 16})
    nb.cells.append(v4.new_code_cell("plain"))
    assert _states(nb, store, str) == ["hit", "expired", "missing", "off"]


def test_status_sees_an_edit(store: JoblibStore) -> None:
    """A cell whose source is not the stored one is stale."""
    assert _states(_executed({"edited": NEW}), store, str) == ["stale"]


def test_status_leaves_out_what_cannot_be_stored(store: JoblibStore) -> None:
    """A cell that no run can store is never missing."""
    nb = _executed({"conn": "ee" * 16}, State.BYPASS)
    assert _states(nb, store, str) == ["bypass"]


def test_status_of_an_unexecuted_notebook_goes_by_source(store: JoblibStore) -> None:
    """Without recorded keys, a stored run of the same source counts."""
    nb = v4.new_notebook(cells=[v4.new_code_cell("new"), v4.new_code_cell("other")])
    cells = judge(nb, named_entries(nb, store.entries(), str), str, time.time())
    assert [cell.state for cell in cells] == ["hit", "missing"]


def test_the_exit_code_is_the_worst_state(store: JoblibStore) -> None:
    """4 for missing comes before 3 for stale or expired, and both before 0."""
    for keys, code in (
        ({"new": NEW}, 0),
        ({"new": NEW, "old": OLD}, 3),
        ({"edited": NEW}, 3),
        ({"edited": NEW, "gone": "ee" * 16}, 4),
    ):
        nb = _executed(keys)
        cells = judge(nb, recorded_entries(nb, store.find), str, time.time())
        assert exit_code(cells) == code
