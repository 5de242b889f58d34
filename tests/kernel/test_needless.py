"""Cells that once ran again without need: star imports, names in texts, options not read."""

from __future__ import annotations

from pathlib import Path

from kernels import kernel

STAR = "%%cache\nfrom math import *\nroot = sqrt(16)"
GUARDED = "%%cache\nif flag:\n    from math import *\nz = 1"


def test_star_imports_depend_on_no_other_variable(tmp_path: Path) -> None:
    """A star import hits beside changing variables, binds its names, and minds those it shadows."""
    with kernel(tmp_path / "store") as made:
        made.run("other = 1")
        assert made.run(STAR).state == "miss"
        made.run("other = 2")
        assert made.run(STAR).state == "hit"
    with kernel(tmp_path / "store") as made:
        made.run("other = 3\npi = 'mine'")
        assert made.run(STAR).state == "hit"
        assert made.value("(root, pi == 3.141592653589793, 'sin' in dir())") == "(4.0, True, True)"
        made.run("sqrt = lambda x: 'mine'\nflag = True")
        assert made.run(STAR).state != "hit"
        assert made.value("root") == "4.0"
        made.run("import math; pi = math.pi")
        made.run(GUARDED)
        made.run("pi = 3")
        assert made.run(GUARDED).state != "hit"
        assert made.value("pi == 3.141592653589793") == "True"


def test_paths_and_prose_are_no_names(tmp_path: Path) -> None:
    """A variable called like a word of a path or of prose is no input; one in SQL is."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "prices.csv").write_text("1")
    with kernel(tmp_path / "store", folder=tmp_path) as made:
        cell = "%%cache\nprices = open('data/prices.csv').read()\nprint('All the prices loaded')"
        assert [made.run(cell).state for _ in range(2)] == ["miss", "hit"]
        query = "%%cache\nsql = 'select * from orders'"
        made.run("orders = 1")
        assert made.run(query).state == "miss"
        made.run("orders = 2")
        assert made.run(query).state == "stale"


LABELS = """
%%cache
counts = df.groupby("kind")["n"].agg("mean").rename("total")
print("total", len(df.sort_values(["kind", "n"])))
with open("f.txt", "w") as f: pass
"""
UNREAD = [
    "pd.set_option('display.max_rows', 7)",
    "plt.rcParams['figure.figsize'] = (3, 3)",
    "matplotlib.colors.get_named_colors_mapping()['b'] = 'r'",
    "%config InlineBackend.figure_formats = ['svg']",
    "%precision 3",
    "import warnings; warnings.filterwarnings('ignore', module='nobody')",
    "kind = 'x'; n = 1; mean = 2; total = 3; w = 4",
]


def test_options_that_no_run_reads_and_labels_do_not_count(tmp_path: Path) -> None:
    """Options of libraries and of showing results count where they are read, labels never."""
    with kernel(tmp_path / "store", folder=tmp_path) as made:
        made.run("import matplotlib, matplotlib.pyplot as plt, pandas as pd")
        made.run("df = pd.DataFrame({'kind': ['a', 'b'], 'n': [1, 2]})")
        shown = "%%cache\ndf"
        assert [made.run(cell).state for cell in (LABELS, shown)] == ["miss", "miss"]
        for line in UNREAD:
            assert made.run(line).content["status"] == "ok"
            assert (line, made.run(LABELS).state) == (line, "hit")
        reply = made.run(shown)
        assert reply.state == "stale"
        assert reply.event["reasons"] == ["pandas option display.max_rows changed (60 → 7)"]


def test_a_distribution_does_not_count_by_the_stream_that_it_draws_from(tmp_path: Path) -> None:
    """A frozen distribution of scipy is the same input wherever numpy's global stream stands."""
    cell = "%%cache\nprint(v.cdf(1))"
    states = []
    for seed in (1, 2):
        with kernel(tmp_path / "store") as made:
            made.run(
                f"import numpy as np, scipy.stats as st\nv = st.norm(1, 2)\nnp.random.seed({seed})"
            )
            states.append(made.run(cell).state)
    assert states == ["miss", "hit"]


def test_contexts_count_where_decimals_may_be(tmp_path: Path) -> None:
    """Plain numbers never ask for decimal's context, whatever line asks for caching."""
    with kernel(tmp_path / "store", folder=tmp_path) as made:
        made.run("import decimal\nrates = {'lr': 0.1}; one = decimal.Decimal(1)")
        plain, exact = "%%cache\nprint(rates['lr'])", "%%cache\nprint(one / 7)"
        assert [made.run(cell).state for cell in (plain, exact)] == ["miss", "miss"]
        made.run("decimal.getcontext().prec = 9")
        assert [made.run(cell).state for cell in (plain, exact)] == ["hit", "stale"]


def test_calls_for_their_results_set_nothing(tmp_path: Path) -> None:
    """What a cell shows of a library was asked for; what it sets there counts all the same."""
    asked = (
        "import re\nre.findall('a', 'aa')", "import datetime as dt\ndt.datetime.now()",
        "import platform\nplatform.python_version()", "import struct\nstruct.pack('h', 1)",
        "import statistics\nstatistics.mean([1, 2])", "sklearn.get_config()", "Ridge()",
    )  # fmt: skip
    with kernel(tmp_path / "store", folder=tmp_path) as made:
        made.run("import calendar, sklearn\nfrom sklearn.linear_model import Ridge")
        cell = "%%cache\nprint(calendar.month(2020, 1), sklearn.get_config()['display'], Ridge())"
        assert [made.run(cell).state for _ in range(2)] == ["miss", "hit"]
        for one in asked:
            assert made.run(one).text
            assert (made.run(cell).state, one) == ("hit", one)
        for one in ("calendar.setfirstweekday(6)", "sklearn.set_config(display='text')"):
            made.run(one)
            assert (made.run(cell).state, one) == ("stale", one)


COPIES = """
import pathlib, shutil, tarfile, zipfile
pathlib.Path("a.txt").write_text("x"); pathlib.Path("d").mkdir(exist_ok=True)
with zipfile.ZipFile("a.zip", "w") as z: z.write("a.txt"); z.write("a.txt", "s/a.txt")
with tarfile.open("a.tar", "w") as t: t.add("a.txt")
"""
COPYING = [
    "print(shutil.copy2('a.txt', 'b.txt'), open('b.txt').read())",
    "print(shutil.copy('a.txt', 'd'), open('d/a.txt').read())",
    "with zipfile.ZipFile('a.zip') as z: z.extractall('out')\nprint(open('out/s/a.txt').read())",
    "shutil.unpack_archive('a.tar', 'two')\nprint(open('two/a.txt').read())",
]


def test_copies_do_not_depend_on_what_they_write_over(tmp_path: Path) -> None:
    """What is copied or unpacked counts, and that it still lies there as it was written."""
    with kernel(tmp_path / "store", folder=tmp_path) as made:
        made.run(COPIES)
        for cell in COPYING:
            replies = [made.run(f"%%cache\n{cell}") for _ in range(2)]
            assert [reply.state for reply in replies] == ["miss", "hit"], cell
            assert replies[0].own == replies[1].own
        made.run("pathlib.Path('a.txt').write_text('y')\nshutil.rmtree('out')")
        assert "y" in made.run(f"%%cache\n{COPYING[0]}").text
        assert made.run(f"%%cache\n{COPYING[1]}").state == "stale"
        assert made.run(f"%%cache\n{COPYING[2]}").state == "stale"
        asking = "import os\nif not os.path.exists('new.txt'): shutil.copy('a.txt', 'new.txt')"
        assert made.run(f"%%cache\n{asking}").state == "bypass"
        made.run("os.symlink('a.txt', 'link')")
        link = "try: shutil.copy('link', 'new', follow_symlinks=False)\nexcept OSError: print('no')"
        assert made.run(f"%%cache\n{link}").state == "bypass"


ASKED = [
    "from collections.abc import Mapping\nfrom dataclasses import dataclass\nimport decimal",
    "@dataclass\nclass Point:\n    x: int\np = Point(1)",
    "isinstance(p, Mapping)",
]


def test_questions_of_abstract_classes_are_no_weak_references_of_the_user(tmp_path: Path) -> None:
    """They leave weak references to a class, whose callbacks nobody sees; a user's count."""
    with kernel(tmp_path / "store") as made:
        for cell in ASKED:
            made.run(cell)
        assert [made.run("%%cache\nq = Point(2); q, p.x").state for _ in range(2)] == [
            "miss",
            "hit",
        ]
        made.run("import weakref; log = []; r = weakref.ref(p, log.append)")
        assert made.run("%%cache\np = 5").state == "bypass"


def test_a_class_with_an_initialiser_does_not_depend_on_decimals(tmp_path: Path) -> None:
    """Its text is no way to a context."""
    cell = "%%cache\nclass Held:\n    def __init__(self, held): self.held = held"
    with kernel(tmp_path / "store") as made:
        made.run("import decimal")
        assert made.run(cell).state == "miss"
        made.run("decimal.getcontext().prec = 9")
        assert made.run(cell).state == "hit"


def test_graphs_and_tables_that_are_handed_over_are_no_settings(tmp_path: Path) -> None:
    """Functions of libraries that change, or make, what is the notebook's own."""
    with kernel(tmp_path / "store") as made:
        made.run("import networkx as nx, pandas as pd, statsmodels.api as sm; G = nx.path_graph(4)")
        made.run("df = pd.DataFrame({'a': [1.0, 2.0, 4.0]})")
        for cell in (
            "H = G.copy(); nx.set_node_attributes(H, 5, 'w'); H.nodes[0]['w']",
            "exog = sm.add_constant(df)",
        ):
            assert [made.run(f"%%cache\n{cell}").state for _ in range(2)] == ["miss", "hit"]
