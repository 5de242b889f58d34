"""``%nbcache why``: what moved, told in the kernel in which it did and in a new one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kernels import Kernel, kernel

CELLS = [
    "import random\nimport pandas as pd\nthreshold = 0.5\npassword = 'aa'\nparams = {'lr': 0.1}\n"
    "frame = pd.DataFrame({'a': [1]})\nclass Box: pass\nbox = Box(); box.mode = 1",
    "def clean(x):\n    return x + 1\nclass Model:\n    def fit(self): return 1\nmodel = Model()",
    "random.seed(1)",
    "%%cache\nt = threshold",
    "%%cache\np = password",
    "%%cache\nl = params",
    "%%cache\nf = frame",
    "%%cache\nb = box",
    "%%cache\nk = clean(1)",
    "%%cache\nm = model.fit()",
    "%%cache\nr = random.random()",
    "%%cache\nd = open('data.csv').read()",
    "%%cache\na = 1\n# a comment\nif a:\n    z = 3",
    "%%cache ttl=0.001\ne = 1",
]
EDITS = {
    "0.5": "0.7",
    "'aa'": "'bb'",
    "0.1": "0.2",
    "[1]": "[1, 2]",
    "mode = 1": "mode = 2",
    "x + 1": "x + 2",
    "fit(self): return 1": "fit(self): return 2",
    "seed(1)": "seed(2)",
    "z = 3": "z = 4",
}
REASONS = [
    "`threshold` changed (0.5 → 0.7)",
    "`password` changed",
    "`params['lr']` changed (0.1 → 0.2)",
    "`frame` changed (1 row, 1 column → 2 rows, 1 column)",
    "`box.mode` changed (1 → 2)",
    "function `clean` (cell 2) was edited",
    "class `Model` (cell 2) was edited",
    "the `random` stream was at another position",
    "`data.csv` changed on disk",
    "the cell's code changed: line 5",
    "The entry expired",
]


def edited(text: str) -> str:
    for old, new in EDITS.items():
        text = text.replace(old, new)
    return text


def run_all(made: Kernel, cells: list[str]) -> list[list[str]]:
    replies = [made.run(text, cell_id=f"c{number}") for number, text in enumerate(cells)]
    return [reply.event["reasons"] for reply in replies if reply.event]


@pytest.mark.parametrize("restart", [True, False])
def test_each_reason_is_told_at_its_finest(tmp_path: Path, restart: bool) -> None:
    """What moved is named with its values, in the same kernel and after a restart."""
    store, data = tmp_path / "store", tmp_path / "data.csv"
    data.write_text("1")
    with kernel(store, folder=tmp_path) as first:
        run_all(first, CELLS)
        data.write_text("22")
        told = [] if restart else run_all(first, list(map(edited, CELLS)))
    if restart:
        with kernel(store, folder=tmp_path) as second:
            told = run_all(second, list(map(edited, CELLS)))
    where = [] if restart else ["function `clean` (cell 16) was edited"]
    for reasons, wanted in zip(told, REASONS, strict=True):
        cell = wanted.replace("cell 2", "cell 16") if where else wanted
        assert reasons[0].startswith(cell), reasons


def test_why_answers_for_cells_and_names(tmp_path: Path) -> None:
    """A cell's answer says what it would do now; a variable's names its writer and readers."""
    with kernel(tmp_path / "store") as made:
        made.run("threshold = 0.5")
        made.run("%%cache\nlimit = threshold * 2", cell_id="a")
        made.run("%%cache\nshown = limit + 1", cell_id="b")
        assert "it would be served" in made.run("%nbcache why a").text
        made.run("threshold = 0.7")
        told = json.loads(made.run("%nbcache why a --json").text)
        assert told["state"] == "miss"
        assert told["now"]["state"] == "stale"
        assert told["now"]["reasons"] == ["`threshold` changed (0.5 → 0.7)"]
        told = json.loads(made.run("%nbcache why limit --json").text)
        assert [one["cell_id"] for one in told["name"]["written_by"]] == ["a"]
        assert [one["cell_id"] for one in told["name"]["read_by"]] == ["b"]
        text = made.run("%nbcache why threshold").text
        assert "`threshold` was written by no cached cell." in text
        assert "It is read by cell [2]" in text
        assert "UsageError" in str(made.run("%nbcache why nothing").messages)


def test_the_graph_is_shown_as_picture_text_and_data(tmp_path: Path) -> None:
    """``%nbcache graph`` draws what ran with its state, marked as ours, and gives it as data."""
    (tmp_path / "data.csv").write_text("1")
    with kernel(tmp_path / "store", folder=tmp_path) as made:
        made.run("limit = 1", cell_id="a")
        made.run("%%cache\nrows = open('data.csv').read() * limit", cell_id="b")
        made.run("limit = 2", cell_id="a")
        content = made.run("%nbcache graph").messages[0][1]
        assert content["metadata"]["nbcache"] == {"kind": "graph"}
        assert content["data"]["text/html"].startswith("<svg")
        assert content["data"]["image/svg+xml"].startswith("<svg")
        assert "limit from [3]" in content["data"]["text/plain"]
        told = json.loads(made.run("%nbcache graph --json").text)
        assert [(node["cell_id"] or node["title"], node["state"]) for node in told["nodes"]] == [
            ("data.csv", ""),
            ("a", "off"),
            ("b", "stale"),
        ]
