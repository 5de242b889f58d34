"""Each row of the tables that map Prefect's and Windmill's features, shown in a real kernel.

The rows about functions, locks and transactions have tests of their own in ``tests/unit`` and
``tests/stores``; those about headless runs in ``test_cli_run``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kernels import kernel


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("tables")
    with kernel(folder / "store", folder=folder, NBCACHE_RUN_ID="run-1") as made:
        made.run("import uuid, random\nbase = 1\ndef helper(x): return x + 1")
        yield made


def states(notebook, *cells):
    return [notebook.run(cell).state for cell in cells]


def test_cell_and_its_execution(notebook):
    """task, task run: a cell and its execution; a hit reads as a completed, cached state."""
    assert states(notebook, "%%cache\nt = uuid.uuid4().hex", "%%cache\nt = uuid.uuid4().hex") == [
        "miss",
        "hit",
    ]
    told = notebook.value("get_ipython()._nbcache_extension.session.ledger.last")
    assert told.startswith("<Cached(type=COMPLETED)")


def test_persist_has_three_states(notebook):
    """persist_result True, False, None: on disk, in memory only, as the cell's policy says."""
    for word, store in (("true", "store"), ("false", "memory"), ("none", "store")):
        cell = f"%%cache persist={word}\np_{word} = [base]"
        assert states(notebook, cell, cell) == ["miss", "hit"]
        assert notebook.run(cell).event["store"].endswith(store)


def test_parts_of_the_key(notebook):
    """INPUTS, CELL_SOURCE, SOURCE: each runs again when its own part moved, and only then."""
    cell = "%%cache policy={}\nk_{} = helper(base)"
    for name in ("INPUTS", "TASK_SOURCE", "SOURCE"):
        assert states(notebook, cell.format(name, name)) == ["miss"]
    notebook.run("base = 2")
    assert states(notebook, *(cell.format(n, n) for n in ("TASK_SOURCE", "SOURCE"))) == ["hit"] * 2
    assert states(notebook, cell.format("INPUTS", "INPUTS")) == ["stale"]
    notebook.run("def helper(x): return x + 2")
    assert states(notebook, cell.format("TASK_SOURCE", "TASK_SOURCE")) == ["hit"]
    assert states(notebook, cell.format("SOURCE", "SOURCE")) == ["stale"]


def test_run_id(notebook):
    """RUN_ID: another run gets nothing of this one, the default does."""
    cell = "%%cache policy=PREFECT_DEFAULT\nr = 1"
    assert states(notebook, cell, cell) == ["miss", "hit"]
    notebook.run("import os; os.environ['NBCACHE_RUN_ID'] = 'run-2'")
    assert states(notebook, cell) == ["stale"]


def test_parameters(notebook):
    """FLOW_PARAMETERS: the notebook's parameters, as papermill injects them."""
    notebook.run("# Parameters\nregion = 'north'")
    cell = "%%cache policy=PARAMETERS+CELL_SOURCE\nq = 1"
    assert states(notebook, cell, cell) == ["miss", "hit"]
    notebook.run("# Parameters\nregion = 'south'")
    assert states(notebook, cell) == ["stale"]


def test_no_cache_and_the_algebra(notebook):
    """NO_CACHE runs every time; sums and differences on the line; a slip names the right name."""
    assert states(notebook, "%%cache policy=NO_CACHE\nn = 1") == [""]
    notebook.run("debug = 1")
    cell = "%%cache policy=\"INPUTS + SOURCE - 'debug'\"\nm = base if debug else base"
    assert states(notebook, cell) == ["miss"]
    notebook.run("debug = 2")
    assert states(notebook, cell) == ["hit"]
    wrong = notebook.run("%%cache policy=INPUT\nnever = 1")
    assert "did you mean `INPUTS`" in wrong.text
    assert "UsageError" in wrong.text
    assert notebook.value("'never' in globals()") == "False"


def test_keys_of_ones_own(notebook):
    """cache_key_fn and key=: a value or a function of the cell's context is the key."""
    notebook.run("day = 'mon'\ndef by_day(context, inputs): return day")
    for expression in ("day", "by_day", "f'{day}!'"):
        cell = f'%%cache key="{expression}"\nown_{len(expression)} = uuid.uuid4().hex'
        assert states(notebook, cell, cell) == ["miss", "hit"]
    notebook.run("day = 'tue'")
    assert states(notebook, cell) == ["stale"]


def test_expiration_and_refresh(notebook):
    """cache_expiration, refresh_cache None/True/False: ttl=, refresh=, and what resists."""
    cell = "%%cache ttl={}\ne = uuid.uuid4().hex"
    assert states(notebook, cell.format("1h"), cell.format("'1 day'"), cell.format(0)) == [
        "miss",
        "hit",
        "expired",
    ]
    once = "%%cache refresh=once\ne = uuid.uuid4().hex"
    assert states(notebook, "%%cache refresh=true\ne = uuid.uuid4().hex", once, once) == [
        "refreshed",
        "refreshed",
        "hit",
    ]


def test_storage_name_and_compression(notebook, tmp_path):
    """result_storage, result_storage_key, result_serializer: store=, name=, compression=."""
    cell = f"%%cache store={tmp_path / 'other'} compression=zlib\ns = list(range(1000))"
    assert states(notebook, cell, cell) == ["miss", "hit"]
    assert notebook.run(cell).event["store"].endswith("other")
    assert states(notebook, "%%cache name=fixed\nf = 1", "%%cache name=fixed\nf = 2") == [
        "miss",
        "hit",
    ]
    assert notebook.value("f") == "1"
    assert "no key is computed" in " ".join(
        notebook.run("%%cache name=fixed\nf = 2").event["notes"]
    )


def test_memory_isolation_and_wait(notebook):
    """cache_result_in_memory, READ_COMMITTED, SERIALIZABLE: memory, isolation=, wait=."""
    for options in ("memory", "isolation=read_committed", "isolation=serializable wait=10m"):
        cell = f"%%cache {options}\ni_{len(options)} = [base]"
        assert states(notebook, cell, cell) == ["miss", "hit"]


def test_values_without_fingerprint_and_failures(notebook):
    """Unhashable input: it runs and says which; a failed cell is never stored."""
    notebook.run("import sqlite3; holder = [sqlite3.connect(':memory:')]")
    told = notebook.run("%%cache\nu = len(holder)")
    assert (told.state, "`holder[0]` (sqlite3.Connection)" in told.event["reasons"][0]) == (
        "bypass",
        True,
    )
    assert states(notebook, "%%cache\n1 / 0", "%%cache\n1 / 0") == ["error", "error"]


def test_groups(notebook):
    """transactions: the results of a group become visible together, or not at all."""
    assert states(notebook, "%%cache group=g\ng1 = 1", "%%cache group=g\ng2 = 1 / 0") == [
        "miss",
        "error",
    ]
    assert states(notebook, "%%cache group=g\ng1 = 1", "%%cache\ng3 = 1", "%%cache\ng1 = 1") == [
        "miss",
        "miss",
        "hit",
    ]


def test_settings_tell_where_they_come_from(notebook):
    """toggle and seconds field: metadata and tags of the cell; config says what is from where."""
    metadata = {"nbcache": {"ttl": "5m"}}
    assert notebook.run("meta = 1", metadata=metadata).state == "miss"
    assert notebook.run("meta = 1", metadata={"tags": ["nbcache"]}).state == "hit"
    assert notebook.run("%%cache\nmeta = 1", metadata={"tags": ["no-cache"]}).state == ""
    shown = notebook.run("%nbcache config min_time=0.0001s").text
    assert "min_time" in shown
    assert "%nbcache config" in shown
    notebook.run("%config NBCache.version = '7'")
    assert "c.NBCache" in notebook.run("%nbcache config").text
    notebook.run("%config NBCache.version = None")
    assert "how long the result may be used" in notebook.run("%nbcache config --help-all").text


def test_pin_is_step_mocking(notebook):
    """step mocking: a pinned result is served whatever changes, and says so; unpin lets it go."""
    cell = "%%cache\npinned = [base]"
    notebook.run(cell, cell_id="mock")
    assert "PINNED" in notebook.run("%nbcache pin").text
    notebook.run("base = 77")
    served = notebook.run("%%cache\npinned = [base, base]", cell_id="mock")
    assert served.state == "pinned"
    assert "PINNED" in served.event["reasons"][0]
    assert notebook.value("pinned") == "[2]"
    notebook.run("%nbcache unpin mock")
    assert notebook.run(cell, cell_id="mock").state in ("miss", "stale")
    assert "served" in notebook.run("%nbcache stats").text


def test_statement_and_function_behind_widgets(notebook):
    """app inline script: ``%cache x = expr``, or a cached function."""
    notebook.run("%cache w = uuid.uuid4().hex\nfirst = w")
    notebook.run("%cache w = uuid.uuid4().hex")
    assert notebook.value("w == first") == "True"
    notebook.run(
        "from nbcache import cache\n@cache(ttl='1h')\ndef draw(n): return uuid.uuid4().hex"
    )
    assert notebook.value("draw(1) == draw(1) != draw(2)") == "True"
