"""The main job in real kernels: a cell's run is stored, and replayed after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernels import Kernel, Reply, kernel

SLOW = "%%cache ttl=60\nimport time\ntime.sleep(0.3)\nprint('ran')\nx = [1, 2]\nx"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of the test's own."""
    return tmp_path / "store"


def twice(store: Path, *cells: str, **env: str) -> tuple[list[Reply], list[Reply]]:
    """Run cells in one kernel, then in a second one with another hash seed."""
    replies = []
    for seed in ("1", "2"):
        with kernel(store, PYTHONHASHSEED=seed, **env) as made:
            replies.append([made.run(cell) for cell in cells])
    return replies[0], replies[1]


def test_a_cell_comes_back_after_a_restart(store: Path) -> None:
    """The second kernel serves the cell with the same messages and the same values."""
    cold, warm = twice(store, SLOW, "x.append(3); (x, Out[1] is x, _ is x)")
    assert (cold[0].state, warm[0].state) == ("miss", "hit")
    assert warm[0].own == cold[0].own
    assert warm[1].text == cold[1].text == "([1, 2, 3], True, True)"
    assert warm[0].event["saved"] > 0.2


def test_outputs_keep_their_order_and_kind(store: Path) -> None:
    """Streams, displays with ids, updates, clear_output and the result come in the same order."""
    cell = (
        "%%cache\nimport sys\nfrom IPython.display import display, clear_output\n"
        "print('a'); print('b', file=sys.stderr); h = display('one', display_id='k')\n"
        "h.update('two'); clear_output(wait=True); print('c'); sys.stdout.flush(); 7"
    )
    cold, warm = twice(store, cell)
    assert warm[0].state == "hit"
    kinds = [kind for kind, _ in warm[0].own]
    assert kinds == [kind for kind, _ in cold[0].own]
    assert kinds[-3:] == ["clear_output", "stream", "execute_result"]
    shown = next(content for kind, content in warm[0].own if kind == "display_data")
    assert shown["transient"]["display_id"] == "k"


def test_output_of_a_miss_is_live(store: Path) -> None:
    """Text printed by a running cell arrives before the cell ends."""
    end = store.parent / "end"
    waits = f"while subprocess.call(['test', '-e', {str(end)!r}]): time.sleep(0.02)"
    with kernel(store) as made:
        code = f"%%cache files=off\nimport subprocess, time\nprint('now', flush=True)\n{waits}"
        request = made.client.execute(code)
        while True:
            message = made.client.get_iopub_msg(timeout=120)
            if message["msg_type"] == "stream":
                break
        assert message["content"]["text"] == "now\n"
        end.touch()
        ended = made.collect(request)
        assert ended.state == "miss", ended.event


def test_tracebacks_hold_no_frame_of_ours(store: Path) -> None:
    """A cell that raises shows the traceback of a bare kernel, and stores nothing."""
    with kernel(store) as made:
        cached = made.run("%%cache\ndef f():\n    1 / 0\nf()")
        assert cached.content["ename"] == "ZeroDivisionError"
        assert "nbcache/" not in "".join(cached.content["traceback"])
        assert made.run("%%cache\ndef f():\n    1 / 0\nf()").state == "error"


@pytest.mark.parametrize(
    "cell",
    [
        "%%cache\nimport asyncio\nawait asyncio.sleep(0)\ny = 5\ny",
        "%%cache\n%%time\ny = 5\ny",
        "%%cache\ny = !echo 5\ny[0]",
        "%%cache\n%timeit -n1 -r1 5\ny = 5",
        "# nbcache: ttl=1h\ny = 5; print(y)",
        "#| nbcache: ttl=1h\ny = 5\ny",
    ],
)
def test_every_spelling_of_a_cell_is_cached(store: Path, cell: str) -> None:
    """Top-level await, magics, shell lines and comments go through the cache."""
    cold, warm = twice(store, cell)
    assert (cold[0].state, warm[0].state) == ("miss", "hit")
    assert warm[0].own == cold[0].own


def test_comments_do_not_count_and_code_does(store: Path) -> None:
    """A comment, a blank line or other quotes still hit; another value runs, and why says so."""
    with kernel(store) as made:
        made.run("%%cache\ny = 'a'  # first", cell_id="one")
        assert made.run('%%cache\n# other\n\ny = "a"', cell_id="one").state == "hit"
        edited = made.run("%%cache\ny = 'b'", cell_id="one")
        assert edited.state == "stale"
        assert "code changed" in made.run("%nbcache why").text


def test_only_dependents_of_an_edit_run(store: Path) -> None:
    """An edited cell runs, and those that read what it made; the others hit."""
    before = ["%%cache\na = 1", "%%cache\nb = a + 1", "%%cache\nc = 10", "%%cache\nd = c + 1"]
    after = ["%%cache\na = 2", *before[1:]]
    with kernel(store) as made:
        for cell in before:
            made.run(cell)
    with kernel(store) as made:
        assert [made.run(cell).state for cell in after] == ["miss", "miss", "hit", "hit"]
        assert made.value("b, d") == "(3, 11)"


def test_ttl_follows_the_clock(store: Path) -> None:
    """A hit before the ttl is over, a run after it; the clock is injected."""
    with kernel(store) as made:
        made.run("%%cache ttl=10m\nz = 1")
        made.run("_s = get_ipython()._nbcache_extension.session; import time; _t = time.time()")
        made.run("_s.clock = lambda: _t + 590")
        assert made.run("%%cache ttl=10m\nz = 1").state == "hit"
        assert made.run("%%cache ttl=1m\nz = 1").state == "expired"
        made.run("_s.clock = lambda: _t + 590 + 601")
        assert made.run("%%cache ttl=10m\nz = 1").state == "expired"


@pytest.mark.parametrize("line", ["ttl=soon", "ttl=-1", "bogus=1", "ttl", "refrehs=true"])
def test_a_wrong_option_stops_the_cell(store: Path, line: str) -> None:
    """A wrong option is a UsageError that names the way out, and the cell does not run."""
    with kernel(store) as made:
        reply = made.run(f"%%cache {line}\nran = 1")
        assert reply.content["status"] == "error"
        assert "UsageError" in reply.text
        assert made.value("'ran' in globals()") == "False"


def test_refresh_clear_and_off(store: Path) -> None:
    """refresh runs and overwrites, clear forgets, off leaves the cell alone."""
    with kernel(store) as made:
        cell = "q = 1"
        assert made.run(f"%%cache\n{cell}", cell_id="c").state == "miss"
        assert made.run(f"%%cache refresh=true\n{cell}", cell_id="c").state == "refreshed"
        assert made.run(f"%%cache\n{cell}", cell_id="c").state == "hit"
        made.run("%nbcache refresh all")
        assert made.run(f"%%cache\n{cell}", cell_id="c").state == "refreshed"
        made.run("%nbcache clear all")
        assert made.run(f"%%cache\n{cell}", cell_id="c").state == "miss"
        assert made.run(f"%%cache off\n{cell}").state == ""


def test_keep_and_drop_choose_names(store: Path) -> None:
    """Only the names that are kept are bound by a hit."""
    cells = ["%%cache drop=tmp\ntmp = open('/dev/null')\nv = 1", "%%cache keep=k\nk = 1; m = 2"]
    _cold, warm = twice(store, *cells, "'tmp' in dir(), v, 'm' in dir(), k")
    assert [reply.state for reply in warm[:2]] == ["hit", "hit"]
    assert warm[2].text == "(False, 1, False, 1)"


def test_ignore_and_version(store: Path) -> None:
    """An ignored input is left out of the key; another version is another key."""
    with kernel(store) as made:
        made.run("debug = 1")
        assert made.run("%%cache ignore=debug\nr = 5 if debug else 5").state == "miss"
        made.run("debug = 2")
        assert made.run("%%cache ignore=debug\nr = 5 if debug else 5").state == "hit"
        changed = made.run("%%cache ignore=debug version=2\nr = 5 if debug else 5")
        assert changed.state in ("miss", "stale")


def test_auto_caches_every_cell(store: Path) -> None:
    """Automatic mode caches without being asked, from the given time on."""
    with kernel(store) as made:
        made.run("%nbcache auto on min_time=0.2s")
        assert made.run("import time; time.sleep(0.3); a = 1").state == "miss"
        assert made.run("import time; time.sleep(0.3); a = 1").state == "hit"
        assert made.run("b = 1").state == "bypass"
        made.run("%nbcache auto off")
        assert made.run("import time; time.sleep(0.3); a = 1").state == ""


def test_auto_leaves_alone_what_does_not_pay(store: Path) -> None:
    """A cell that was too quick twice is not watched again until it takes long or is edited."""
    with kernel(store) as made:
        made.run("%nbcache auto on min_time=0.2s\nlong = []")
        cell = "import time; time.sleep(0.5 * len(long)); b = 1"
        for _ in range(2):
            assert "less than min_time" in made.run(cell, cell_id="c").event["reasons"][0]
        found = made.run(cell, cell_id="c")
        assert (found.state, found.event["reasons"][0][:11]) == ("bypass", "not watched")
        made.run("long.append(1)")
        states = [made.run(cell, cell_id="c").state for _ in range(3)]
        assert states == ["bypass", "miss", "hit"]
        made.run("long.clear()")
        states = [made.run(cell, cell_id="d").event["reasons"][0][:11] for _ in range(3)]
        assert states[2] == "not watched" != states[1]
        edited = made.run(f"{cell}; c = 2", cell_id="d")
        assert "less than min_time" in edited.event["reasons"][0]


def test_cache_statement(store: Path) -> None:
    """``%cache x = f()`` runs once; the second time its value comes from the store."""
    cells = ["n = []\ndef f(k):\n    n.append(k)\n    return k * 2", "%cache x = f(4)", "x, n"]
    cold, warm = twice(store, *cells)
    assert cold[2].text == warm[2].text == "(8, [4])"
    with kernel(store) as made:
        made.run(cells[0])
        assert made.run("v = %cache f(5)\nv").text == "10"


def test_unload_undoes_everything(store: Path) -> None:
    """After unloading, the shell is as it was; loading twice is harmless."""
    with kernel(store, load=False) as made:
        look = (
            "ip = get_ipython(); k = ip.kernel; sorted(vars(k)) + sorted(vars(ip)) + "
            "[len(ip.input_transformers_cleanup), len(ip.events.callbacks['post_run_cell']),"
            " 'cache' in ip.magics_manager.magics['cell'], 'send' in vars(k.session)]"
        )
        made.run("ip = k = None")
        before = made.run(look).text
        made.run("%load_ext nbcache")
        made.run("%reload_ext nbcache")
        assert made.run("%%cache\nw = 1").state == "miss"
        made.run("%unload_ext nbcache")
        assert made.run(look).text == before


def test_loading_imports_nothing_heavy(store: Path) -> None:
    """Loading the extension imports no joblib, ipywidgets, nbformat or numpy."""
    with kernel(store) as made:
        heavy = "[m for m in ('joblib', 'ipywidgets', 'nbformat', 'numpy') if m in sys.modules]"
        assert made.value(f"(lambda sys: {heavy})(__import__('sys'))") == "[]"


def test_silent_requests_are_left_alone(store: Path) -> None:
    """A silent request, or one that keeps no history, is neither served nor stored."""
    with kernel(store) as made:
        assert made.run("%%cache\ns = 1", silent=True).state == ""
        assert made.run("%%cache\ns = 1", store_history=False).state == ""
        assert made.run("%%cache\ns = 1").state == "miss"


def test_hooks_run_on_miss_and_hit(store: Path) -> None:
    """Pre- and post-run hooks of the user run as for any cell."""
    with kernel(store) as made:
        made.run(
            "seen = []\nip = get_ipython()\n"
            "ip.events.register('pre_run_cell', lambda i: seen.append('pre'))\n"
            "ip.events.register('post_run_cell', lambda r: seen.append('post'))"
        )
        made.run("seen.clear()")
        made.run("%%cache\nh = 1")
        made.run("%%cache\nh = 1")
        assert made.value("seen.count('pre'), seen.count('post')") in ("(2, 3)",)


def test_a_function_restored_reads_like_its_cell(store: Path) -> None:
    """A restored function lives in the namespace and shows today's source lines."""
    cell = "%%cache\n# a comment more\ndef f(x):\n    return x + base\nbase = 1"
    with kernel(store) as made:
        made.run("%%cache\ndef f(x):\n    return x + base\nbase = 1")
    with kernel(store) as made:
        assert made.run(cell).state == "hit"
        assert made.run("base = 10; f(1), f.__globals__ is globals()").text == "(11, True)"
        source = made.run("import inspect; print(inspect.getsource(f))").text
        assert source == "def f(x):\n    return x + base\n\n"


def values_after(made: Kernel, cells: list[str], expression: str) -> str:
    """Run cells and return an expression's value."""
    for cell in cells:
        made.run(cell)
    return made.value(expression)


def test_random_streams_continue(store: Path) -> None:
    """After a hit, seeded streams go on as after the run; another seed runs the cell again."""
    cells = ["import random; random.seed(5)", "%%cache\na = random.random()"]
    with kernel(store) as made:
        expected = values_after(made, cells, "(a, random.random())")
    with kernel(store) as made:
        assert values_after(made, cells, "(a, random.random())") == expected
        made.run("random.seed(6)")
        assert made.run(cells[1]).state in ("stale", "miss")


def test_a_read_file_is_a_dependency(store: Path, tmp_path: Path) -> None:
    """A cell that read a file runs again when the file has other contents."""
    data = tmp_path / "data.txt"
    data.write_text("1")
    cell = f"%%cache\nt = open({str(data)!r}).read()"
    with kernel(store) as made:
        assert made.run(cell).state == "miss"
        assert made.run(cell).state == "hit"
        data.write_text("22")
        assert made.run(cell).state == "stale"
        assert made.value("t") == "'22'"


def test_refusals_say_why(store: Path) -> None:
    """What can't be stored or read is refused with path, type and way out; the cell runs."""
    with kernel(store) as made:
        reply = made.run("%%cache\nd = {'k': [open('/dev/null')]}\nok = 1")
        assert reply.state == "bypass"
        assert "d['k'][0]" in reply.event["reasons"][0]
        assert made.value("ok") == "1"
        reply = made.run("%%cache\nlen(d)")
        assert reply.state == "bypass"
        assert "d['k'][0]" in reply.event["reasons"][0]


def test_an_interrupt_stores_nothing(store: Path) -> None:
    """A cell that is interrupted stores nothing, and the next cell works."""
    import time

    with kernel(store) as made:
        request = made.client.execute("%%cache\nimport time\ntime.sleep(30)")
        time.sleep(1.5)
        made.client.control_channel.send(made.client.session.msg("interrupt_request", {}))
        reply = made.collect(request)
        assert reply.content["status"] in ("error", "aborted")
        assert made.run("%%cache\nafter = 1").state == "miss"


def test_a_broken_store_never_breaks_the_cell(store: Path) -> None:
    """With a store that can't be used the cell runs, and one line says what happened."""
    store.mkdir(parents=True)
    store.chmod(0o777)
    with kernel(store) as made:
        reply = made.run("%%cache\nv = 4\nv")
        assert reply.content["status"] == "ok"
        assert made.value("v") == "4"
        assert reply.state == "bypass"
        assert "chmod" in " ".join(reply.event["reasons"])


def test_rerunning_in_the_same_kernel_hits(store: Path) -> None:
    """A cell that rebinds its own names, loops or seeds hits when it is run again."""
    with kernel(store) as made:
        for cell in (
            "%%cache\nrows = [3, 1]\nrows.append(2)",
            "%%cache\ntotal = 0\nfor i in rows:\n    total += i",
            "%%cache\ndef g(n):\n    return h(n)\ndef h(n):\n    return n + 1\nout = g(total)",
        ):
            assert made.run(cell).state == "miss"
            assert made.run(cell).state == "hit", cell
        assert made.value("rows, total, out") == "([3, 1, 2], 6, 7)"


def test_annotations_are_merged(store: Path) -> None:
    """A hit adds the cell's module-level annotations to those of earlier cells."""
    cells = ["a: int = 1", "%%cache\nb: str = 'x'", "__annotations__"]
    cold, warm = twice(store, *cells)
    assert warm[1].state == "hit"
    assert warm[2].text == cold[2].text


def test_refresh_once_runs_once(store: Path) -> None:
    """``refresh=once`` runs the cell the first time in a kernel and serves it after that."""
    with kernel(store) as made:
        made.run("%%cache\nr = 1", cell_id="r")
        cell = "%%cache refresh=once\nr = 1"
        states = [made.run(cell, cell_id="r").state for _ in range(2)]
        assert states == ["refreshed", "hit"]


def test_modules_that_see_everything_are_noticed(store: Path) -> None:
    """A cell that looks at frames through a renamed module depends on every variable."""
    with kernel(store) as made:
        made.run("import inspect as i\nsecret = 1")
        cell = "%%cache\nfound = i.currentframe().f_globals['sec' + 'ret']"
        assert made.run(cell).state == "miss"
        made.run("secret = 2")
        assert made.run(cell).state != "hit"
        assert made.value("found") == "2"


def test_cells_run_by_a_cell_belong_to_it(store: Path) -> None:
    """``%%capture`` and ``run_cell`` inside a cached cell are part of that cell's recording."""
    cells = [
        "%%cache\n%%capture out\nprint('kept')\nw = 5",
        "%%cache\nget_ipython().run_cell('v = 7'); u = v + 1",
        "out.stdout, w, v, u",
    ]
    cold, warm = twice(store, *cells)
    assert [reply.state for reply in warm[:2]] == ["hit", "hit"]
    assert warm[2].text == cold[2].text == "('kept\\n', 5, 7, 8)"


def test_require_and_read_only(store: Path) -> None:
    """``require`` raises instead of running, ``read_only`` never writes."""
    with kernel(store) as made:
        reply = made.run("%%cache require\nq = 1")
        assert reply.content["ename"] == "CacheError"
        assert made.value("'q' in globals()") == "False"
        made.run("%%cache read_only\nq = 1")
        assert made.run("%%cache\nq = 1").state == "miss"
        assert made.run("%%cache require\nq = 1").state == "hit"


@pytest.mark.parametrize(
    ("before", "cell", "reason"),
    [
        ("import sqlite3", "sqlite3.enable_callback_tracebacks(True)", "effect on a library"),
        ("import sqlite3", "sqlite3.paramstyle = 'x'", "belongs to a library"),
        ("import fractions", "fractions.Fraction.twice = 2", "belongs to a library"),
        ("ip = get_ipython()", "ip.register_magic_function(print, 'line', 'pp')", "magics"),
        ("ip = get_ipython()", "ip.events.register('post_execute', print)", "event callbacks"),
        (
            "ip = get_ipython()",
            "f = ip.display_formatter.formatters['text/html']\n_ = f.for_type(set, str)",
            "display formatters",
        ),
        ("", "ans = __import__('builtins').input", ""),
    ],
)
def test_changes_that_nobody_records_are_refused(
    store: Path, before: str, cell: str, reason: str
) -> None:
    """A change of a library or of IPython itself is refused, and the status names it."""
    with kernel(store) as made:
        made.run(before or "pass")
        reply = made.run(f"%%cache\n{cell}")
        assert reply.content["status"] == "ok"
        if reason:
            assert reply.state == "bypass"
            assert reason in reply.event["reasons"][0]


def test_options_of_showing_results_count(store: Path) -> None:
    """Another float precision, or a future import, gives another key; both are replayed."""
    with kernel(store) as made:
        assert made.run("%%cache\n1 / 3").state == "miss"
        made.run("%precision 3")
        assert made.run("%%cache\n1 / 3").state != "hit"
    cells = [
        "%%cache\nfrom __future__ import annotations\nz = 1",
        "%%cache\ndef f(x: Unknown): pass\nq = 1",
    ]
    _cold, warm = twice(store, *cells)
    assert [reply.state for reply in warm] == ["hit", "hit"]


def test_a_plot_after_a_replayed_plot_is_shown(store: Path) -> None:
    """A hit that brings pyplot back leaves it working for the cells that run after it."""
    cells = [
        "%%cache\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);",
        "plt.plot([2, 1]);",
        "%%cache\nfig, ax = plt.subplots()\nax.plot([1, 3]);",
        "len(fig.axes), ax is fig.axes[0], plt.get_fignums()",
    ]
    cold, warm = twice(store, *cells)
    assert [reply.state for reply in warm] == ["hit", "", "hit", ""]
    for one, other in zip(cold, warm, strict=True):
        assert [kind for kind, _ in one.own] == [kind for kind, _ in other.own]
        assert one.text == other.text


def test_imported_objects_and_parts_of_the_shell_are_the_live_ones(store: Path) -> None:
    """What a cell imports by name, or takes from the shell, is the live object after a hit."""
    cells = [
        "%%cache\nfrom calendar import day_name\nfrom string import ascii_letters\n"
        "from mimetypes import types_map as table",
        "import calendar, mimetypes\nday_name is calendar.day_name, table is mimetypes.types_map",
        "%%cache\nip = get_ipython()\nlatex = ip.display_formatter.formatters['text/latex']",
        "latex is get_ipython().display_formatter.formatters['text/latex'], ip is get_ipython()",
        "%%cache\nfrom mimetypes import encodings_map as e\ne['.q'] = 'q'",
    ]
    cold, warm = twice(store, *cells)
    assert [reply.state for reply in warm] == ["hit", "", "hit", "", "bypass"]
    assert cold[1].text == warm[1].text == "(True, True)"
    assert cold[3].text == warm[3].text == "(True, True)"


def test_results_that_show_themselves_are_kept(store: Path) -> None:
    """A result whose display hook sends the output itself is in ``Out`` after a hit."""
    cells = [
        "%%cache\nclass Own:\n    def _ipython_display_(self):\n        print('me')\nOwn()",
        "type(_) is Own, type(Out[1]) is Own",
        "%%cache\nget_ipython().user_ns_hidden['Own'] = Own",
    ]
    cold, warm = twice(store, *cells)
    assert [reply.state for reply in warm] == ["hit", "", "bypass"]
    assert [reply.text for reply in cold] == [reply.text for reply in warm]
    assert warm[1].text == "(True, True)"


def test_what_rests_on_a_map_is_stored_again(store: Path) -> None:
    """Tables and arrays that a hit brought back as maps can be changed, viewed and stored."""
    made = "%%cache\nimport numpy as np, pandas as pd\n"
    made += "x = np.arange(2e5); df = pd.DataFrame({k: x + ord(k) for k in 'abc'}); held = []"
    changes = (
        "%%cache\ndf['d'] = df['a'] * 2; x[3] = 5; held += [x[2:], df['b'], df.iloc[:9], df.values]"
    )
    told = (
        "(x.base is None, df.d[9], df.shape, held[0][1], held[1][1], held[3].shape, len(held[2]))"
    )
    with kernel(store) as first:
        first.run(made)
    with kernel(store) as second:
        assert second.run(made).state == "hit"
        assert second.run(changes).state == "miss"
        expected = second.run(told).text
    with kernel(store) as third:
        assert [third.run(cell).state for cell in (made, changes)] == ["hit", "hit"]
        assert third.run(told).text == expected
        assert third.value("np.shares_memory(held[0], x)") == "True"
