"""Files and environment that a cell's options name."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from nbcache.asked_files import asked_parts, shape_late
from nbcache.deps import digests
from nbcache.errors import OptionError
from nbcache.moved import moved_parts
from nbcache.options import parse_options
from nbcache.policy import Policy, build_policy


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def policy(line: str) -> Policy:
    return build_policy(parse_options(line), now=0.0)


def test_nothing_asked_adds_nothing() -> None:
    """Without these options the key has no further parts."""
    assert asked_parts(policy("files=auto file_check=content"), {"x": 1}) == {}


@pytest.mark.parametrize(
    "line",
    ["files=", "files=a,,b", "file_check=sometimes", "env=", "env=lock:no-such.lock", "env=lock"],
)
def test_nonsense_is_an_option_error(line: str) -> None:
    """Empty lists, unknown ways to compare and missing lock files are told."""
    with pytest.raises(OptionError):
        asked_parts(policy(line), {})


def test_patterns_count_by_content(here: Path) -> None:
    """A file that changes, comes or goes below a pattern gives another key, and is named."""
    (here / "data").mkdir()
    (here / "data" / "a.csv").write_text("1")
    asked = policy("files=data/*.csv,other.txt")
    first = asked_parts(asked, {})
    os.utime(here / "data" / "a.csv", (1, 1))
    assert asked_parts(asked, {}) == first
    (here / "data" / "a.csv").write_text("2")
    second = asked_parts(asked, {})
    assert moved_parts(first, second) == ["`data/*.csv` changed on disk"]
    (here / "other.txt").write_text("")
    assert moved_parts(second, asked_parts(asked, {})) == ["`other.txt` changed on disk"]


def test_patterns_may_count_by_time(here: Path) -> None:
    """With ``file_check=mtime`` a new time stamp counts even for the same content."""
    (here / "a.csv").write_text("1")
    asked = policy("files=a.csv file_check=mtime")
    first = asked_parts(asked, {})
    os.utime(here / "a.csv", (1, 1))
    assert asked_parts(asked, {}) != first


def test_variables_count_by_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A named variable counts, unset differs from empty, and its value is never kept."""
    asked = policy("env=ZZ_KEY")
    monkeypatch.delenv("ZZ_KEY", raising=False)
    unset = asked_parts(asked, {})
    monkeypatch.setenv("ZZ_KEY", "")
    empty = asked_parts(asked, {})
    monkeypatch.setenv("ZZ_KEY", "hunter2")
    full = asked_parts(asked, {})
    assert len({json.dumps(one) for one in (unset, empty, full)}) == 3
    assert "hunter2" not in json.dumps(full)
    assert moved_parts(empty, full) == ["environment variable `ZZ_KEY` changed"]


def test_a_lock_file_stands_for_versions(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``env=lock`` takes the nearest lock file's content in place of the versions."""
    (here / "uv.lock").write_text("pandas 3.0")
    (here / "sub").mkdir()
    monkeypatch.chdir(here / "sub")
    asked = policy("env=lock")
    first = asked_parts(asked, {})
    assert list(first) == [f"lock {Path('..') / 'uv.lock'}"]
    (here / "uv.lock").write_text("pandas 3.1")
    assert asked_parts(asked, {}) != first
    late = {"modules": {"versions": {"pandas": "3.0"}, "local": {"m": ["1", "m.py"]}}}
    assert shape_late(asked, late, {}) == {"modules": {"local": {"m": ["1", "m.py"]}}}
    assert shape_late(asked, {"modules": {"versions": {}}}, {}) == {}
    assert list(asked_parts(policy("env=lock:../uv.lock"), {})) == ["lock ../uv.lock"]


def test_files_off_keeps_what_was_written() -> None:
    """``files=off`` forgets what was read, looked at and listed, never what was written."""
    late = {"files": {"read": {"a": [1, "x"]}, "listed": {"d": {}}, "wrote": {"b": [1, "y"]}}}
    assert shape_late(policy("files=off"), late, {}) == {"files": {"wrote": {"b": [1, "y"]}}}
    assert shape_late(policy("files=auto"), late, {}) == late
    assert asked_parts(policy("files=off"), {}) != asked_parts(policy("files=auto"), {})


def test_equal_content_at_another_path_is_equal(here: Path) -> None:
    """With ``ignore_path`` an input that names a file counts by what the file holds."""
    for name, text in (("a", "1"), ("b", "1"), ("c", "2")):
        (here / name).write_text(text)
    asked = policy("ignore_path")
    parts = {name: asked_parts(asked, {"path": here / name, "n": 1}) for name in "abc"}
    assert parts["a"] == parts["b"] != parts["c"]
    lists = [asked_parts(asked, {"p": [str(here / n) for n in names]}) for names in ("ab", "ac")]
    assert lists[0] != lists[1]
    late = {"files": {"read": {"a": [1, "x"], "c": [1, "z"]}, "looked": {"a": {"kind": "file"}}}}
    assert shape_late(asked, late, {"p": "a"}) == {"files": {"read": {"c": [1, "z"]}}}


def test_digests_of_big_files_outlive_the_process(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A big unchanged file is read once on this machine, a file changed just now every time."""
    monkeypatch.setattr(digests, "_table", {})
    monkeypatch.setattr(digests, "_kept", [])
    monkeypatch.setattr(digests, "BIG_BYTES", 10)
    big, reads = here / "big", []
    big.write_text("x" * 100)
    original = digests._read

    def counting(path: str) -> object:
        reads.append(path)
        return original(path)

    monkeypatch.setattr(digests, "_read", counting)
    digests.keep_table(str(here / "digests.json"))
    later = time.time() + 60

    def new_process() -> tuple[int, str]:
        digests._table.clear()
        digests.keep_table(str(here / "digests.json"))
        return digests.file_digest(str(big), clock=lambda: later)

    first = digests.file_digest(str(big), clock=time.time)
    assert not (here / "digests.json").exists()
    assert new_process() == first
    assert len(reads) == 2
    assert new_process() == first
    assert len(reads) == 2
    big.write_text("y" * 100)
    assert new_process() != first
    (here / "digests.json").write_text("[broken")
    assert new_process()[0] == 100
