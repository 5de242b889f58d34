"""Where a store may lie: in a folder that is its user's alone."""

import os
import pathlib
import stat
from dataclasses import replace

import pytest

from nbcache.entry import Body, Entry
from nbcache.errors import StoreError, StoreUnavailable
from nbcache.store import usage
from nbcache.store.local import LocalStore
from nbcache.store.mounts import is_network_folder

KEY = b"k" * 32
A = "a" * 32
ENTRY = Entry(A, "1" * 16, 5.0, None, 1.0)


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store", KEY)


@pytest.mark.parametrize(
    "name", ["../" + A, "..", "", "a/" + A, A + "/x", A.upper(), A + "\n", "A", "a" * 7, "\0" * 32]
)
def test_names_cannot_leave_the_folder(store, name):
    """Keys and variants with anything but hexadecimal digits are refused everywhere."""
    with pytest.raises(StoreError, match="cannot name"):
        store.find(name)
    for entry in (replace(ENTRY, key=name), replace(ENTRY, variant=name.replace(A, "/"))):
        for act in (store.load, store.remove, lambda entry: store.put(entry, Body(b""))):
            with pytest.raises(StoreError, match="cannot name"):
                act(entry)


def test_folders_and_files_are_private(store):
    """Whatever the umask, folders are 0700 and files 0600."""
    old = os.umask(0)
    try:
        store.put(ENTRY, Body(b""))
    finally:
        os.umask(old)
    paths = [pathlib.Path(store.location), *pathlib.Path(store.location).rglob("*")]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in paths}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
@pytest.mark.parametrize("folder", ["", "joblib"])
def test_folder_that_others_can_write_is_refused(store, mode, folder):
    """A store in which others can write is not used, neither read nor written."""
    stored = store.put(ENTRY, Body(b""))
    os.chmod(os.path.join(store.location, folder), mode)
    for act in (
        lambda: store.find(A),
        lambda: store.load(stored),
        lambda: store.put(ENTRY, Body(b"")),
        lambda: list(store.entries()),
        lambda: store.remove(stored),
    ):
        with pytest.raises(StoreUnavailable, match="chmod go-w"):
            act()


def test_linked_location_is_refused(tmp_path):
    """A location that is a symbolic link is refused with the way out."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(StoreUnavailable, match=r"symbolic link.*NBCACHE_DIR"):
        LocalStore(tmp_path / "link", KEY).put(ENTRY, Body(b""))


def test_location_of_another_user_is_refused(store, monkeypatch):
    """A folder that belongs to someone else is refused."""
    store.put(ENTRY, Body(b""))
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(StoreUnavailable, match="another user"):
        store.find(A)


def test_location_that_is_a_file_is_refused(tmp_path):
    """A file in the store's place is refused with the way out."""
    (tmp_path / "store").write_text("")
    with pytest.raises(StoreUnavailable, match="not a folder"):
        LocalStore(tmp_path / "store", KEY).put(ENTRY, Body(b""))


@pytest.mark.parametrize(
    ("folder", "expected"),
    [("/home/me/c", False), ("/net/data/c", True), ("/mnt/a b/c", True), ("/net/datax", False)],
)
def test_network_folders_are_known_by_their_mount(tmp_path, folder, expected):
    """The longest mount point decides whether a folder is on another machine."""
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda / ext4 rw 0 0\nserver:/x /net/data nfs4 rw 0 0\nsshfs /mnt/a\\040b fuse.sshfs 0\n"
    )
    assert is_network_folder(folder, str(mounts)) is expected


def test_unknown_mounts_are_local(tmp_path):
    """Where the system does not tell its mounts, a folder counts as local."""
    assert not is_network_folder("/x", str(tmp_path / "none"))


@pytest.mark.parametrize("depth", [1, 2])
def test_a_link_in_the_place_of_a_folder_is_not_followed(store, depth):
    """What is stored is found again, and nothing is written where a link leads."""
    store.put(ENTRY, Body(b"x"))
    place = next(pathlib.Path(store.location).rglob("output.nbc")).parents[depth - 1]
    aside = place.rename(pathlib.Path(store.location) / "aside")
    place.symlink_to(aside)
    before = sorted(aside.rglob("*"))
    assert list(store.find(A)) == []
    store.put(ENTRY, Body(b"x"))
    assert len(store.find(A)) == 1
    assert sorted(aside.rglob("*")) == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
@pytest.mark.parametrize("depth", [3, 4])
def test_a_link_in_the_place_of_all_cells_is_refused(store, depth):
    """Nothing is written where a link leads that stands for the folder of all cells."""
    store.put(ENTRY, Body(b"x"))
    place = next(pathlib.Path(store.location).rglob("output.nbc")).parents[depth - 1]
    aside = place.rename(pathlib.Path(store.location) / "aside")
    place.symlink_to(aside)
    with pytest.raises(StoreUnavailable, match="symbolic link"):
        store.put(Entry("b" * 32, "1" * 16, 1.0, None, 1.0), Body(b"x"))
    assert not [path for path in aside.rglob("*") if "b" * 32 in path.name]


def test_a_pipe_in_the_log_of_uses_holds_nobody_up(tmp_path):
    """Neither writing a use nor reading them waits for what is no file, or fails at what is odd."""
    log = tmp_path / usage.FILE_NAME
    os.mkfifo(log)
    usage.note_use(str(tmp_path), usage.Use("a", 1.0))
    assert list(usage.read_uses(str(tmp_path))) == []
    log.unlink()
    log.write_bytes(b"\xff\n" + b"[" * 100_000 + b"\n")
    usage.note_use(str(tmp_path), usage.Use("a", 1.0))
    assert [one.notebook for one in usage.read_uses(str(tmp_path))] == ["a"]
