"""``files``, ``env``, ``file_check`` and ``ignore_path`` of ``@cache`` functions and of blocks."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from nbcache import block, cache
from nbcache.errors import OptionError
from nbcache.policies import ENV, FILES, INPUTS, SOURCE


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NBCACHE_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("NBCACHE_KEY_DIR", str(tmp_path / "keys"))
    folder = tmp_path / "here"
    (folder / "data").mkdir(parents=True)
    (folder / "a.txt").write_text("1")
    (folder / "data/b.txt").write_text("1")
    monkeypatch.chdir(folder)
    return folder


def read(path):
    """Return a file's text, and what no two runs return."""
    return Path(path).read_text(), uuid.uuid4().hex


def stepped():
    """Return what a block gives, of a line that is its own."""
    with block("b", files="*.txt", env="NBCACHE_TEST_FOO") as step:
        if step.miss:
            step.save(value=uuid.uuid4().hex)
    return step.value


CHANGES = {
    "a file": ({"files": "a.txt"}, lambda: Path("a.txt").write_text("2")),
    "a new file": ({"files": "*.txt"}, lambda: Path("b.txt").write_text("2")),
    "a file of a folder": ({"files": "data"}, lambda: Path("data/b.txt").write_text("2")),
    "a new file of a folder": ({"files": "data/"}, lambda: Path("data/c.txt").touch()),
    "a folder's folder": ({"files": "."}, lambda: Path("data/c.txt").touch()),
    "a variable": ({"env": "NBCACHE_TEST_FOO"}, lambda: set_variable("2")),
    "several": ({"env": ["HOME", "NBCACHE_TEST_FOO"]}, lambda: set_variable("2")),
    "under a policy of files": (
        {"files": "a.txt", "policy": INPUTS + SOURCE + FILES},
        lambda: Path("a.txt").write_text("2"),
    ),
    "under a policy of variables": (
        {"env": "NBCACHE_TEST_FOO", "policy": INPUTS + ENV},
        lambda: set_variable("2"),
    ),
}


def set_variable(value: str) -> None:
    os.environ["NBCACHE_TEST_FOO"] = value


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_what_is_asked_for_makes_a_function_run(what: str, monkeypatch) -> None:
    """Before it the call is served, whatever else changes."""
    options, change = CHANGES[what]
    monkeypatch.setenv("NBCACHE_TEST_FOO", "1")
    cached = cache(lambda: uuid.uuid4().hex, **options)
    first = cached()
    assert cached() == cached() == first
    change()
    assert cached() != first


def test_a_block_follows_them_too(monkeypatch) -> None:
    monkeypatch.setenv("NBCACHE_TEST_FOO", "1")
    first = stepped()
    assert stepped() == first
    Path("a.txt").write_text("2")
    second = stepped()
    assert second != first
    set_variable("2")
    assert stepped() != second


def test_files_that_are_read_need_not_count() -> None:
    cached = cache(read, files="off")
    first = cached("a.txt")
    Path("a.txt").write_text("2")
    assert cached("a.txt") == first
    assert cache(read)("a.txt")[0] == "2"


def test_time_stamps_may_stand_for_contents() -> None:
    cached, status = cache(read, file_check="mtime"), os.stat("a.txt")
    first = cached("a.txt")
    Path("a.txt").write_text("2")
    os.utime("a.txt", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert cached("a.txt") == first
    os.utime("a.txt", ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    assert cached("a.txt")[0] == "2"


def test_equal_files_may_stand_for_each_other() -> None:
    cached = cache(read, ignore_path=True)
    first = cached("a.txt")
    assert cached("data/b.txt") == first
    Path("a.txt").write_text("2")
    assert cached("a.txt")[0] == "2"


def test_what_is_not_there_is_an_error() -> None:
    with pytest.raises(OptionError, match="no such file"):
        cache(read, env="lock:none.lock")("a.txt")
