"""The sources of the front end: typed, linted, and saying the same words as Python."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import nbcache
from nbcache.duration import format_duration
from nbcache.report import format_bytes

HERE = Path(__file__).parent
EXTENSION = Path(nbcache.__file__).parent / "labextension"
STATIC = EXTENSION / "static"


def node(devtools: Path, *words: object) -> str:
    """Run a program of Node and return what it prints; what it complains of fails the test."""
    done = subprocess.run(
        [str(word) for word in words],
        check=False,
        capture_output=True,
        text=True,
        cwd=devtools.parent,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_types_hold(devtools: Path, tmp_path: Path) -> None:
    """TypeScript finds no fault with the JSDoc types of the sources."""
    config = json.loads((HERE / "tsconfig.json").read_text())
    config["include"] = [f"{STATIC}/*.js", f"{EXTENSION}/types/*.d.ts"]
    (tmp_path / "tsconfig.json").write_text(json.dumps(config))
    node(devtools, devtools / ".bin" / "tsc", "--project", tmp_path)


def test_lint_holds(devtools: Path, tmp_path: Path) -> None:
    """The linter finds no fault with the sources."""
    copy = tmp_path / "static"
    shutil.copytree(STATIC, copy)
    shutil.copy(HERE / "eslint.config.mjs", tmp_path)
    command = ["sh", "-c", f"cd {tmp_path} && {devtools}/.bin/eslint --max-warnings 0 static"]
    node(devtools, *command)


def test_words_are_those_of_python(devtools: Path) -> None:
    """Durations and sizes read the same in the browser as in a terminal."""
    seconds = [0, 0.0001, 0.0004, 0.3, 0.9, 1, 3.2, 9.9, 10, 59, 60, 61, 599, 601, 3600, 5400]
    seconds += [86399, 90000, 172800, 1e6]
    sizes = [0, 1, 999, 1000, 1234, 99_999, 1e6, 123_456_789, 5e9]
    words = json.dumps((STATIC / "words.js").as_uri())
    script = (
        f"import {{ formatBytes, formatDuration }} from {words};"
        f"console.log(JSON.stringify([{seconds}.map(formatDuration), {sizes}.map(formatBytes)]))"
    )
    said = node(devtools, "node", "--input-type=module", "--eval", script)
    assert json.loads(said) == [
        [format_duration(value) for value in seconds],
        [format_bytes(int(value)) for value in sizes],
    ]


ASKED = [
    ("%%cache\nx = 1", None, [], (True, False, "")),
    ("\n# a word\n%%cache ttl=60\nx", None, [], (True, False, "60")),
    ("%%cache --ttl '1 day'\nx", {"ttl": 5}, [], (True, False, "1 day")),
    ("# nbcache: ttl=10m\nx = 1", None, [], (True, False, "10m")),
    ("#| nbcache: off\nx = 1", None, [], (True, True, "")),
    ("x = 1\n# nbcache: ttl=10m", None, [], (False, False, "")),
    ("x = 1", {"ttl": "1h"}, [], (True, False, "1h")),
    ("x = 1", {"off": True}, [], (True, True, "")),
    ("x = 1", {"state": "hit", "key": "00", "cost": 1}, [], (False, False, "")),
    ("x = 1", None, ["nbcache"], (True, False, "")),
    ("%%cache\nx = 1", None, ["no-cache"], (True, True, "")),
]


def test_what_a_cell_asks_is_read_from_text_metadata_and_tags(devtools: Path) -> None:
    """Lines, comments, metadata and tags say whether a cell is cached and for how long; what a
    headless run recorded does not."""
    module = json.dumps((STATIC / "asking.js").as_uri())
    given = json.dumps([case[:3] for case in ASKED])
    script = (
        f"import {{ readAsked }} from {module};"
        f"const read = c => {{ const a = readAsked(...c); return [a.isCached, a.isOff, a.ttl] }};"
        f"console.log(JSON.stringify({given}.map(read)))"
    )
    said = json.loads(node(devtools, "node", "--input-type=module", "--eval", script))
    assert said == [list(case[3]) for case in ASKED]


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_a_module_says_its_one_idea(path: Path) -> None:
    """Every module begins with a comment that says what it is, and stays short."""
    text = path.read_text(encoding="utf-8")
    assert text.startswith("/**")
    assert len(text.splitlines()) <= 300
