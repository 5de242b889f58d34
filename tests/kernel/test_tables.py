"""Each row of the tables that map Prefect's and Windmill's features, shown in a real kernel.

Every test begins with the variables that it needs: they run in any order, in one kernel.
"""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from kernels import kernel
from nbformat import v4
from test_remote import serve

from nbcache.cli.main import main

PROJECT = '[tool.nbcache.stores]\nteam = "shared"\n'


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("tables")
    (folder / "pyproject.toml").write_text(PROJECT)
    with kernel(folder / "store", folder=folder, NBCACHE_RUN_ID="run-1") as made:
        made.folder = folder
        made.run("import os, random, uuid\nfrom nbcache import block, cache, transaction")
        yield made


@pytest.fixture(autouse=True)
def _start(notebook):
    notebook.run("base = 1\ndef helper(x): return x + 1")
    notebook.run("%nbcache config min_time=0s ttl=never")
    notebook.run("os.environ['NBCACHE_RUN_ID'] = 'run-1'")


def told(notebook, line):
    return json.loads(notebook.run(line).text)


def states(notebook, *cells):
    return [notebook.run(cell).state for cell in cells]


def test_cell_and_its_execution(notebook):
    """task, task run: a cell, a function's call, a block; a hit is a completed, cached state."""
    notebook.run("@cache\ndef draw(n): return [uuid.uuid4().hex] * n")
    assert notebook.value("draw(2) == draw(n=2) != draw(3)") == "True"
    notebook.run("draw(2).append('mine')")
    assert notebook.value("len(draw(2)), draw.cache_info()[:2]") == "(2, (3, 2))"
    assert states(notebook, "%%cache\nt = uuid.uuid4().hex", "%%cache\nt = uuid.uuid4().hex") == [
        "miss",
        "hit",
    ]
    last = notebook.value("get_ipython()._nbcache_extension.session.ledger.last")
    assert last.startswith("<Cached(type=COMPLETED)")
    step = "with block('part') as step:\n    if step.miss: step.save(v=uuid.uuid4().hex)"
    notebook.run(step)
    notebook.run(step)
    assert notebook.value("step.state, repr(step)").startswith("('hit', \"<Cached(type=COMPL")


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
    notebook.run("os.environ['NBCACHE_RUN_ID'] = 'run-2'")
    assert states(notebook, cell) == ["stale"]


def test_parameters(notebook):
    """FLOW_PARAMETERS: the notebook's parameters, as papermill injects them."""
    notebook.run("# Parameters\nregion = 'north'")
    cell = "%%cache policy=PARAMETERS+CELL_SOURCE\nq = 1"
    assert states(notebook, cell, cell) == ["miss", "hit"]
    notebook.run("# Parameters\nregion = 'south'")
    assert states(notebook, cell) == ["stale"]


def test_no_cache_and_the_algebra(notebook):
    """NO_CACHE, DEFAULT, sums and differences on the line; a slip names the right name."""
    assert states(notebook, "%%cache policy=NO_CACHE\nn = 1") == [""]
    notebook.run("debug = 1")
    cell = "%%cache policy=INPUTS + SOURCE - 'debug'\nm = base if debug else base"
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
    for expression in ("day", "by_day", "f'{day}!'", "lambda context: (context.name, day)"):
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


def test_storage_name_and_compression(notebook):
    """result_storage, result_storage_key, result_serializer: store=, name=, compression=."""
    cell = "%%cache store={} compression=zlib\ns = list(range(1000))"
    for store, folder in (("team", "shared"), ("./other", "other")):
        assert states(notebook, *[cell.format(store)] * 2) == ["miss", "hit"]
        assert notebook.run(cell.format(store)).event["store"].endswith(folder)
    wrong = notebook.run(cell.format("taem")).text
    assert "UsageError: `store=taem`: there is no store of that name. Did you mean `team`" in wrong
    notebook.run("@cache(store='taem')\ndef far(): return 1")
    assert "Did you mean `team`" in notebook.value("far()")
    assert states(notebook, "%%cache name=fixed\nf = 1", "%%cache name=fixed\nf = 2") == [
        "miss",
        "hit",
    ]
    assert notebook.value("f") == "1"
    notes = notebook.run("%%cache name=fixed\nf = 2").event["notes"]
    assert "no key is computed" in " ".join(notes)


def test_memory_isolation_and_wait(notebook):
    """cache_result_in_memory, READ_COMMITTED, SERIALIZABLE: memory, isolation=, wait=."""
    for options in ("memory", "isolation=read_committed", "isolation=serializable wait=10m"):
        cell = f"%%cache {options}\ni_{len(options)} = [base]"
        assert states(notebook, cell, cell) == ["miss", "hit"]
    notebook.run("@cache(memory=True)\ndef kept(n): return [n]\nkept(1).append('mine')")
    assert notebook.value("[kept(1).append('mine'), kept(1)][1]") == "[1]"


def test_lock_managers(notebook):
    """lock managers (memory, file, Redis), configured on a policy: one computes at a time."""
    made = ("MemoryLockManager()", "FileSystemLockManager('locks')")
    notebook.run("from nbcache.locking import *\nfrom nbcache.policies import INPUTS")
    for manager in made:
        notebook.run(
            "@cache(policy=INPUTS.configure(isolation_level='SERIALIZABLE',"
            f" lock_manager={manager}))\ndef locked(n): return uuid.uuid4().hex"
        )
        assert notebook.value("locked(1) == locked(1)") == "True"
    wrong = notebook.value(f"INPUTS.configure(None, 'READ_COMMITTED', {made[0]})")
    assert "has nothing to do under READ_COMMITTED" in wrong
    assert "RedisLockManager" in notebook.value("RedisLockManager('redis://localhost')")


def test_values_without_fingerprint_and_failures(notebook):
    """Unhashable input: it runs and says which; a failed cell is never stored."""
    notebook.run("import sqlite3; holder = [sqlite3.connect(':memory:')]")
    told = notebook.run("%%cache\nu = len(holder)")
    assert (told.state, "`holder[0]` (sqlite3.Connection)" in told.event["reasons"][0]) == (
        "bypass",
        True,
    )
    assert states(notebook, "%%cache\n1 / 0", "%%cache\n1 / 0") == ["error", "error"]


def test_transactions_and_groups(notebook):
    """transactions with hooks: results become visible together, or not at all."""
    notebook.run("@cache\ndef part(n): return n\nheard = []")
    for number, end in ((1, "pass"), (2, "1 / 0")):
        notebook.run(
            "with transaction() as both:\n"
            "    both.on_commit(lambda _: heard.append('stored'))\n"
            "    both.on_rollback(lambda _: heard.append('forgotten'))\n"
            f"    part({number})\n    {end}"
        )
    seen = notebook.value("heard, part.is_cached(1), part.is_cached(2)")
    assert seen == "(['stored', 'forgotten'], True, False)"
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
    assert notebook.run("meta = 1", metadata={"nbcache": True}).state == "hit"
    for off in ({"tags": ["no-cache"]}, {"nbcache": False}):
        assert notebook.run("%%cache\nmeta = 1", metadata=off).state == ""
    for wrong, text in (({"ttl": "soon"}, "not a duration"), ({"tll": 5}, "Did you mean `ttl`")):
        shown = notebook.run("meta = 2", metadata={"nbcache": wrong}).text
        assert "The cell's metadata `nbcache`: " in shown
        assert text in shown
    found = {one["name"]: one for one in told(notebook, "%nbcache config min_time=0.1ms --json")}
    assert found["min_time"] == {"name": "min_time", "value": "0.1ms", "from": "%nbcache config"}
    assert found["stores"]["from"].startswith("[tool.nbcache] in ")
    notebook.run("%config NBCache.version = '7'")
    assert "c.NBCache" in notebook.run("%nbcache config").text
    notebook.run("%config NBCache.version = 'a'")
    notebook.run("%config NBCache.version = None")
    assert "--NBCache.ttl=<Duration>" in notebook.run("%nbcache config --help-all").text


def test_pin_is_step_mocking(notebook):
    """step mocking: a pinned result is served whatever changes, and says so; unpin lets it go."""
    cell = "%%cache store=team\npinned = [base]"
    notebook.run(cell, cell_id="mock")
    assert "PINNED" in notebook.run("%nbcache pin").text
    notebook.run("base = 77")
    notebook.run("%%cache\nelsewhere = 1")
    served = notebook.run("%%cache store=team\npinned = [base, base]", cell_id="mock")
    assert served.state == "pinned"
    assert "PINNED" in served.event["reasons"][0]
    assert notebook.value("pinned") == "[1]"
    assert "unpinned" in told(notebook, "%nbcache unpin mock --json")[0]["told"]
    assert notebook.run(cell, cell_id="mock").state in ("miss", "stale")
    assert "served" in notebook.run("%nbcache stats").text


def test_what_a_policy_left_out_is_no_result_for_others(notebook):
    """keep=, drop=: a run stored without a name serves no cell that wants the name."""
    cells = [f"%%cache {option}\nwant = 1; leave = 2" for option in ("drop=leave", "", "keep=want")]
    assert states(notebook, *cells) == ["miss", "stale", "hit"]
    notebook.run("del want, leave")
    assert states(notebook, cells[1]) == ["hit"]
    assert notebook.value("want, leave") == "(1, 2)"


def test_statement_and_function_behind_widgets(notebook):
    """app inline script: ``%cache x = expr``, with options before it, or a cached function."""
    notebook.run("%cache w = uuid.uuid4().hex\nfirst = w")
    notebook.run("%cache w = uuid.uuid4().hex")
    assert notebook.value("w == first") == "True"
    for options in ("ttl=1h quiet", "--ttl 1h", "--ttl 1h --"):
        notebook.run(f"%cache {options} w = '{{base}} $base', uuid.uuid4().hex[:0]")
        assert notebook.value("w") == "('{base} $base', '')"
    assert "Did you mean `ttl`" in notebook.run("%cache tll=1h w = 3").text
    assert "put `%%cache` on its cell" in notebook.run("%cache w = await nothing()").text
    assert notebook.run("%cache w = 3; w + 1").text == "4"
    notebook.run("@cache(ttl='1h')\ndef draw(n): return uuid.uuid4().hex")
    assert notebook.value("draw(1) == draw(1) != draw(2)") == "True"


def test_every_word_of_the_magic(notebook):
    """Each word takes --json and --help; a slip names the nearest; Tab knows them and the cells."""
    notebook.run("%%cache\nknown = [base]", cell_id="here")
    assert told(notebook, "%nbcache --json")[-1]["state"]
    assert told(notebook, "%nbcache why known --json")["cell_id"] == "here"
    assert told(notebook, "%nbcache stats --json")["cells"] >= 1
    assert told(notebook, "%nbcache graph --json")
    assert told(notebook, "%nbcache doctor --json")["findings"]
    assert told(notebook, "%nbcache auto off --json")["auto"] is False
    assert told(notebook, "%nbcache refresh here --json")["cells"][0]["cell_id"] == "here"
    assert notebook.run("%%cache\nknown = [base]", cell_id="here").state == "refreshed"
    assert told(notebook, "%nbcache clear here --json") == {"forgotten": 1}
    assert told(notebook, "%nbcache commit --json") == {"results": 0, "visible": True}
    assert "Did you mean `%nbcache refresh`" in notebook.run("%nbcache refersh").text
    assert "clear [CELL|older=7d|all]\n" in notebook.run("%nbcache clear --help").text
    assert "  isolation " in str(notebook.run("%%cache?").content["payload"])
    wanted = {"%nbcache unp": "unpin", "%nbcache why kn": "known", "%%cache wa": "wait="}
    for text, word in wanted.items():
        assert word in completions(notebook, text)


def completions(notebook, text):
    request = notebook.client.complete(text, len(text))
    while True:
        reply = notebook.client.get_shell_msg(timeout=60)
        if reply["parent_header"].get("msg_id") == request:
            return reply["content"]["matches"]


def test_remote_files_by_etag_and_paths_that_do_not_count(notebook):
    """S3 objects by ETag, "ignore S3 object paths": remote files by ETag, ``ignore_path``."""
    with serve() as site:
        cell = (
            "%%cache file_check=etag\nimport urllib.request\n"
            f"fetched = urllib.request.urlopen('{site.address}/data.csv').read()"
        )
        assert states(notebook, cell, cell) == ["miss", "hit"]
        site.tag, site.body = '"two"', b"new"
        assert states(notebook, cell) == ["stale"]
        assert notebook.value("fetched") == "b'new'"
    for name in ("one.txt", "two.txt"):
        (notebook.folder / name).write_text("same")
    cell = "%%cache ignore_path\ntext = open(path).read()"
    notebook.run("path = 'one.txt'")
    assert states(notebook, cell) == ["miss"]
    notebook.run("path = 'two.txt'")
    assert states(notebook, cell) == ["hit"]


def test_refresh_of_everything_and_what_resists(tmp_path):
    """refresh_cache None and False under the tasks-refresh setting: NBCACHE_REFRESH=true."""
    with kernel(tmp_path / "store", folder=tmp_path, NBCACHE_REFRESH="true") as made:
        made.run("from nbcache import cache\nimport uuid")
        cells = [f"%%cache{line}\nr = 1" for line in ("", " refresh=false", " refresh=none")]
        assert states(made, cells[0], *cells) == ["miss", "refreshed", "hit", "refreshed"]
        made.run("@cache\ndef f(): return uuid.uuid4().hex\nold = f()")
        assert made.value("old == f.with_options(refresh=False)() != f()") == "True"


def test_the_janitor(notebook, monkeypatch, capsys):
    """expiry monitor, worker LRU: what expired is removed, memory is bounded by bytes."""
    cells = "%%cache ttl=0\ngone = 'soon'", "%%cache\ngone = 'never'"
    assert states(notebook, *cells) == ["miss", "miss"]
    monkeypatch.setenv("NBCACHE_DIR", str(notebook.folder / "store"))
    monkeypatch.setenv("NBCACHE_KEY_DIR", str(notebook.folder / "keys"))
    monkeypatch.delenv("NBCACHE_STORE", raising=False)

    def stored():
        assert main(["ls", "--json"]) == 0
        return {entry["title"] for entry in json.loads(capsys.readouterr().out)}

    assert {"gone = 'soon'", "gone = 'never'"} <= stored()
    assert main(["prune", "--expired", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"]
    left = stored()
    assert ("gone = 'soon'" in left, "gone = 'never'" in left) == (False, True)
    notebook.run("from nbcache.store.memory import SHARED")
    assert notebook.value("0 <= SHARED.size_bytes <= SHARED.limit_bytes") == "True"


def test_headless_runs_and_flows(tmp_path, monkeypatch, capsys):
    """cache a script's result for N seconds; flow with inputs, each step with its own setting."""
    for name in ("NBCACHE_RUN_ID", "NBCACHE_REFRESH", "NBCACHE_DISABLE", "PYTEST_CURRENT_TEST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NBCACHE_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("NBCACHE_KEY_DIR", str(tmp_path / "keys"))
    monkeypatch.chdir(tmp_path)
    tagged = {"metadata": {"tags": ["parameters"]}}
    make, step = v4.new_code_cell, {"nbcache": {"ttl": "1d"}}
    first = [make("x = 0", **tagged), make("made = x * 2", metadata={"tags": ["outputs"]})]
    second = [make("made = 0", **tagged), make("print('got', made)", metadata=step)]
    for name, cells in (("first.ipynb", first), ("second.ipynb", second)):
        nbformat.write(v4.new_notebook(cells=cells), name)

    def run(*words):
        assert main(["run", "first.ipynb", "second.ipynb", "-o", "out", *words, "--json"]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return [line["state"] for line in lines if line["type"] == "cell"]

    assert set(run("-p", "x=1", "--ttl", "600")) == {"miss"}
    with monkeypatch.context() as without_kernels:
        without_kernels.setattr("jupyter_client.manager.KernelManager.start_kernel", None)
        assert set(run("-p", "x=1", "--ttl", "600")) == {"hit"}
    assert "got 2" in Path("out/second.ipynb").read_text()
