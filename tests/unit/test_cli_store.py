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
from nbcache.cli.sources import source_digest
from nbcache.cli.status import exit_code, judge, named_entries, recorded_entries
from nbcache.deps.digests import file_digest
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
            parts={"source": source_digest(name), "input n": "ff"},
            notes=("used the network",),
        )
        made.put(entry, Body(b"stream"))
    return made


Run = Callable[..., tuple[int, str]]


def _put(store: JoblibStore, key: str, text: str, **fields: Any) -> Entry:
    """Store a run of a cell's text as if just now."""
    moment = {"stored_at": time.time() - 1, "ttl": None, "cost": 1.0, "title": text, **fields}
    parts = {"source": source_digest(text), **moment.pop("parts", {})}
    return store.put(Entry(key, "3" * 16, parts=parts, **moment), Body(b"stream"))


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


def _states(nb: Any, store: JoblibStore) -> list[str]:
    cells = judge(nb, recorded_entries(nb, store.find), time.time())
    return [cell.state for cell in cells]


def test_status_reads_recorded_keys(store: JoblibStore) -> None:
    """A cell is a hit, expired or missing by what its recorded key finds."""
    nb = _executed({"new": NEW, "old": OLD, "gone": "ee" * 16})
    nb.cells.append(v4.new_code_cell("plain"))
    assert _states(nb, store) == ["hit", "expired", "missing", "off"]


def test_status_sees_an_edit(store: JoblibStore) -> None:
    """A cell whose source is not the stored one is stale."""
    assert _states(_executed({"edited": NEW}), store) == ["stale"]


def test_status_leaves_out_what_cannot_be_stored(store: JoblibStore) -> None:
    """A cell that no run can store is never missing."""
    nb = _executed({"conn": "ee" * 16}, State.BYPASS)
    assert _states(nb, store) == ["bypass"]


def test_status_of_an_unexecuted_notebook_goes_by_source(store: JoblibStore) -> None:
    """Without recorded keys, a stored run of the same source counts."""
    nb = v4.new_notebook(cells=[v4.new_code_cell("new"), v4.new_code_cell("other")])
    cells = judge(nb, named_entries(nb, store.entries(), source_digest), time.time())
    assert [cell.state for cell in cells] == ["hit", "missing"]


def test_status_leaves_out_what_is_not_to_be_cached(store: JoblibStore) -> None:
    """Cells that are switched off and those without code are never missing."""
    sources = ("# nbcache: off\nt = 1", "%%cache off\nt = 2", "# words", "a = 1", "b = 1", "new")
    nb = v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])
    nb.cells[3].metadata["tags"] = ["no-cache"]
    nb.cells[4].metadata["nbcache"] = {"off": True}
    cells = judge(nb, named_entries(nb, store.entries(), source_digest), time.time())
    assert [cell.state for cell in cells] == ["off"] * 5 + ["hit"]


def test_status_knows_an_edited_cell_by_its_first_line(store: JoblibStore) -> None:
    _put(store, A, "x = load()\nprint(x)", title="x = load()", notebook="nb.ipynb")
    nb = v4.new_notebook(cells=[v4.new_code_cell("x = load()\nprint(x + 1)")])
    cells = judge(nb, named_entries(nb, store.entries(), source_digest), time.time())
    assert [cell.state for cell in cells] == ["stale"]


def test_status_finds_what_another_notebook_stored(
    store: JoblibStore, run: Run, tmp_path: Path
) -> None:
    """A copy of a notebook, or one in another folder, is as fresh as what it was copied from."""
    import nbformat

    _put(store, A, "x = load()", notebook=str(tmp_path / "old.ipynb"))
    nb = v4.new_notebook(cells=[v4.new_code_cell("x = load()")])
    nbformat.write(nb, tmp_path / "copy.ipynb")
    assert run("status", "copy.ipynb", "--check")[0] == 0


def test_the_exit_code_is_the_worst_state(store: JoblibStore) -> None:
    """4 for missing comes before 3 for stale or expired, and both before 0."""
    for keys, code in (
        ({"new": NEW}, 0),
        ({"new": NEW, "old": OLD}, 3),
        ({"edited": NEW}, 3),
        ({"edited": NEW, "gone": "ee" * 16}, 4),
    ):
        nb = _executed(keys)
        cells = judge(nb, recorded_entries(nb, store.find), time.time())
        assert exit_code(cells) == code


A, B, C = ("a1" * 16, "b2" * 16, "c3" * 16)


def _write_executed(path: Path, keys: dict[str, str]) -> None:
    import nbformat

    nbformat.write(_executed(keys), path)


def test_status_sees_files_and_what_lies_downstream(
    store: JoblibStore, run: Run, tmp_path: Path
) -> None:
    """A cell whose file changed is stale, and so is every cell that reads what it leaves."""
    (tmp_path / "data.csv").write_text("1")
    wanted = {"read": {"data.csv": [1, file_digest(str(tmp_path / "data.csv"))[1]]}}
    _put(store, A, "x = load()", late={"files": wanted}, about={"writes": ["x"]})
    _put(store, B, "y = x", parts={"input x": "1"}, about={"writes": ["y"]})
    _put(store, C, "z = 1")
    _write_executed(tmp_path / "nb.ipynb", {"x = load()": A, "y = x": B, "z = 1": C})
    assert run("status", "nb.ipynb", "--check")[0] == 0
    (tmp_path / "data.csv").write_text("2")
    code, text = run("status", "nb.ipynb", "--check", "--json")
    assert code == 3
    cells = json.loads(text)["cells"]
    assert [cell["state"] for cell in cells] == ["stale", "stale", "hit"]
    assert cells[0]["reasons"] == ["`data.csv` changed on disk"]
    assert cells[1]["reasons"] == ["depends on cell 1, which is stale"]


def test_why_tells_what_moved_for_a_cell(store: JoblibStore, run: Run, tmp_path: Path) -> None:
    """A stored run is compared with the notebook as it is now and with the run before it."""

    def inputs(text: str) -> dict[str, Any]:
        return {"inputs": {"t": {"kind": "float", "text": text}}}

    before = {"stored_at": time.time() - 60, "about": inputs("0.5"), "parts": {"input t": "1"}}
    _put(store, A, "y = t", **before)
    _put(store, B, "y = t", about=inputs("0.7"), parts={"input t": "2"})
    _write_executed(tmp_path / "nb.ipynb", {"y = t": B})
    code, text = run("why", "nb.ipynb", "1")
    assert code == 0
    assert "Cell 1 `y = t`: hit" in text
    assert "`t` changed (0.5 → 0.7)" in text
    told = json.loads(run("why", "nb.ipynb", "y =", "--json")[1])
    assert told["state"] == "hit"
    assert told["before"] == {"key": A, "reasons": ["`t` changed (0.5 → 0.7)"]}
    assert run("why", "nb.ipynb", "7")[0] == 2
    _write_executed(tmp_path / "nb.ipynb", {"y = t + 1": B})
    told = json.loads(run("why", "nb.ipynb", "1", "--json")[1])
    assert (told["state"], told["reasons"]) == ("stale", ["the cell's code changed"])


def test_diff_compares_two_runs(store: JoblibStore, run: Run) -> None:
    """Parts of the key and late dependencies that differ are told, by any clear key."""
    _put(store, A, "x = 1", late={"modules": {"versions": {"pandas": "3.0.1"}}})
    _put(store, B, "x = 1", late={"modules": {"versions": {"pandas": "3.1.1"}}})
    code, text = run("diff", A[:6], B[:6])
    assert code == 0
    assert "pandas 3.0.1 → 3.1.1" in text
    told = json.loads(run("diff", A, B, "--json")[1])
    assert told["reasons"] == ["pandas 3.0.1 → 3.1.1"]
    assert json.loads(run("diff", A, A, "--json")[1])["equal"]
    assert run("diff", "ffff", B)[0] == 2
