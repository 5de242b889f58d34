"""Rules of the tracker of files."""

from __future__ import annotations

import glob
import importlib.metadata
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest

from nbcache.deps import digests, native
from nbcache.deps.digests import file_digest
from nbcache.deps.file_scope import Scope
from nbcache.deps.files import FileTracker
from nbcache.deps.inotify import FolderWatch

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "prices.csv").write_text("a,b\n1,2\n")
    pd.DataFrame({"a": [1, 2]}).to_parquet("data/prices.parquet")
    pyarrow.feather.write_feather(pa.table({"a": [1]}), "data/prices.feather")
    np.save("data/prices.npy", np.arange(3))
    with sqlite3.connect("data/prices.db") as connection:
        connection.execute("create table t (a)")
    connection.close()
    return tmp_path


@pytest.fixture
def tracker(tmp_path_factory):
    return FileTracker([tmp_path_factory.mktemp("store")])


def watch(tracker, run, paths=()):
    tracker.start(paths)
    try:
        run()
    finally:
        seen = tracker.finish()
    return seen


def late_of(seen):
    return json.loads(json.dumps(seen.late or {}))


def read_sqlite():
    connection = sqlite3.connect("data/prices.db")
    connection.execute("select * from t").fetchall()
    connection.close()


OPEN = "open"

READERS = {
    "open": (lambda: open("data/prices.csv").close(), "csv"),
    "path": (lambda: Path("data/prices.csv").read_text(), "csv"),
    "io": (lambda: getattr(io, OPEN)("data/prices.csv").close(), "csv"),
    "os": (lambda: os.close(os.open("data/prices.csv", os.O_RDONLY)), "csv"),
    "pandas": (lambda: pd.read_csv("data/prices.csv"), "csv"),
    "numpy": (lambda: np.load("data/prices.npy"), "npy"),
    "numpy map": (lambda: np.load("data/prices.npy", mmap_mode="r"), "npy"),
    "numpy text": (lambda: np.genfromtxt("data/prices.csv", delimiter=","), "csv"),
    "pandas parquet": (lambda: pd.read_parquet("data/prices.parquet"), "parquet"),
    "arrow csv": (lambda: pa.csv.read_csv("data/prices.csv"), "csv"),
    "arrow map": (lambda: pa.memory_map("data/prices.feather").close(), "feather"),
    "arrow feather": (lambda: pa.feather.read_table("data/prices.feather"), "feather"),
    "polars": (lambda: pl.read_csv("data/prices.csv"), "csv"),
    "polars lazy": (lambda: pl.scan_parquet("data/prices.parquet").collect(), "parquet"),
    "sqlite": (read_sqlite, "db"),
    "subprocess": (lambda: subprocess.run(["cat", "data/prices.csv"], check=True), "csv"),
    "copy": (lambda: shutil.copyfile("data/prices.csv", "/dev/null"), "csv"),
}


@pytest.mark.parametrize(("read", "ending"), READERS.values(), ids=READERS)
def test_every_reader_is_seen(here, tracker, read, ending):
    """A file that the run reads is a dependency, whoever opens it."""
    seen = watch(tracker, read)
    name = f"data/prices.{ending}"
    assert seen.refusal is None
    assert list(seen.late["read"]) == [name]
    late = late_of(seen)
    assert tracker.check(late) is None
    with open(name, "ab") as stream:
        stream.write(b"more")
    assert tracker.check(late) == f"`{name}` changed on disk"
    os.remove(name)
    assert tracker.check(late) == f"`{name}` is gone"


def test_quiet_run_leaves_nothing(here, tracker):
    """A run that touches no file has no dependency."""
    seen = watch(tracker, lambda: None)
    assert (seen.late, seen.notes, seen.impure) == (None, (), False)


def test_same_content_holds_with_another_time_stamp(here, tracker):
    """A file that was written again with the same content still holds."""
    late = late_of(watch(tracker, lambda: pd.read_csv("data/prices.csv")))
    os.remove("data/prices.csv")
    Path("data/prices.csv").write_text("a,b\n1,2\n")
    assert tracker.check(late) is None


def test_entry_moves_with_the_folder(here, tracker, tmp_path_factory, monkeypatch):
    """Files below the working directory are found in another one."""
    late = late_of(watch(tracker, lambda: pd.read_csv("data/prices.csv")))
    other = tmp_path_factory.mktemp("other")
    shutil.copytree(here / "data", other / "data")
    monkeypatch.chdir(other)
    assert tracker.check(late) is None


def test_file_outside_goes_by_its_whole_path(here, tracker, tmp_path_factory):
    """A file elsewhere is recorded under its absolute path."""
    other = tmp_path_factory.mktemp("other") / "x.csv"
    other.write_text("a\n1\n")
    seen = watch(tracker, lambda: pd.read_csv(other))
    assert list(seen.late["read"]) == [str(other)]


@linux_only
def test_native_reader_outside_is_seen_by_name_or_by_folder(here, tracker, tmp_path_factory):
    """A native reader of a file elsewhere is seen through its arguments, or a given path."""
    other = tmp_path_factory.mktemp("other") / "x.csv"
    other.write_text("a\n1\n")
    named = watch(tracker, lambda: pl.read_csv(other))
    assert list(named.late["read"]) == [str(other)]
    given = watch(tracker, lambda: subprocess.run(["cat", other], check=True), [str(other)])
    assert list(given.late["read"]) == [str(other)]


def test_missing_file_that_was_looked_for(here, tracker):
    """A look for a file that is missing is a dependency on its absence."""
    late = late_of(watch(tracker, lambda: os.path.exists("data/extra.csv")))
    assert late == {"looked": {"data/extra.csv": {"kind": "missing"}}}
    assert tracker.check(late) is None
    Path("data/extra.csv").write_text("")
    assert tracker.check(late) == "`data/extra.csv` exists now"


@pytest.mark.parametrize(
    "look",
    [
        lambda: Path("data/prices.csv").exists(),
        lambda: Path("data/prices.csv").is_file(),
        lambda: os.path.isfile("data/prices.csv"),
        lambda: os.access("data/prices.csv", os.R_OK),
    ],
)
def test_existence_does_not_depend_on_content(here, tracker, look):
    """A check for existence holds while the file exists, whatever it contains."""
    late = late_of(watch(tracker, look))
    Path("data/prices.csv").write_text("other")
    if "time" not in json.dumps(late):
        assert tracker.check(late) is None
    os.remove("data/prices.csv")
    assert tracker.check(late) == "`data/prices.csv` is gone"


def test_time_stamp_that_the_user_reads(here, tracker):
    """A size or time stamp read by the user's code is a dependency."""
    size = late_of(watch(tracker, lambda: os.path.getsize("data/prices.csv")))
    stamp = late_of(watch(tracker, lambda: os.path.getmtime("data/prices.csv")))
    os.utime("data/prices.csv", (1, 1))
    assert tracker.check(size) is None
    assert "changed on disk (time)" in tracker.check(stamp)
    Path("data/prices.csv").write_text("longer than it was")
    assert "changed on disk (size)" in tracker.check(size)


@pytest.mark.parametrize(
    "listing",
    [
        lambda: os.listdir("data"),
        lambda: list(os.scandir("data")),
        lambda: glob.glob("data/*.csv"),
        lambda: list(Path("data").glob("*.csv")),
        lambda: list(Path("data").iterdir()),
        lambda: list(os.walk("data")),
        pytest.param(lambda: pl.read_csv("data/*.csv"), marks=linux_only),
        pytest.param(lambda: subprocess.run(["ls", "data"], check=True), marks=linux_only),
    ],
)
def test_listings_count(here, tracker, listing):
    """A folder that the run lists must hold the same names."""
    seen = watch(tracker, listing)
    late = late_of(seen)
    assert seen.refusal is None
    assert "data" in {**late.get("listed", {}), **late.get("globbed", {})}
    assert tracker.check(late) is None
    Path("data/new.csv").write_text("a,b\n")
    assert tracker.check(late) == "the contents of the folder `data` changed"


@pytest.mark.parametrize(
    "asking",
    [
        lambda: glob.glob("data/*.csv"),
        lambda: list(glob.iglob("d*/*.csv")),
        lambda: glob.glob("data/**/*.csv", recursive=True),
        lambda: list(Path("data").glob("*.csv")),
        lambda: list(Path("data").rglob("*.csv")),
    ],
)
def test_a_pattern_asks_for_what_matches_it(here, tracker, asking):
    """Other names beside those that match a pattern may come and go; matching ones count."""
    Path("data/below").mkdir()
    late = late_of(watch(tracker, asking))
    Path("data/new.txt").write_text("")
    Path("other.csv").write_text("")
    if sys.version_info < (3, 13) or not late.get("listed"):
        assert tracker.check(late) is None
    Path("data/new.csv").write_text("a,b\n")
    assert tracker.check(late) == "the contents of the folder `data` changed"


def test_own_store_is_not_listed(here):
    """The store's own folder shows in no listing and its files are no dependency."""
    tracker = FileTracker(["store"])
    late = late_of(watch(tracker, lambda: os.listdir(".")))
    Path("store").mkdir()
    Path("store/entry").write_text("x")
    assert tracker.check(late) is None
    assert watch(tracker, lambda: open("store/entry").close()).late is None


WRITERS = {
    "open": lambda: Path("out.txt").write_text("x"),
    "pandas": lambda: pd.DataFrame({"a": [1]}).to_csv("out.txt"),
    "parquet": lambda: pd.DataFrame({"a": [1]}).to_parquet("out.txt"),
    "polars": lambda: pl.DataFrame({"a": [1]}).write_csv("out.txt"),
    "shell": lambda: subprocess.run("echo x > out.txt", shell=True, check=True),
    "replace": lambda: (Path("tmp").write_text("x"), os.replace("tmp", "out.txt")),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_written_file_must_be_there_unchanged(here, tracker, write):
    """A file that the run wrote is impure, noted, and must be there unchanged."""
    seen = watch(tracker, write)
    assert seen.refusal is None
    assert list(seen.late)[-1] == "wrote"
    assert "read" not in seen.late
    assert list(seen.late["wrote"]) == ["out.txt"]
    assert seen.impure
    assert seen.notes == ("wrote 1 file",)
    late = late_of(seen)
    assert tracker.check(late) is None
    Path("out.txt").write_text("changed by hand")
    assert tracker.check(late) == "`out.txt`, which the cell wrote, changed on disk"
    os.remove("out.txt")
    assert tracker.check(late) == "`out.txt`, which the cell wrote, is gone"


def test_file_written_and_read_back_is_no_input(here, tracker):
    """What the run wrote and then read is only written."""

    def run():
        Path("out.txt").write_text("x")
        Path("out.txt").read_text()

    assert list(watch(tracker, run).late) == ["wrote"]


@linux_only
def test_file_written_and_read_back_natively_is_no_input(here, tracker):
    """What the run wrote and read through native code is only written."""

    def run():
        pl.DataFrame({"a": [1]}).write_parquet("out.parquet")
        pl.read_parquet("out.parquet")

    assert list(watch(tracker, run).late) == ["wrote"]


def test_temporary_files_leave_nothing(here, tracker):
    """Files that come and go within the run are no dependency."""

    def run():
        with tempfile.NamedTemporaryFile("w", dir=".") as stream:
            stream.write("x")
        with tempfile.TemporaryDirectory(dir=".") as folder:
            Path(folder, "x").write_text("x")

    seen = watch(tracker, run)
    assert seen.refusal is None
    assert seen.late is None


def test_making_a_folder_that_exists_is_no_write(here, tracker):
    """A folder that was there before and after is not written."""
    assert "wrote" not in late_of(watch(tracker, lambda: os.makedirs("data", exist_ok=True)))


def append():
    with open("data/prices.csv", "a") as stream:
        stream.write("3,4\n")


def insert():
    with sqlite3.connect("data/prices.db") as connection:
        connection.execute("insert into t values (1)")
    connection.close()


def make_if_missing():
    if not os.path.exists("made.txt"):
        Path("made.txt").write_text("x")


def list_and_add():
    os.listdir("data")
    Path("data/added.txt").write_text("x")


def count_up():
    text = Path("data/prices.csv").read_text()
    Path("data/prices.csv").write_text(text + "x")


NOT_AGAIN = {
    "append": (append, "changes it in place"),
    "read and write": (count_up, "changes it in place"),
    "sqlite": (insert, "prices.db"),
    "look and make": (make_if_missing, "its next run can be kept"),
    "list and add": (list_and_add, "whose contents changed"),
    "move": (lambda: shutil.move("data/prices.csv", "x.csv"), "prices.csv"),
}


@pytest.mark.parametrize(("run", "words"), NOT_AGAIN.values(), ids=NOT_AGAIN)
def test_run_that_would_go_another_way_next_time_is_refused(here, tracker, run, words):
    """A run that changes what it has read, looked for or listed is refused."""
    if run is insert and sys.platform != "linux":
        pytest.skip("inotify is Linux's")
    refusal = watch(tracker, run).refusal
    assert words in refusal or (run is insert and "whose contents changed" in refusal)


def test_looking_and_making_is_kept_the_second_time(here, tracker):
    """The run after the one that made the missing file is recorded."""
    watch(tracker, make_if_missing)
    seen = watch(tracker, make_if_missing)
    assert seen.refusal is None
    assert seen.late == {"looked": {"made.txt": {"kind": "file"}}}


def test_change_during_the_run_is_refused(here, tracker):
    """A file that somebody else changes while the run goes on makes the run unrepeatable."""

    def run():
        Path("data/prices.csv").read_text()
        subprocess.run("echo more >> data/prices.csv", shell=True, check=True)

    assert "changed on disk while it ran" in watch(tracker, run).refusal


def test_interpreters_and_sessions_files_do_not_count(here, tracker):
    """Files of the interpreter, of distributions, caches and devices are no dependency."""

    def run():
        open(os.__file__).close()
        open(np.__file__).close()
        open(os.devnull).close()
        Path("__pycache__").mkdir()
        Path("__pycache__/x.pyc").write_bytes(b"")

    assert watch(tracker, run).late is None


def test_import_of_a_local_module_is_not_a_read_file(here, tracker, monkeypatch):
    """An import reads its files through the import system: that is the module tracker's."""
    Path("lm_imported.py").write_text("x = 1")
    monkeypatch.syspath_prepend(str(here))
    try:
        seen = watch(tracker, lambda: __import__("lm_imported"))
    finally:
        sys.modules.pop("lm_imported", None)
    assert seen.late is None


@linux_only
def test_search_for_distributions_is_no_listing(here, tracker, monkeypatch):
    """The search lists the working directory on its path, also by the backport: no input."""
    pytest.importorskip("importlib_metadata")  # puts a finder of its own into sys.meta_path
    monkeypatch.syspath_prepend("")

    def run():
        importlib.metadata.version("numpy")
        list(importlib.metadata.distributions())

    assert watch(tracker, run).late is None


@linux_only
def test_notebooks_saved_by_jupyter_do_not_count(here, tracker):
    """Jupyter's saving of the notebook during the run leaves nothing; a command's look counts."""
    saving = "cp a.ipynb .~a.ipynb; echo 2 > a.ipynb; rm .~a.ipynb"
    Path("a.ipynb").write_text("1")
    Path("save").write_text(saving)
    seen = watch(tracker, lambda: subprocess.run(["sh", "save"], check=True))
    assert seen.refusal is None
    assert list(seen.late["read"]) == ["save"]
    seen = watch(tracker, lambda: subprocess.run(["cat", "a.ipynb"], check=True))
    assert list(seen.late["read"]) == ["a.ipynb"]


def test_patches_and_descriptors_are_given_back(here, tracker):
    """After a run every function is the original, and no folder is watched any more."""
    import builtins

    names = [(builtins, "open"), (io, "open"), (os, "open"), (os, "stat"), (os, "scandir")]
    before = [getattr(*name) for name in names]
    open_before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            watch(tracker, lambda: 1 / 0)
    assert all(getattr(*name) is old for name, old in zip(names, before, strict=True))
    if sys.platform == "linux":
        assert len(os.listdir("/proc/self/fd")) <= open_before + 1
        for name in Path("/proc/self/fdinfo").iterdir():
            assert "inotify wd:" not in name.read_text() if name.exists() else True


def test_nested_runs_each_see_the_file(here, tracker):
    """A file read in a nested run is a dependency of both; one read outside, of one."""
    tracker.start()
    Path("data/prices.csv").read_text()
    inner = watch(tracker, lambda: np.load("data/prices.npy"))
    outer = tracker.finish()
    assert list(inner.late["read"]) == ["data/prices.npy"]
    assert list(outer.late["read"]) == ["data/prices.csv", "data/prices.npy"]


def test_nested_hit_is_absorbed(here, tracker):
    """Files that a nested hit depended on count for the run around it."""
    inner = late_of(watch(tracker, lambda: Path("data/prices.csv").read_text()))
    tracker.start()
    tracker.absorb(inner)
    assert tracker.finish().late == inner


def test_unchanged_file_is_read_once(here, monkeypatch):
    """A file whose stamp is old and unchanged is not read a second time."""
    path = str(here / "data" / "prices.csv")
    os.utime(path, (1, 1))
    reads = []
    original = digests._read
    monkeypatch.setattr(digests, "_read", lambda given: (reads.append(given), original(given))[1])

    def later():
        return time.time() + 100

    assert file_digest(path, clock=later) == file_digest(path, clock=later)
    assert reads == [path]


def test_fresh_stamp_is_not_trusted(here, monkeypatch):
    """A file changed within the last two seconds is read again: its stamp may not move."""
    path = str(here / "data" / "prices.csv")
    first = file_digest(path)
    status = os.stat(path)
    Path(path).write_text("a,b\n9,9\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert file_digest(path) != first


def test_table_goes_from_process_to_process(here):
    """The table of digests can be exported as JSON and taken over."""
    path = str(here / "data" / "prices.csv")
    file_digest(path, clock=lambda: time.time() + 100)
    data = json.loads(json.dumps(digests.export_table()))
    digests._table.clear()
    digests.import_table(data)
    assert path in digests._table


@linux_only
def test_watched_folders_are_few(here):
    """Only so many folders below the working directory are watched, hidden ones never."""
    for number in range(200):
        Path(f"many/{number}").mkdir(parents=True)
    Path(".hidden").mkdir()
    folders = Scope().folders()
    assert len(folders) == 64
    assert str(here / ".hidden") not in folders


def test_a_watch_that_is_closed_tells_nothing(here):
    """A closed folder watch has no events and may be closed again."""
    folders = FolderWatch([str(here)])
    folders.close()
    folders.close()
    assert list(folders.drain()) == []


_CHILD = """
import json
from nbcache.deps.files import FileTracker
tracker = FileTracker()
tracker.start()
import os
open("data/prices.csv").read()
os.listdir("data")
seen = tracker.finish()
print(json.dumps(seen.late))
"""


def test_records_are_equal_in_processes_with_other_hash_seeds(here):
    """What is recorded of files is equal in every process."""
    outputs = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", _CHILD], env=environment, capture_output=True, check=True
        )
        outputs.append(json.loads(done.stdout))
    assert outputs[0] == outputs[1]
    assert set(outputs[0]) == {"read", "listed"}


_read = os.read  # from before any run, in which reading from a pipe is refused
_LIST_ON_DEMAND = "exec 3<&0; (read word <&3; ls data >/dev/null; echo listed) & exit"


@pytest.fixture
def ask_a_stranger(here):
    """Return a function that lets a process which is no child of ours list the folder `data`."""
    (asked, ask), (told, tell) = os.pipe(), os.pipe()
    subprocess.run(["sh", "-c", _LIST_ON_DEMAND], check=True, stdin=asked, stdout=tell)

    def list_data():
        os.write(ask, b"now\n")
        assert _read(told, 100) == b"listed\n"

    yield list_data
    for descriptor in (asked, ask, told, tell):
        os.close(descriptor)


@linux_only
@pytest.mark.parametrize("has_lister", [True, False])
def test_listing_of_a_stranger_counts_only_if_it_may_be_ours(
    ask_a_stranger, tracker, monkeypatch, has_lister
):
    """A folder that another process lists is no input, unless native code of ours may list it."""
    listers = frozenset({"a"} if has_lister else ())
    monkeypatch.setattr(native, "native_listers", lambda mark: listers)
    assert ("listed" in late_of(watch(tracker, ask_a_stranger))) is has_lister


@linux_only
@pytest.mark.parametrize(("listers", "part"), [({"polars"}, "globbed"), ({"other"}, "listed")])
def test_pattern_of_a_native_reader_counts(here, tracker, monkeypatch, listers, part):
    """Of a folder count the names that match a native reader's pattern, if nobody else lists it."""
    monkeypatch.setattr(native, "native_listers", lambda mark: frozenset(listers))
    late = late_of(watch(tracker, lambda: pl.scan_csv("data/*.csv").collect()))
    assert "data" in late.get(part, {})
    assert ("data" in late.get("listed", {})) is (part == "listed")


@linux_only
def test_listing_of_a_child_counts(here, tracker, monkeypatch):
    """A folder that a child process lists is an input, also if the child was there before."""
    monkeypatch.setattr(native, "native_listers", lambda mark: frozenset())
    child = subprocess.Popen(
        ["sh", "-c", "read word; ls data"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert "data" in late_of(watch(tracker, lambda: child.communicate(b"now\n")))["listed"]
