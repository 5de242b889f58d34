"""Rules of files on other systems, through fsspec's own in memory."""

from __future__ import annotations

import json

import fsspec
import pandas as pd
import pytest

from nbcache.deps.filesystems import FilesystemTracker
from nbcache.deps.impurity import NETWORK


@pytest.fixture
def memory():
    system = fsspec.filesystem("memory")
    system.pipe("/nbcache-test/a.csv", b"a\n1\n")
    yield system
    system.rm("/nbcache-test", recursive=True)


@pytest.fixture
def tracker():
    return FilesystemTracker()


def watch(tracker, run):
    tracker.start()
    try:
        run()
    finally:
        seen = tracker.finish()
    return seen


@pytest.mark.parametrize(
    "read",
    [
        lambda: pd.read_csv("memory://nbcache-test/a.csv"),
        lambda: fsspec.open("memory://nbcache-test/a.csv", "rt").open().read(),
        lambda: fsspec.filesystem("memory").cat("/nbcache-test/a.csv"),
        lambda: fsspec.filesystem("memory").read_text("/nbcache-test/a.csv"),
    ],
)
def test_content_of_a_file_counts(memory, tracker, read):
    """A file that was read holds while its content is the same, written again or not."""
    seen = watch(tracker, read)
    late = json.loads(json.dumps(seen.late))
    assert (seen.notes, seen.impure) == ((), False)
    memory.pipe("/nbcache-test/a.csv", b"a\n1\n")
    assert tracker.check(late) is None
    memory.pipe("/nbcache-test/a.csv", b"a\n2\n")
    assert tracker.check(late) == "`memory://nbcache-test/a.csv` changed"
    memory.rm("/nbcache-test/a.csv")
    assert tracker.check(late) == "`memory://nbcache-test/a.csv` is gone"
    memory.pipe("/nbcache-test/a.csv", b"")


def test_written_files_must_be_there(memory, tracker):
    """A file that the run wrote must be there unchanged, and read back it is no input."""

    def run():
        pd.DataFrame({"a": [1]}).to_csv("memory://nbcache-test/b.csv")
        pd.read_csv("memory://nbcache-test/b.csv")

    seen = watch(tracker, run)
    assert (seen.notes, seen.impure) == (("wrote 1 remote file",), True)
    assert "read" not in seen.late
    assert tracker.check(seen.late) is None
    memory.rm("/nbcache-test/b.csv")
    assert tracker.check(seen.late) == "`memory://nbcache-test/b.csv` is gone"


def test_listings_leave_the_networks_note(memory, tracker):
    """What was listed is not compared, and the status says so."""
    assert NETWORK in watch(tracker, lambda: memory.ls("/nbcache-test")).notes


def test_files_of_this_machine_are_no_matter_of_fsspec(tmp_path, tracker):
    """Local files are followed by Python's own ``open``."""
    (tmp_path / "a.txt").write_text("1")
    assert watch(tracker, lambda: fsspec.open(str(tmp_path / "a.txt")).open().read()).late is None
