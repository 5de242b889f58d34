"""Large buffers are stored once, come back as they were, and are missed when they do not."""

import contextlib
import errno
import gc
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import threading

import pytest

from nbcache.entry import Body, Entry
from nbcache.errors import DamagedEntry, ForeignEntry, StoreError
from nbcache.store import blob_lock, blob_writing, blobs, collecting, lanes, mapping, stamps
from nbcache.store.collecting import collect_blobs, size_items
from nbcache.store.local import LocalStore
from nbcache.store.mapping import map_pieces
from nbcache.store.pieces import as_pieces, choose_piece_bytes, cut

KEY = b"k" * 32
BIG = os.urandom(3 << 20)
MIDDLE = os.urandom(200_000)


@pytest.fixture(autouse=True)
def forget_verified(monkeypatch):
    """Each store here is as a new process finds it."""
    monkeypatch.setattr(blobs, "_verified", {})


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store", KEY)


def entry(number=0):
    return Entry(f"{number:032x}", "b" * 16, 5.0, None, 1.0)


def put(store, number, *buffers):
    return store.put(entry(number), Body(b"stream", buffers))


def root_of(store):
    return os.path.join(store.location, "joblib")


def blob_files(store):
    return sorted(
        path for path in pathlib.Path(root_of(store), "nbcache/blobs").rglob("*") if path.is_file()
    )


def loaded(store, stored):
    return [bytes(one) for one in store.load(stored).buffers]


def rows(count, length, seed=0):
    np = pytest.importorskip("numpy")
    return np.random.default_rng(seed).integers(0, 255, (count, length), np.uint8)


def test_buffers_come_back_whatever_their_size(store):
    """Small, middle, mapped and empty buffers, in rows or not, come back in their order."""
    table = rows(40, 20_000)
    large = rows(40, 500_000)
    buffers = [b"", b"small", MIDDLE, BIG, table, BIG, large]
    stored = put(store, 1, *buffers)
    expected = [bytes(memoryview(one).cast("B")) for one in buffers]
    for _ in range(2):  # the second time by their stamps
        assert loaded(store, stored) == expected
        assert not any(memoryview(one).readonly for one in store.load(stored).buffers)
    assert stored.size_bytes > sum(map(len, expected))


def test_what_ten_entries_share_is_stored_once(store):
    """Ten entries with the same buffer cost the bytes of one, and each loads it."""
    stored = [put(store, number, BIG, bytes([number])) for number in range(10)]
    assert sum(path.stat().st_size for path in blob_files(store)) == len(BIG)
    assert all(loaded(store, one)[0] == BIG for one in stored)
    total = sum(item.size_bytes for item in size_items(root_of(store)))
    assert len(BIG) < total < len(BIG) + 50_000


def test_a_changed_row_is_one_new_blob(store):
    """Of a table that is stored again with another row, only that row is written."""
    for count, length in ((50, 8_000), (50, 80_000)):
        table = rows(count, length)
        put(store, 1, table)
        before = set(blob_files(store))
        table[7] += 1
        put(store, 2, table)
        assert len(set(blob_files(store)) - before) == 1


@pytest.mark.parametrize("count", [1_000, 10_000])
def test_versions_of_a_frame_share_their_columns(tmp_path, count):
    """Twenty versions of a frame, one column new in each, take an eighth of joblib's bytes."""
    pd = pytest.importorskip("pandas")
    joblib = pytest.importorskip("joblib")
    np = pytest.importorskip("numpy")
    from nbcache.heap.walk import Walk
    from nbcache.replay.codec import dump

    store = LocalStore(tmp_path / "store", KEY)
    draws = np.random.default_rng(0)
    frame = pd.DataFrame({f"c{n}": draws.random(count) for n in range(50)})
    theirs = 0
    for version in range(20):
        frame = frame.copy()
        frame[f"c{version}"] = draws.random(count)
        body = dump({"bind": {"frame": frame}, "patches": []}, Walk({}))
        store.put(entry(version), body)
        joblib.dump(frame, tmp_path / "dump")
        theirs += (tmp_path / "dump").stat().st_size
    paths = pathlib.Path(store.location).rglob("*")
    ours = sum(path.stat().st_size for path in paths if path.is_file())
    assert ours * 8 <= theirs


def test_pieces_cover_a_buffer_exactly():
    """Whatever the length, pieces follow each other without gap, few and none empty."""
    for count, length in ((1, 70_000), (50, 8_000), (3, 100_001), (2_000, 5_000), (40, 500_001)):
        table = rows(count, length)
        size = choose_piece_bytes(table)
        places = cut(table.nbytes, size)
        assert [end for _, end in places[:-1]] == [start for start, _ in places[1:]]
        assert (places[0][0], places[-1][1]) == (0, table.nbytes)
        assert len(places) <= 256


@pytest.mark.parametrize(
    "record",
    [
        {"piece": 0, "length": 10, "digests": ["0" * 32]},
        {"piece": 10, "length": 1 << 60, "digests": ["0" * 32]},
        {"piece": 10, "length": -1, "digests": []},
        {"piece": 10, "length": 10, "digests": ["../../../etc/passwd"]},
        {"piece": 10, "length": 10, "digests": [5]},
    ],
)
def test_impossible_pieces_are_damaged(record):
    """A table that claims terabytes, or names no blob, is refused before anything is opened."""
    with pytest.raises(DamagedEntry):
        as_pieces(record)


def break_by_flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)


def break_in_place(path):
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.write(b"\0\1\2\3\4\5\6\7")
    path.chmod(0o400)


def break_with_old_times(path):
    before = path.stat()
    break_in_place(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_by_copy(path):
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[0] ^= 255
    path.unlink()
    path.write_bytes(data)
    path.chmod(0o400)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def cut_short(path):
    os.truncate(path, path.stat().st_size - 1)


def grow_to_terabytes(path):
    os.truncate(path, 1 << 40)


def remove(path):
    path.unlink()


def turn_into_link(path):
    path.rename(path.with_suffix(".real"))
    path.symlink_to(path.with_suffix(".real"))


def turn_into_second_name(path):
    os.link(path, path.with_suffix(".second"))


def turn_into_pipe(path):
    path.unlink()
    os.mkfifo(path)


def open_to_others(path):
    path.chmod(0o666)


def link_the_shard(path):
    shard = path.parent
    shard.rename(shard.with_suffix(".real"))
    shard.symlink_to(shard.with_suffix(".real"))


BREAKS = [
    break_by_flip, break_in_place, break_with_old_times, replace_by_copy, cut_short,
    grow_to_terabytes, remove, turn_into_link, turn_into_second_name, turn_into_pipe,
    open_to_others, link_the_shard,
]  # fmt: skip


@pytest.mark.parametrize("harm", BREAKS)
@pytest.mark.parametrize("buffer", [MIDDLE, BIG], ids=["copied", "mapped"])
def test_a_broken_blob_is_a_miss_and_healed(store, harm, buffer):
    """A blob that was touched in any way is never loaded, stamps or not; storing again heals it."""
    stored = put(store, 1, buffer)
    assert loaded(store, stored) == [buffer]  # its stamp is known by now
    harm(blob_files(store)[0])
    with pytest.raises(StoreError):
        store.load(stored)
    if harm is not link_the_shard:
        assert loaded(store, put(store, 2, buffer)) == [buffer]


def test_a_stamped_blob_is_not_read_again(store, monkeypatch):
    """A mapped blob that was verified once is not hashed at the next hit."""
    stored = put(store, 1, BIG)
    store.load(stored)
    monkeypatch.setattr(blobs, "_compare", None)
    assert loaded(store, stored) == [BIG]


@pytest.mark.parametrize("forgery", ["key", "boot", "moved", "garbage", "gone"])
def test_stamps_count_only_from_here_and_now(store, monkeypatch, forgery):
    """Stamps of another key, an earlier boot, another file or none at all: verified anew."""
    stored = put(store, 1, BIG)
    folder = pathlib.Path(store._folder_of(stored))
    (name, known), *_ = stamps.read_stamps(str(folder), KEY).items()
    if forgery == "key":
        stamps.write_stamps(str(folder), {name: known}, b"x" * 32)
    elif forgery == "boot":
        monkeypatch.setattr(stamps, "_boot", lambda: "another")
    elif forgery == "moved":
        stamps.write_stamps(str(folder), {name: known._replace(inode=known.inode + 1)}, KEY)
    elif forgery == "garbage":
        (folder / stamps.FILE_NAME).write_bytes(os.urandom(100))
    else:
        (folder / stamps.FILE_NAME).unlink()
    compared = []
    compare = blobs._compare
    monkeypatch.setattr(blobs, "_compare", lambda *args: (compared.append(1), compare(*args)))
    assert loaded(store, stored) == [BIG]
    assert compared
    compared.clear()
    assert loaded(store, stored) == [BIG]
    assert not compared


def test_coarse_clocks_make_no_fresh_stamps(store, monkeypatch):
    """Where two writes within a tick look like one, what was just written is verified anew."""
    monkeypatch.setattr(stamps, "_has_fine_times", lambda folder: False)
    monkeypatch.setattr(stamps, "_fine", {})
    stored = put(store, 1, BIG)
    assert stamps.read_stamps(store._folder_of(stored), KEY) == {}
    assert loaded(store, stored) == [BIG]


def test_reading_all_believes_no_stamp(store, monkeypatch):
    """What `verify` reads is read to its last byte, though a stamp holds."""
    stored = put(store, 1, BIG)
    store.load(stored)
    compared = []
    compare = blobs._compare
    monkeypatch.setattr(blobs, "_compare", lambda *args: (compared.append(1), compare(*args)))
    assert bytes(store.read_all(stored).buffers[0]) == BIG
    assert compared


def test_a_map_never_writes_to_the_store(store):
    """Writing to a loaded buffer changes neither the store nor the next load."""
    table = rows(40, 500_000)
    stored = put(store, 1, BIG, table)
    first = store.load(stored)
    for buffer in first.buffers:
        memoryview(buffer)[:] = bytes(len(memoryview(buffer)))
    assert loaded(store, stored) == [BIG, table.tobytes()]
    stored = put(store, 2, BIG)  # nothing of it is found wrong
    assert loaded(store, stored) == [BIG]


def test_a_map_outlives_its_entry(store):
    """A loaded buffer stays as it was after its entry and its blobs were removed."""
    table = rows(40, 500_000)
    stored = put(store, 1, table)
    held = store.load(stored).buffers[0]
    store.remove(stored)
    assert collect_blobs(root_of(store)).count == len(cut(table.nbytes, choose_piece_bytes(table)))
    assert bytes(held) == table.tobytes()


def test_maps_hold_no_descriptor_of_many(store, tmp_path, monkeypatch):
    """A buffer in many pieces holds no descriptor open while it lives, and counts its maps."""
    table = rows(120, 150_000)
    stored = put(store, 1, table)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    maps = mapping._held.count
    held = [store.load(stored).buffers[0] for _ in range(20)]
    after = len(os.listdir("/proc/self/fd")) if before else 0
    assert after == before
    assert mapping._held.count == maps + 20 * len(cut(table.nbytes, choose_piece_bytes(table)))
    del held
    gc.collect()
    assert mapping._held.count == maps
    monkeypatch.setattr(mapping, "_MOST_MAPS", maps)
    assert loaded(store, stored) == [table.tobytes()]  # copied, since there are too many
    assert mapping._held.count == maps


def test_pieces_that_cannot_lie_side_by_side_are_copied(store, monkeypatch):
    """Where files cannot be mapped in a row, the buffer is copied and verified."""
    monkeypatch.setattr(blobs, "map_pieces", lambda *_: None)
    table = rows(40, 500_000)
    stored = put(store, 1, table, BIG)
    assert loaded(store, stored) == [table.tobytes(), BIG]
    assert map_pieces([(-1, 5), (-1, 5)], 5) is None


def test_network_folders_are_copied_and_verified(tmp_path):
    """Without maps no stamp is believed: what lies on another machine is read and verified."""
    store = LocalStore(tmp_path / "store", KEY, map_from_bytes=None)
    stored = put(store, 1, BIG)
    assert loaded(store, stored) == [BIG]
    break_in_place(blob_files(store)[0])
    with pytest.raises(DamagedEntry):
        store.load(stored)


def test_blobs_are_private_and_read_only(store):
    """A blob can be read by its owner alone, and is not written to by mistake."""
    put(store, 1, BIG)
    for path in blob_files(store):
        assert stat.S_IMODE(path.stat().st_mode) == 0o400


def test_a_linked_folder_of_blobs_is_refused(store, tmp_path):
    """Nothing is stored through a link in place of the folder of blobs."""
    put(store, 1, BIG)
    folder = pathlib.Path(root_of(store), "nbcache/blobs")
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="symbolic link"):
        put(store, 2, MIDDLE)


def test_only_what_nobody_needs_is_collected(store):
    """Blobs go with the last entry that needs them, strays and unfinished files go too."""
    kept, gone = put(store, 1, BIG, MIDDLE), put(store, 2, MIDDLE, BIG[::-1])
    stray = blob_files(store)[0].parent / ".writing-stray"
    stray.write_bytes(b"half")
    (stray.parents[1] / ".writing-piece").write_bytes(b"half")
    assert collect_blobs(root_of(store)).count == 2
    store.remove(gone)
    told = collect_blobs(root_of(store))
    assert (told.count, told.freed_bytes) == (1, len(BIG))
    assert told.kept_bytes == len(BIG) + len(MIDDLE)
    assert loaded(store, kept) == [BIG, MIDDLE]
    store.remove(kept)
    assert collect_blobs(root_of(store), grace=60.0).count == 0
    assert collect_blobs(root_of(store)).count == 2
    assert blob_files(store) == []


def test_a_blob_that_is_needed_again_meanwhile_stays(store, monkeypatch):
    """An entry stored while a collector looks keeps its blobs, found or new."""
    gone = put(store, 1, BIG)
    store.remove(gone)
    real = collecting.counting
    late = []

    def store_after(root):
        found = yield from real(root)
        late.append(put(store, 2, BIG, MIDDLE))
        return found

    monkeypatch.setattr(collecting, "counting", store_after)
    assert collect_blobs(root_of(store)).count == 0
    assert loaded(store, late[0]) == [BIG, MIDDLE]


def test_nothing_is_collected_while_somebody_stores(store, monkeypatch):
    """A collector gives up while another process holds the blobs; two never work at once."""
    monkeypatch.setattr("nbcache.store.collecting._PATIENCE", 0.0)
    store.remove(put(store, 1, BIG))
    folder = os.path.join(root_of(store), "nbcache/blobs")
    with blob_lock.holding_blobs(folder):
        assert collect_blobs(root_of(store)).count == 0
    with blob_lock.holding_alone(folder, blob_lock.COLLECTOR_NAME):
        assert collect_blobs(root_of(store)).count == 0
    assert collect_blobs(root_of(store)).count == 1


def test_an_entry_of_a_later_format_keeps_its_blobs(store):
    """What this version cannot read stays whole for the version that wrote it."""
    stored = put(store, 1, BIG)
    path = pathlib.Path(store._folder_of(stored), "output.nbc")
    data = bytearray(path.read_bytes())
    data[8] = 99
    path.write_bytes(data)
    assert collect_blobs(root_of(store)).count == 0


def test_limits_of_joblib_count_and_free_blobs(tmp_path):
    """``reduce_size`` of joblib's ``Memory`` sees the bytes of blobs and frees them."""
    pytest.importorskip("joblib")
    from nbcache.store.opening import open_local

    store = open_local(tmp_path / "store", key_folder=tmp_path / "keys")
    stored = [
        store.put(entry(number), Body(b"s", [os.urandom(1 << 20), BIG])) for number in range(4)
    ]
    assert store.size_bytes > 7 << 20
    store.reduce_size(5 << 20)
    files = [path for path in pathlib.Path(store.location).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 6 << 20
    left = list(store.entries())
    assert 1 <= len(left) < 4
    assert all(bytes(store.load(one).buffers[1]) == BIG for one in left)
    store.clear()
    assert list(store.entries()) == []
    assert blob_files(store) == []
    with pytest.raises(StoreError):
        store.load(stored[0])
    assert bytes(store.load(store.put(entry(9), Body(b"s", [BIG]))).buffers[0]) == BIG


def test_a_transported_entry_is_whole(store, tmp_path):
    """An entry is sent as one file with its blobs in it, and split again where it arrives."""
    table = rows(40, 20_000)
    stored = put(store, 1, BIG, table, b"small")
    data = store.read_file(stored.name)
    other = LocalStore(tmp_path / "other", KEY)
    adopted = other.adopt(stored.name, data)
    assert loaded(other, adopted) == [BIG, table.tobytes(), b"small"]
    assert other.read_file(stored.name) == data
    with pytest.raises(DamagedEntry):
        other.adopt(entry(2).name, data)


WRITER = """
import sys
from nbcache.entry import Body, Entry
from nbcache.store.local import LocalStore
from nbcache.store.collecting import collect_blobs
store = LocalStore(sys.argv[1], b"k" * 32)
for turn in range(40):
    number = turn % 5
    buffer = bytes([number]) * 100_000
    entry = Entry(f"{number:032x}", sys.argv[2] * 16, 5.0, None, 1.0)
    stored = store.put(entry, Body(b"", [buffer]))
    if turn % 3 == 0:
        store.remove(stored)
    if turn % 4 == 0:
        collect_blobs(store.location + "/joblib")
"""


def test_processes_that_store_remove_and_collect_lose_nothing(store):
    """Entries that nobody removed are whole after three processes stored and collected at once."""
    command = [sys.executable, "-c", WRITER, store.location]
    writers = [subprocess.Popen([*command, digit]) for digit in "123"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    left = list(store.entries())
    assert len(left) >= 3
    for one in left:
        assert loaded(store, one) == [bytes([int(one.key, 16)]) * 100_000]


def test_a_foreign_blob_among_ours_is_foreign(store, monkeypatch):
    """A blob that belongs to another user is refused, even with the right bytes."""
    stored = put(store, 1, MIDDLE)
    real = os.fstat
    path = blob_files(store)[0]

    def foreign(descriptor):
        status = list(real(descriptor))
        status[4] += os.path.samestat(real(descriptor), path.stat())
        return os.stat_result(status)

    monkeypatch.setattr("nbcache.store.folder.os.fstat", foreign)
    with pytest.raises(ForeignEntry):
        store.load(stored)


@pytest.fixture
def in_pieces(monkeypatch):
    """Buffers are cut every MiB, and digested while they are written, on two threads."""
    monkeypatch.setattr(blob_writing, "choose_piece_bytes", lambda buffer: 1 << 20)
    monkeypatch.setattr(blob_writing, "_STREAM_FROM_BYTES", 1 << 20)
    monkeypatch.setattr(lanes, "count_processors", lambda: 2)


def test_pieces_are_stored_on_two_threads(store, in_pieces):
    """New pieces, known ones and equal ones: each is stored once, and the threads end."""
    before = threading.active_count()
    new = os.urandom(6 << 20)
    half = new[: 3 << 20] + os.urandom(3 << 20)
    late = os.urandom(2 << 20) + new[4 << 20 :]
    for number, (buffer, count) in enumerate(
        [(new, 6), (half, 9), (late, 11), (bytes(6 << 20), 12), (new, 12)]
    ):
        assert loaded(store, put(store, number, buffer)) == [buffer]
        assert len(blob_files(store)) == count
    assert threading.active_count() == before


def test_a_disk_that_fills_up_in_either_thread_leaves_nothing(store, in_pieces, monkeypatch):
    """Whichever chunk fails, the error is the store's own and no bytes are left."""
    real, calls = os.write, []

    def write(descriptor, data):
        if len(data) >= 1 << 18 and len(calls) < 1000:
            calls.append(1)
            if len(calls) == failing:
                raise OSError(errno.ENOSPC, "full")
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    for failing in (1, 3, 7, 12, 16):
        calls.clear()
        with pytest.raises(StoreError, match="the disk is full"):
            put(store, failing, os.urandom(5 << 20))
        assert blob_files(store) == []


def test_a_store_that_is_cleared_while_pieces_are_written_gets_them(store, in_pieces, monkeypatch):
    """Folders that vanish under a writer are made anew, and nothing of the buffer is missing."""
    real, calls = os.write, []

    def write(descriptor, data):
        calls.append(len(data))
        if len(data) >= 1 << 18 and len([n for n in calls if n >= 1 << 18]) == 9:
            shutil.rmtree(os.path.join(root_of(store), "nbcache"), ignore_errors=True)
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    buffer = os.urandom(5 << 20)
    stored = put(store, 1, buffer)
    monkeypatch.undo()
    with contextlib.suppress(StoreError):  # pieces that were there before went with the folder
        assert loaded(store, stored) == [buffer]
    assert loaded(store, put(store, 1, buffer)) == [buffer]
