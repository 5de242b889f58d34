"""The command line's arguments, exit codes and ways of telling."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

from nbcache import __version__
from nbcache.cli.main import main, make_parser
from nbcache.cli.one_run import Job, kernel_environment

RUN = ["run", "a.ipynb"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with two small notebooks."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.ipynb", "b.ipynb"):
        nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("x = 1")]), tmp_path / name)
    return tmp_path


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """--version tells the version and ends well."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"nbcache {__version__}\n"


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command the help is shown, as a usage error."""
    assert main([]) == 2
    assert "exit codes:" in capsys.readouterr().err


def test_all_help_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """--help-all tells of every command's arguments and of every setting of config files."""
    assert main(["--help-all"]) == 0
    told = capsys.readouterr().out
    assert all(word in told for word in ("--refresh-cell", "--older-than", "--NBCache.ttl=<Dur"))


def test_stores_go_by_the_names_of_the_project(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--store and the shared stores take names of pyproject.toml; a slip names the nearest."""
    (folder / "pyproject.toml").write_text('[tool.nbcache.stores]\nteam = "shared"\n')
    monkeypatch.setenv("NBCACHE_DIR", str(folder / "own"))
    monkeypatch.setenv("NBCACHE_KEY_DIR", str(folder / "keys"))
    assert main(["du", "--store", "team", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["store"] == str(folder / "shared")
    assert main(["sync", "team"]) == 0
    assert main(["sync", "taem"]) == 2
    assert "Did you mean `team`? Named stores: team." in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "status", "ls", "show", "clear"])
def test_every_command_documents_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command has help with the exit codes, and takes --json."""
    assert main([command, "--help"]) == 0
    told = capsys.readouterr().out
    assert "exit codes:" in told
    assert "--json" in told


@pytest.mark.parametrize(
    "argv",
    [
        [*RUN, "--ttl", "5x"],
        [*RUN, "--refresh-cell", "0"],
        [*RUN, "--timeout", "soon"],
        [*RUN, "-o", "c.ipynb", "--inplace"],
        [*RUN, "--refresh-cell", "2"],
        [*RUN, "--require", "--refresh"],
        [*RUN, "-p", "x"],
        [*RUN, "-o", "a.ipynb"],
        [*RUN, "-o", "./gone/c.ipynb"],
        [*RUN, "--kernel", "no-such-kernel"],
        ["run", "gone.ipynb"],
        ["run", "a.ipynb", "b.ipynb", "-o", "a.ipynb"],
        ["run", "a.ipynb", "./a.ipynb", "-o", "out/"],
        ["clear", "--older", "never"],
        ["frobnicate"],
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    folder: Path, argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Bad arguments end with code 2 and a message before any kernel starts; inputs stay."""
    before = (folder / "a.ipynb").read_bytes()
    assert main(argv) == 2
    assert capsys.readouterr().err
    assert (folder / "a.ipynb").read_bytes() == before


def test_an_error_is_json_where_json_is_asked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --json a message for people becomes data on stdout."""
    assert main(["run", "gone.ipynb", "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert (told["type"], told["exit_code"]) == ("error", 2)


def test_the_kernel_is_told_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switches of the command reach the kernel's side as its environment."""
    monkeypatch.delenv("NBCACHE_REQUIRE", raising=False)
    args = make_parser().parse_args([*RUN, "--ttl", "10m", "--read-only", "--store", "/s"])
    told = kernel_environment(Job(Path("a.ipynb"), None, None), args)
    asked = {name.removeprefix("NBCACHE_"): told[name] for name in told if "NBCACHE_" in name}
    assert asked["NOTEBOOK"] == str(Path("a.ipynb").resolve())
    assert asked["TTL"] == "10m"
    assert asked["DIR"] == "/s"
    for name in ("AUTO", "HEADLESS", "READ_ONLY"):
        assert asked[name] == "1"
    assert not {"REQUIRE", "TRUST_ALL"} & asked.keys()


def test_help_imports_nothing_heavy() -> None:
    """Parsing arguments loads neither Jupyter nor joblib nor numpy."""
    heavy = {
        "asyncio",
        "nbclient",
        "nbformat",
        "joblib",
        "IPython",
        "jupyter_client",
        "zmq",
        "numpy",
    }
    code = (
        "import sys; from nbcache.cli.main import main; main(['run', '--help']);"
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_closed_pipe_is_no_traceback(tmp_path: Path) -> None:
    """`jupyter nbcache … | head` ends quietly."""
    code = (
        "import sys; from nbcache.cli import ls, main as m\n"
        "def add(parser): parser.set_defaults(command=lambda args: print('y' * 9**6))\n"
        "ls.add_list_arguments = add\n"
        "sys.exit(m.main(['ls']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _tell(stream: io.StringIO, *, as_json: bool = False) -> str:
    from nbcache.cli.outcomes import Outcome
    from nbcache.cli.progress import Total, choose
    from nbcache.events import CellEvent, State

    hit = CellEvent(State.HIT, saved=3.2)
    refused = CellEvent(State.BYPASS, reasons=("`conn` cannot be stored",))
    outcomes = [
        Outcome(1, "df = load()", 0.1, hit),
        Outcome(2, "conn = open()", 0.2, refused),
        Outcome(3, "%nbcache", 0.3, None),
    ]
    progress = choose(stream, as_json=as_json)
    total = Total("a.ipynb", of=3, output="out.ipynb", seconds=0.6)
    progress.start(total)
    for outcome in outcomes:
        progress.begin(outcome.number, outcome.title)
        progress.tick()
        progress.end(outcome)
        total.outcomes.append(outcome)
    progress.finish(total)
    return stream.getvalue()


LINES = """\
a.ipynb
[1/3] hit       saved 3.2 s   df = load()
[2/3] bypass    200 ms        conn = open()
      `conn` cannot be stored
[3/3] ran       300 ms        %nbcache
3 cells · 1 from the cache · took 600 ms · saved 3.2 s · wrote out.ipynb
"""


def test_a_log_gets_one_line_a_cell() -> None:
    """Where there is no terminal, progress is plain lines and a total."""
    assert _tell(io.StringIO()) == LINES


def test_a_terminal_ends_with_the_same_lines() -> None:
    """The live lines and the bar are wiped out, so that the same text remains as in a log."""
    told = _tell(_Terminal())
    assert "starting the kernel" in told
    assert "1/3 · 1 from the cache" in told
    assert _screen(told) == LINES


def _screen(told: str) -> str:
    """Return what a terminal shows after what was written to it."""
    lines, row = [""], 0
    for sign in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|[^\x1b]", told):
        if sign == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif sign == "\x1b[1A":
            row -= 1
        elif sign == "\x1b[2K":
            lines[row] = ""
        elif not sign.startswith(("\x1b", "\r")):
            lines[row] += sign
    return "\n".join(lines)


def test_programs_get_one_object_a_line() -> None:
    """With --json every line is one JSON object, the last the total."""
    told: list[dict[str, Any]] = [
        json.loads(line) for line in _tell(io.StringIO(), as_json=True).splitlines()
    ]
    assert [item["type"] for item in told] == ["cell", "cell", "cell", "total"]
    assert [item.get("state") for item in told] == ["hit", "bypass", "ran", None]
    assert (told[-1]["served"], told[-1]["saved"]) == (1, 3.2)
