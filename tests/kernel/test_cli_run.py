"""`jupyter nbcache run` and `status` on real notebooks in real kernels."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

SOURCES = (
    "# the number\nn = 3",
    "import time\ntime.sleep(0.3)\nsquares = [i * i for i in range(n)]\nprint('made', n)",
    "import sqlite3\nconn = sqlite3.connect(':memory:')",
    "print('sum')\nprint(sum(squares))\nlen(In)",
)


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def cells(self) -> list[dict[str, Any]]:
        """The cells' lines of a run with --json."""
        told = [json.loads(line) for line in self.out.splitlines()]
        found = [item for item in told if item["type"] == "cell"]
        assert found, self
        return found

    @property
    def states(self) -> list[str]:
        """The states of the cells of a run with --json, in order."""
        return [item["state"] for item in self.cells]


Cli = Callable[..., Done]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: v for name, v in os.environ.items() if not name.startswith("NBCACHE_")}
    own = {"NBCACHE_DIR": str(tmp_path / "store"), "NBCACHE_KEY_DIR": str(tmp_path / "keys")}
    return {**kept, **own}


@pytest.fixture
def cli(tmp_path: Path, environment: dict[str, str]) -> Cli:
    """Runs a command in the test's folder, with a store of its own."""

    def call(*argv: str) -> Done:
        command = [sys.executable, "-m", "nbcache.cli", *argv]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return call


def save(path: Path, *sources: str, tag: str = "") -> Path:
    """Write a notebook; the first cell gets the tag."""
    cells = [v4.new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)]
    if tag:
        cells[0].metadata["tags"] = [tag]
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell("# A", id="top"), *cells]), path)
    return path


def read(path: Path) -> Any:
    """Read a notebook and check it strictly."""
    nb = nbformat.read(path, as_version=4)
    nbformat.validate(nb)
    return nb


def code_cells(nb: Any) -> list[Any]:
    return [cell for cell in nb.cells if cell.cell_type == "code"]


def test_a_second_run_is_served_and_gives_the_same_outputs(tmp_path: Path, cli: Cli) -> None:
    """A run fills the cache, the next is served from it, and further runs give the same bytes."""
    source = save(tmp_path / "a.ipynb", *SOURCES)
    before = source.read_bytes()
    runs = [cli("run", "a.ipynb", "-o", f"{i}.ipynb", "--json") for i in range(3)]
    assert [run.code for run in runs] == [0, 0, 0], runs[0].err
    assert runs[0].states == ["miss", "miss", "bypass", "miss"]
    assert runs[1].states == runs[2].states == ["hit", "hit", "bypass", "hit"]
    cold, warm = read(tmp_path / "0.ipynb"), read(tmp_path / "1.ipynb")
    for one, other in zip(code_cells(cold), code_cells(warm), strict=True):
        assert one.outputs == other.outputs
        assert one.execution_count == other.execution_count
    assert (tmp_path / "1.ipynb").read_bytes() == (tmp_path / "2.ipynb").read_bytes()
    assert source.read_bytes() == before
    assert runs[1].cells[1]["saved"] > 0.2


def test_a_run_is_a_plain_run_to_the_notebook(tmp_path: Path, cli: Cli) -> None:
    """Counts, In and Out are those of a run without nbcache, and no display of ours is there."""
    from nbclient import NotebookClient

    source = save(tmp_path / "a.ipynb", *SOURCES, "In[1], sorted(Out), __name__")
    plain = read(source)
    NotebookClient(plain, record_timing=False).execute(cwd=str(tmp_path))
    assert cli("run", "a.ipynb", "-o", "out.ipynb").code == 0
    ours = read(tmp_path / "out.ipynb")
    for one, other in zip(code_cells(plain), code_cells(ours), strict=True):
        assert text_of(one) == text_of(other)
        assert one.execution_count == other.execution_count
        assert not any("nbcache" in output.metadata for output in other.outputs if "data" in output)


def text_of(cell: Any) -> str:
    parts = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in cell.outputs]
    return "".join(parts)


def test_cells_record_what_does_not_move(tmp_path: Path, cli: Cli) -> None:
    """The executed notebook holds state, key and cost beside the user's own settings."""
    source = save(tmp_path / "a.ipynb", "x = 1", "import time; time.sleep(0.1)")
    nb = nbformat.read(source, as_version=4)
    nb.cells[1].metadata["nbcache"] = {"ttl": 3600}
    nbformat.write(nb, source)
    cli("run", "a.ipynb", "-o", "out.ipynb")
    first, second = (c.metadata["nbcache"] for c in code_cells(read(tmp_path / "out.ipynb")))
    assert first["ttl"] == 3600
    assert set(first) - {"cost"} == {"ttl", "state", "key"}
    assert set(second) == {"state", "key", "cost"}
    listed = json.loads(cli("ls", "--json").out)
    assert {item["key"] for item in listed} == {first["key"], second["key"]}
    assert sum(item["expires_at"] is not None for item in listed) == 1


def test_parameters_are_set_after_the_tagged_cell(tmp_path: Path, cli: Cli) -> None:
    """-p gives other values, and what does not depend on them is still served."""
    save(tmp_path / "a.ipynb", *SOURCES, "other = 1", tag="parameters")
    assert cli("run", "a.ipynb").code == 0
    run = cli("run", "a.ipynb", "-p", "n=4", "-o", "out.ipynb", "--json")
    assert run.states == ["hit", "miss", "miss", "bypass", "miss", "hit"]
    cells = code_cells(read(tmp_path / "out.ipynb"))
    assert cells[1].metadata.tags == ["injected-parameters"]
    assert cells[2].outputs[0].text == "made 4\n"
    again = cli("run", "out.ipynb", "-p", "n=4", "-o", "again.ipynb", "--json")
    assert set(again.states) == {"hit", "bypass"}
    assert len(code_cells(read(tmp_path / "again.ipynb"))) == len(cells)


def test_a_refreshed_cell_runs_alone(tmp_path: Path, cli: Cli) -> None:
    """--refresh-cell runs that cell past the cache, --refresh all of them."""
    save(tmp_path / "a.ipynb", "x = 1", "y = 2", "z = 3")
    cli("run", "a.ipynb")
    one = cli("run", "a.ipynb", "--refresh-cell", "2", "--json")
    assert one.states == ["hit", "refreshed", "hit"]
    assert set(cli("run", "a.ipynb", "--refresh", "--json").states) == {"refreshed"}


def test_read_only_stores_nothing(tmp_path: Path, cli: Cli) -> None:
    """--read-only runs what is missing and leaves the store alone."""
    save(tmp_path / "a.ipynb", "x = 1")
    assert cli("run", "a.ipynb", "--read-only").code == 0
    assert json.loads(cli("ls", "--json").out) == []


def test_require_fails_instead_of_running(tmp_path: Path, cli: Cli) -> None:
    """--require ends with 4 at the first cell that is not stored."""
    save(tmp_path / "a.ipynb", "open('ran', 'w').close()")
    done = cli("run", "a.ipynb", "--require")
    assert done.code == 4, done.err
    assert not (tmp_path / "ran").exists()


def test_an_expired_result_runs_again(tmp_path: Path, cli: Cli) -> None:
    """--ttl bounds how old a result may be, also one that was stored without."""
    save(tmp_path / "a.ipynb", "x = 1")
    cli("run", "a.ipynb")
    assert cli("run", "a.ipynb", "--ttl", "1h", "--json").states == ["hit"]
    assert cli("run", "a.ipynb", "--ttl", "1ms", "--json").states == ["expired"]


def test_a_cell_that_raises_ends_the_run(tmp_path: Path, cli: Cli) -> None:
    """The traceback is shown without colours, what has run is saved, later cells are untouched."""
    save(tmp_path / "a.ipynb", "print('first')", "1 / 0", "print('never')")
    done = cli("run", "a.ipynb", "-o", "out.ipynb")
    assert done.code == 1
    assert "ZeroDivisionError" in done.err
    assert "\x1b" not in done.err
    first, second, third = code_cells(read(tmp_path / "out.ipynb"))
    assert first.outputs[0].text == "first\n"
    assert second.outputs[0].ename == "ZeroDivisionError"
    assert third.outputs == []
    assert "2 of 3 cells" in done.out


def test_errors_may_be_allowed(tmp_path: Path, cli: Cli) -> None:
    """--allow-errors goes on after a cell that raises, and ends well."""
    save(tmp_path / "a.ipynb", "1 / 0", "x = 1")
    done = cli("run", "a.ipynb", "--allow-errors", "--json")
    assert done.code == 0
    assert done.states == ["error", "miss"]


def test_an_atomic_run_stores_all_or_nothing(tmp_path: Path, cli: Cli) -> None:
    """--atomic stores nothing if a cell raises, allowed or not, else everything at the end."""
    save(tmp_path / "a.ipynb", "x = 1", "1 / 0")
    done = cli("run", "a.ipynb", "--atomic", "--allow-errors", "--json")
    assert (done.code, done.states) == (0, ["miss", "error"])
    assert cli("ls", "--json").out.strip() == "[]"
    save(tmp_path / "a.ipynb", "x = 1", "y = x")
    assert cli("run", "a.ipynb", "--atomic", "--json").states == ["miss", "miss"]
    assert cli("run", "a.ipynb", "--json").states == ["hit", "hit"]
    assert "Forgot 1 " in cli("clear", "a.ipynb", "2").out
    assert cli("status", "a.ipynb", "--check").code == 4


def test_a_cell_may_only_take_so_long(tmp_path: Path, cli: Cli) -> None:
    """--timeout ends a cell that takes longer; the cells before it are saved."""
    save(tmp_path / "a.ipynb", "x = 1", "import time\ntime.sleep(100)")
    done = cli("run", "a.ipynb", "--timeout", "8", "-o", "out.ipynb")
    assert done.code == 1
    assert "cell 2" in done.err
    assert "longer than 8 s" in done.err
    assert code_cells(read(tmp_path / "out.ipynb"))[0].execution_count == 1


def test_a_kernel_that_dies_is_told(tmp_path: Path, cli: Cli) -> None:
    """The message names the cell, and the cells before it are saved."""
    save(tmp_path / "a.ipynb", "x = 1", "import os\nos._exit(7)")
    done = cli("run", "a.ipynb", "-o", "out.ipynb")
    assert done.code == 1
    assert "the kernel died in cell 2" in done.err
    assert code_cells(read(tmp_path / "out.ipynb"))[0].execution_count == 1


def test_a_kernel_that_dies_at_once_is_started_again(
    tmp_path: Path, cli: Cli, environment: dict[str, str]
) -> None:
    """A kernel whose start fails once costs a second start; one that always does is told of."""
    spec = tmp_path / "share" / "kernels" / "faint"
    spec.mkdir(parents=True)
    faint = (
        "import os, pathlib, sys\n"
        "if not (seen := pathlib.Path(os.environ['SEEN'])).exists():\n"
        "    seen.touch() if 'ONCE' in os.environ else None\n"
        "    sys.exit('no port is left')\n"
        "from ipykernel import kernelapp\n"
        "kernelapp.launch_new_instance()\n"
    )
    argv = [sys.executable, "-c", faint, "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "faint", "language": "python"})
    )
    environment |= {"JUPYTER_PATH": str(tmp_path / "share"), "SEEN": str(tmp_path / "seen")}
    save(tmp_path / "a.ipynb", "x = 1")
    died = cli("run", "a.ipynb", "--kernel", "faint")
    assert died.code == 1
    assert "died" in died.err
    assert "no port is left" in died.err
    environment["ONCE"] = "1"
    assert cli("run", "a.ipynb", "--kernel", "faint", "--json").states == ["miss"]


def test_an_interrupt_ends_the_kernel_and_keeps_what_ran(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """Ctrl-C stops the running cell; its output so far is saved and its kernel gone."""
    code = (
        "import os, time\nprint(os.getpid(), flush=True)\nopen('pid', 'w').write(str(os.getpid()))"
    )
    save(tmp_path / "a.ipynb", "x = 1", f"{code}\ntime.sleep(100)", "y = 1")
    command = [sys.executable, "-m", "nbcache.cli", "run", "a.ipynb", "-o", "out.ipynb"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.decode().strip() == "nbcache: interrupted"
    _, second, third = code_cells(read(tmp_path / "out.ipynb"))
    pid = (tmp_path / "pid").read_text()
    assert second.outputs[0].text == f"{pid}\n"
    assert second.outputs[1].ename == "KeyboardInterrupt"
    assert third.execution_count is None
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_kernel_without_nbcache_runs_nothing(
    tmp_path: Path, cli: Cli, environment: dict[str, str]
) -> None:
    """Where the extension cannot be loaded the run ends, and the notebook is not run plainly."""
    (tmp_path / "hide").mkdir()
    (tmp_path / "hide" / "nbcache.py").write_text("raise ImportError('not here')\n")
    spec = tmp_path / "share" / "kernels" / "bare"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    env = {"PYTHONPATH": str(tmp_path / "hide")}
    (spec / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "bare", "language": "python", "env": env})
    )
    environment["JUPYTER_PATH"] = str(tmp_path / "share")
    save(tmp_path / "a.ipynb", "open('ran', 'w').close()")
    done = cli("run", "a.ipynb", "--kernel", "bare", "-o", "out.ipynb")
    assert done.code == 1
    assert "could not load nbcache (ImportError: not here)" in done.err
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "out.ipynb").exists()


def test_several_notebooks_go_into_a_folder(tmp_path: Path, cli: Cli) -> None:
    """Several notebooks run in order, each in a kernel of its own, into one folder."""
    save(tmp_path / "a.ipynb", "x = 1")
    save(tmp_path / "b.ipynb", "'x' in globals()")
    done = cli("run", "a.ipynb", "b.ipynb", "-o", "out")
    assert done.code == 0, done.err
    (cell,) = code_cells(read(tmp_path / "out" / "b.ipynb"))
    assert text_of(cell) == "False"
    assert (tmp_path / "out" / "a.ipynb").exists()


def test_in_place_replaces_the_notebook(tmp_path: Path, cli: Cli) -> None:
    """--inplace saves into the notebook itself, which can be run again."""
    save(tmp_path / "a.ipynb", "1 + 1")
    assert cli("run", "a.ipynb", "--inplace").code == 0
    assert text_of(code_cells(read(tmp_path / "a.ipynb"))[0]) == "2"
    assert cli("run", "a.ipynb", "--inplace", "--json").states == ["hit"]


def test_status_checks_an_executed_notebook(tmp_path: Path, cli: Cli) -> None:
    """Fresh is 0, an edit is 3, a cleared store is 4; comments and layout are no edit."""
    save(tmp_path / "a.ipynb", *SOURCES)
    cli("run", "a.ipynb", "-o", "out.ipynb")
    assert cli("status", "out.ipynb", "--check").code == 0
    nb = read(tmp_path / "out.ipynb")
    nb.cells[1].source = "n   =   3   # formatted"
    nbformat.write(nb, tmp_path / "out.ipynb")
    assert cli("status", "out.ipynb", "--check").code == 0
    nb.cells[1].source = "n = 5"
    nbformat.write(nb, tmp_path / "out.ipynb")
    done = cli("status", "out.ipynb", "--check", "--json")
    assert done.code == 3
    told = json.loads(done.out)
    assert [cell["state"] for cell in told["cells"]] == ["stale", "stale", "bypass", "stale"]
    assert cli("clear", "out.ipynb").code == 0
    assert cli("status", "out.ipynb", "--check").code == 4


def test_status_of_a_notebook_that_was_never_saved(tmp_path: Path, cli: Cli) -> None:
    """Without recorded keys the store is asked for the notebook's name and the cells' sources."""
    save(tmp_path / "a.ipynb", "x = 1", "%%cache ttl=60\ny = 2")
    assert cli("status", "a.ipynb", "--check").code == 4
    cli("run", "a.ipynb")
    done = cli("status", "a.ipynb", "--json")
    assert [cell["state"] for cell in json.loads(done.out)["cells"]] == ["hit", "hit"]


def test_status_knows_a_run_with_other_parameters(tmp_path: Path, cli: Cli) -> None:
    """What was stored for other parameters does not make the notebook as it stands fresh."""
    save(tmp_path / "a.ipynb", "x = 1", "y = x + 1", tag="parameters")
    cli("run", "a.ipynb", "-p", "x=3")
    done = cli("status", "a.ipynb", "--check", "--json")
    assert done.code == 3
    assert [cell["state"] for cell in json.loads(done.out)["cells"]] == ["hit", "stale"]
    cli("run", "a.ipynb")
    assert cli("status", "a.ipynb", "--check").code == 0
    cli("run", "a.ipynb", "-p", "x=4")
    assert cli("status", "a.ipynb", "--check").code == 0


def test_an_unchanged_notebook_needs_no_kernel(tmp_path: Path, cli: Cli) -> None:
    """The second run gives the same bytes without a kernel, until something moves outside.

    Text cells may change: the run's outputs come with the text as it is now.
    """
    (tmp_path / "data.txt").write_text("one")
    (tmp_path / "mine.py").write_text("def shout(text):\n    return text.upper()\n")
    save(
        tmp_path / "a.ipynb",
        "import random\nrandom.seed(1)\nn = random.random()",
        "text = open('data.txt').read()\nprint(text)",
        "import mine\nmine.shout(text), n",
    )

    def run(out: str) -> tuple[list[str], bool, bytes]:
        done = cli("run", "a.ipynb", "-o", out, "--json")
        without = all("no kernel was started" in " ".join(c["reasons"]) for c in done.cells)
        return done.states, without, (tmp_path / out).read_bytes()

    assert run("1.ipynb")[:2] == (["miss"] * 3, False)
    states, without, body = run("2.ipynb")
    assert (states, without) == (["hit"] * 3, True)
    assert body == (tmp_path / "1.ipynb").read_bytes()
    assert run("2.ipynb")[2] == body
    notebook = tmp_path / "a.ipynb"
    notebook.write_text(notebook.read_text().replace("# A", "# Another"))
    another = body.replace(b"# A", b"# Another")
    assert run("2.ipynb") == (["hit"] * 3, True, another)
    (tmp_path / "data.txt").write_text("two")
    states, without, body = run("3.ipynb")
    assert (states, without) == (["hit", "stale", "miss"], False)
    assert b"TWO" in body
    (tmp_path / "mine.py").write_text("def shout(text):\n    return text.title()\n")
    assert b"Two" in run("4.ipynb")[2]
    assert run("5.ipynb")[1]
    assert cli("run", "a.ipynb", "--refresh", "--json").states == ["refreshed"] * 3


def test_a_notebook_that_loads_nbcache_itself_needs_no_kernel_either(
    tmp_path: Path, cli: Cli
) -> None:
    setup = "%load_ext nbcache\n%load_ext autoreload\n%autoreload 2"
    save(tmp_path / "a.ipynb", "%load_ext nbcache", setup, "%%cache ttl=1h\nprint(1)")
    assert cli("run", "a.ipynb", "-o", "1.ipynb", "--json").states == ["miss"] * 3
    outputs = [cell.outputs for cell in code_cells(read(tmp_path / "1.ipynb"))]
    assert outputs[0] == []
    assert "nbcache extension is already" in outputs[1][0].text
    done = cli("run", "a.ipynb", "-o", "2.ipynb", "--json")
    assert all("no kernel was started" in " ".join(cell["reasons"]) for cell in done.cells)
    assert (tmp_path / "1.ipynb").read_bytes() == (tmp_path / "2.ipynb").read_bytes()


def test_results_are_handed_to_the_notebooks_that_follow(tmp_path: Path, cli: Cli) -> None:
    """What a cell tagged `outputs` binds becomes a parameter of the next; unchanged flows wait."""
    first = v4.new_notebook(
        cells=[
            v4.new_code_cell("n = 2", metadata={"tags": ["parameters"]}, id="p"),
            v4.new_code_cell(
                "rows = [1.5] * n\nhidden = object()", metadata={"tags": ["outputs"]}, id="o"
            ),
            v4.new_code_cell("rows.append('last')", id="l"),
        ]
    )
    nbformat.write(first, tmp_path / "first.ipynb")
    second = save(tmp_path / "second.ipynb", "rows = []\nk = 1", "print(rows, k)", tag="parameters")
    (tmp_path / "given.yaml").write_text("k: 5\nn: 7\n")

    def run(*more: str) -> tuple[str, list[bool]]:
        done = cli("run", "first.ipynb", second.name, "-o", "out/", "--json", *more)
        assert done.code == 0, done.out + done.err
        text = code_cells(read(tmp_path / "out" / "second.ipynb"))[-1].outputs[0].text
        return text, ["no kernel" in " ".join(cell["reasons"]) for cell in done.cells]

    assert run("-f", "given.yaml", "-p", "n=1") == ("[1.5, 'last'] 5\n", [False] * 7)
    assert run("-f", "given.yaml", "-p", "n=1") == ("[1.5, 'last'] 5\n", [True] * 7)
    assert run("-p", "n=0")[0] == "['last'] 1\n"
    (tmp_path / "given.json").write_text("[1]")
    assert cli("run", second.name, "-f", "given.json").code == 2


IN_A_ROW = (
    "%matplotlib inline\nimport matplotlib.pyplot as plt\nfrom IPython.display import display",
    "import sys\nprint('out'); print('err', file=sys.stderr); 7",
    "_ + 1",
    "shown = display('first', display_id='d')\nfrom IPython.display import update_display",
    "update_display('second', display_id='d')\nplt.plot([1, 2]);",
    "from IPython.display import clear_output\nprint('gone'); clear_output(); print('stays')",
    "async def one():\n    return 1\nk = await one()\nk",
    "import random\nrandom.seed(3)\nbox = [random.random()]",
    "box.append(1); alias = box",
)
SEEN = "print(_i[:9], _, __, len(In), sorted(Out)); alias is box, box, random.random(), __name__"


def test_cells_that_are_served_in_a_row_leave_what_a_run_leaves(tmp_path: Path, cli: Cli) -> None:
    """After an edit of the last cell only it runs, and the notebook is that of a plain run."""
    from nbclient import NotebookClient

    save(tmp_path / "a.ipynb", *IN_A_ROW, "1")
    assert cli("run", "a.ipynb", "--json").code == 0
    source = save(tmp_path / "a.ipynb", *IN_A_ROW, SEEN)
    plain = read(source)
    NotebookClient(plain, record_timing=False).execute(cwd=str(tmp_path))
    done = cli("run", "a.ipynb", "-o", "out.ipynb", "--json")
    assert done.states == ["hit"] * len(IN_A_ROW) + ["miss"], done.out
    ours = read(tmp_path / "out.ipynb")
    for one, other in zip(code_cells(plain), code_cells(ours), strict=True):
        assert one.execution_count == other.execution_count
        assert text_of(one) == text_of(other)
        assert kinds_of(one) == kinds_of(other)


def kinds_of(cell: Any) -> list[str]:
    """Return the kinds of a cell's outputs; a stream may come in several pieces."""
    return [kind for kind, _ in itertools.groupby(o.output_type for o in cell.outputs)]
