"""The index of a store: what it says, how it stays true, and what is kept within bounds."""

import hashlib
import multiprocessing
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest

from nbcache.entry import Body, Entry
from nbcache.store import collecting, index, shards
from nbcache.store.limits import Bounds
from nbcache.store.manifests import Manifests
from nbcache.store.opening import open_store
from nbcache.store.rows import HALF_LIFE, worth_of
from nbcache.store.shards import SETTLED_NS, Listings

NOW = time.time()
BIG = 300_000


def key_of(number):
    return hashlib.md5(str(number).encode()).hexdigest()


def entry_of(number, *, cost=1.0, ttl=None, stored_at=NOW, **more):
    key = key_of(number)
    return Entry(key, "1" * 16, stored_at, ttl, cost, title=f"x = {number}", **more)


def put(store, number, body=b"x" * 1000, **fields):
    return store.put(entry_of(number, **fields), Body(body))


@pytest.fixture
def store(place):
    return open_store(**place)


def names(store):
    return {entry.name for entry in store.entries()}


def keys_of(pruning):
    return [name.partition(".")[0] for name in pruning.removed]


def listed(store):
    return {row.name for row in store.rows()}


def settle(store):
    """Let every shard look as if nothing had happened there for a minute."""
    for shard in Path(store.location, "joblib", "nbcache", "cells").iterdir():
        moment = time.time() - 60
        os.utime(shard, (moment, moment))


def test_rows_say_what_the_entries_say(store):
    """A row tells of an entry what its manifest tells, the newest first, also by prefix."""
    first = put(store, 1, ttl=60.0, cost=3.0, notebook="a.ipynb", parts={"source": "s"})
    second = put(store, 2, stored_at=NOW + 5, effects={"pinned": "p", "function": "f"})
    rows = store.rows()
    assert [row.name for row in rows] == [second.name, first.name]
    old = rows[1]
    told = old.key, old.variant, old.expires_at, old.cost, old.notebook, old.title, old.source
    assert told == (first.key, "1" * 16, NOW + 60, 3.0, "a.ipynb", "x = 1", "s")
    assert (rows[0].is_pinned, rows[0].made_by, rows[0].expires_at) == (1, "f", None)
    assert old.size_bytes == first.size_bytes
    assert [row.name for row in store.rows(prefix=first.key[:5])] == [first.name]
    assert store.rows(prefix="x' OR 1") == []


def drop_index(store):
    for path in Path(store.location).glob("index-3.nbi*"):
        path.unlink()


def scribble(store):
    path = Path(store.location, "index-3.nbi")
    path.write_bytes(path.read_bytes()[:8192].replace(b"e", b"\0") + os.urandom(3000))


def make_foreign(store):
    Path(store.location, "index-3.nbi").write_bytes(b"SQLite format 3\0" * 9000)


def age_version(store):
    path = Path(store.location, "index-3.nbi")
    path.write_bytes(path.read_bytes()[:8] + b"\xff" + path.read_bytes()[9:])


def turn_elsewhere(store):
    drop_index(store)
    target = Path(store.location).parent / "precious"
    target.write_text("mine")
    os.symlink(target, Path(store.location, "index-3.nbi"))


def make_folder(store):
    drop_index(store)
    Path(store.location, "index-3.nbi").mkdir()


@pytest.mark.parametrize(
    "harm", [drop_index, scribble, make_foreign, age_version, turn_elsewhere, make_folder]
)
def test_any_other_index_is_made_anew_or_passed_over(store, harm):
    """A missing, damaged, foreign or misled index costs time, and never an answer."""
    put(store, 1)
    put(store, 2)
    assert len(store.rows()) == 2
    harm(store)
    put(store, 3)
    assert listed(store) == names(store)
    assert store.size_bytes >= 3000
    store.prune(Bounds(max_items=1))
    assert len(names(store)) == 1 == len(store.rows())
    precious = Path(store.location).parent / "precious"
    assert not precious.exists() or precious.read_text() == "mine"
    inside = Path(store.location, "index-3.nbi")
    assert inside.is_dir() or inside.stat().st_mode & 0o077 == 0


def test_a_folder_on_another_machine_gets_no_index_file(store, monkeypatch):
    """On a network file system the answers are the same, and no database is put there."""
    monkeypatch.setattr("nbcache.store.index.is_network_folder", lambda folder: True)
    put(store, 1)
    put(store, 2)
    assert listed(store) == names(store)
    assert len(store.prune(Bounds(max_items=1)).removed) == 1
    assert not list(Path(store.location).glob("index*"))


def test_who_meets_an_index_in_the_making_goes_without(store):
    """While another process makes the file, answers and the janitor's round are the same."""
    put(store, 1, ttl=5.0, stored_at=NOW - 100)
    put(store, 2)
    Path(store.location, "index-3.nbi.new").touch()
    assert listed(store) == names(store)
    for _ in store.upkeep(Bounds(expired_for=0.0), NOW):
        pass
    assert names(store) == listed(store) == {entry_of(2).name}


def remove_by_hand(store, number):
    [folder] = Path(store.location).rglob(f"{key_of(number)}.*")
    shutil.rmtree(folder)


def test_changes_behind_its_back_are_found(store):
    """What others add, replace, remove or damage shows, also in shards that seemed settled."""
    for number in range(6):
        put(store, number)
    settle(store)
    assert len(store.rows()) == 6
    remove_by_hand(store, 0)
    put(store, 1, b"y" * 5000, cost=77.0)
    put(store, 99)
    [path] = Path(store.location).rglob(f"{key_of(2)}.*/output.nbc")
    path.write_bytes(b"junk")
    os.utime(path.parents[1])
    settled = {row.key: row for row in store.rows()}
    assert set(settled) == {key_of(number) for number in (1, 3, 4, 5, 99)}
    assert settled[key_of(1)].cost == 77.0
    assert settled[key_of(1)].size_bytes > 5000
    joblib.Memory(store.location, verbose=0).reduce_size(items_limit=2)
    assert listed(store) == names(store)
    joblib.Memory(store.location, verbose=0).clear(warn=False)
    assert (store.rows(), store.size_bytes) == ([], 0)


def test_a_listing_counts_only_once_its_folder_is_settled(tmp_path):
    """A second change within one tick of the clock is seen; a settled folder is not read again."""
    (tmp_path / "a").mkdir()
    moment = tmp_path.stat().st_mtime_ns
    early, late = Listings(lambda: moment + 1), Listings(lambda: moment + SETTLED_NS + 1)
    for listings in (early, late):
        assert listings.folders_in(str(tmp_path)) == ["a"]
    (tmp_path / "b").mkdir()
    os.utime(tmp_path, ns=(moment, moment))
    assert sorted(early.folders_in(str(tmp_path))) == ["a", "b"]
    assert late.folders_in(str(tmp_path)) == ["a"]
    os.utime(tmp_path)
    assert sorted(late.folders_in(str(tmp_path))) == ["a", "b"]
    assert not early.folders_in(str(tmp_path / "none"))


def test_who_sleeps_while_it_lists_takes_nothing_for_settled(store, monkeypatch):
    """What was added in the tick of a listing is found, however long that listing took."""
    first = put(store, 1)
    shard = Path(store.location, "joblib", "nbcache", "cells", first.key[:3])
    moment, slept = shard.stat().st_mtime_ns, []

    def now():
        return moment + 1 + 10**11 * len(slept)

    listings = Listings(now)
    monkeypatch.setattr(time, "time_ns", now)
    for module in (index, shards):
        listing = module.list_folders
        monkeypatch.setattr(
            module, "list_folders", lambda *at, listing=listing: (listing(*at), slept.append(1))[0]
        )
    assert set(listings.folders_in(str(shard))) == {first.name}
    slept.clear()
    assert listed(store) == {first.name}
    monkeypatch.undo()
    second = store.put(replace(first, variant="2" * 16), Body(b""))
    os.utime(shard, ns=(moment, moment))
    assert listed(store) == {first.name, second.name} == set(listings.folders_in(str(shard)))


def test_what_is_shared_counts_once(store):
    """The store's size counts a blob of two entries once, and pruning one frees only its own."""
    data = np.arange(BIG // 8, dtype=np.float64)
    store.put(entry_of(1, cost=1.0), Body(b"1", (data,)))
    alone = store.size_bytes
    store.put(entry_of(2, cost=9.0), Body(b"2", (data,)))
    assert alone > BIG
    assert store.size_bytes < alone + BIG / 2
    pruned = store.prune(Bounds(max_items=1))
    assert keys_of(pruned) == [key_of(1)]
    assert pruned.freed < BIG / 2
    [left] = store.entries()
    assert np.array_equal(np.frombuffer(store.load(left).buffers[0]), data)


def test_worth_is_cost_for_size_and_use():
    """Twice the cost, half the size, or one half-life younger are worth the same step."""
    base = worth_of(1.0, 1000, NOW)
    assert worth_of(2.0, 1000, NOW) == pytest.approx(base + 1)
    assert worth_of(1.0, 500, NOW) == pytest.approx(base + 1)
    assert worth_of(1.0, 1000, NOW + HALF_LIFE) == pytest.approx(base + 1)
    assert worth_of(float("nan"), 0, NOW) < worth_of(1.0, 1, NOW)


def test_the_least_valuable_goes_first_and_pinned_stays(store):
    """What expired goes first, then what is cheap for its size; dear, small and pinned stay."""
    put(store, "expired", ttl=10.0, stored_at=NOW - 100, cost=1e6)
    put(store, "pinned", cost=0.0, effects={"pinned": "x"})
    put(store, "large", b"x" * 50_000, cost=5.0)
    put(store, "small", cost=5.0)
    put(store, "cheap", cost=0.01)
    order = [key_of(name) for name in ("expired", "cheap", "large", "small")]
    rehearsed = store.prune(Bounds(max_items=1), dry_run=True)
    assert keys_of(rehearsed) == order
    assert len(names(store)) == 5
    pruned = store.prune(Bounds(max_items=1))
    assert keys_of(pruned) == order
    assert pruned.freed == rehearsed.freed > 50_000
    assert [row.key for row in store.rows()] == [key_of("pinned")]


def test_what_was_used_or_replaced_meanwhile_is_looked_at_anew(store):
    """An index may be late: what was loaded or stored again since is not taken for old."""
    made = [put(store, number) for number in range(3)]
    for path in Path(store.location).rglob("output.nbc"):
        os.utime(path, (NOW - 50 * 86400, NOW - 50 * 86400))
    store.rows()
    settle(store)
    store.rows()
    store.load(made[1])
    pruned = store.prune(Bounds(max_age=30 * 86400.0))
    assert set(keys_of(pruned)) == {key_of(0), key_of(2)}
    assert listed(store) == {made[1].name}


def test_what_is_replaced_while_others_are_removed_stays(store, monkeypatch):
    """An entry that was stored anew after it was chosen is looked at right before it would go."""
    data = np.arange(BIG // 8, dtype=np.float64)
    for number in range(6):
        store.put(entry_of(number, ttl=5.0, stored_at=NOW - 100), Body(b"", (data + number % 2,)))
    store.rows()
    unlink, renewed = os.unlink, []

    def replacing(path, **more):
        unlink(path, **more)
        left = [number for number in range(6) if key_of(number) not in str(path)]
        if not renewed:
            renewed.append(store.put(entry_of(left[-1]), Body(b"new", (data,))))

    monkeypatch.setattr(os, "unlink", replacing)
    pruned = store.prune(Bounds(expired_for=0.0))
    monkeypatch.undo()
    assert set(pruned.removed) == {entry_of(number).name for number in range(6)} - {renewed[0].name}
    assert names(store) == listed(store) == {renewed[0].name}
    store.collect()
    assert len(blob_files(store)) == 1
    assert BIG < pruned.freed < 2 * BIG
    assert np.array_equal(np.frombuffer(store.load(renewed[0]).buffers[0]), data)


def test_joblibs_limits_go_by_the_last_use(store):
    """``reduce_size`` of our backend removes what was used longest ago, whatever it cost."""
    made = [put(store, number, cost=10.0 - number) for number in range(4)]
    moments = [NOW - 400, NOW - 300, NOW - 200, NOW - 100]
    for entry, moment in zip(made, moments, strict=True):
        [path] = Path(store.location).rglob(f"{entry.name}/output.nbc")
        os.utime(path, (moment, moment))
    store.load(made[0])
    store.reduce_size(items_limit=2)
    assert names(store) == listed(store) == {made[0].name, made[3].name}


def test_a_mapped_buffer_outlives_its_entry(store):
    """A value that was restored by a map stays whole after prune, clear and refill."""
    data = np.arange(1 << 18, dtype=np.float64)
    entry = store.put(entry_of(1), Body(b"", (data,)))
    mapped = np.frombuffer(store.load(entry).buffers[0])
    store.prune(Bounds(max_size=0))
    store.collect()
    assert names(store) == set()
    store.clear()
    store.put(entry_of(1), Body(b"", (data * 2,)))
    assert np.array_equal(mapped, data)
    mapped[0] = 5.0
    [entry] = store.entries()
    assert np.frombuffer(store.load(entry).buffers[0])[1] == 2.0


def test_one_round_of_the_janitor_leaves_a_tidy_store(store):
    """Bounds hold, long expired and unfinished things are gone; what lives is left alone."""
    data = np.ones(BIG // 8)
    store.put(entry_of("old", ttl=5.0, stored_at=NOW - 10 * 86400), Body(b"", (data,)))
    kept = put(store, "kept", ttl=5.0, stored_at=NOW - 60)
    cells = Path(store.location, "joblib", "nbcache", "cells")
    half, fresh = (cells / "abc" / f"{letter * 32}.{'2' * 16}" for letter in "ab")
    for folder in (half, fresh):
        folder.mkdir(parents=True)
        (folder / ".writing-x").write_bytes(b"part")
    [home] = cells.rglob(kept.name)
    (home / ".writing-y").write_bytes(b"part")
    for path in (half / ".writing-x", half, home / ".writing-y"):
        os.utime(path, (NOW - 9000, NOW - 9000))
    former = Path(store.location, "index.nbi")
    former.write_bytes(b"what an earlier version kept")
    assert kept.name in listed(store)
    assert former.exists()
    for _ in store.upkeep(Bounds(expired_for=86400.0), NOW):
        pass
    assert names(store) == {kept.name}
    assert not former.exists()
    assert not half.exists()
    assert (fresh / ".writing-x").exists()
    assert os.listdir(home) == ["output.nbc"]
    assert store.size_bytes < 10_000
    assert not [path for path in Path(store.location).rglob("*-*") if path.stat().st_size >= BIG]


def _fill(location, keys, numbers):
    store = open_store(location, key_folder=keys)
    for number in numbers:
        put(store, number)
        store.rows(prefix="0")
        if number % 3 == 0:
            store.prune(Bounds(max_items=1000, expired_for=0.0))


def test_processes_share_one_index(store, place):
    """Processes that store, list and prune at the same time leave an index that is right."""
    context = multiprocessing.get_context("fork" if os.name == "posix" else "spawn")
    put(store, -1)
    store.rows()
    workers = [
        context.Process(target=_fill, args=(*place.values(), range(n * 15, n * 15 + 15)))
        for n in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    assert len(store.rows()) == 46
    assert listed(store) == names(store)


def test_a_manifest_holds_only_while_its_file_stands(store):
    """A verified manifest serves while its file is untouched; any change has it read again."""
    path, reads = Path(store.location, "x.nbc"), []
    path.parent.mkdir(parents=True, exist_ok=True)

    def read():
        reads.append(0)
        return entry_of(len(reads)), path.stat()

    def get(manifests):
        return manifests.get(str(path), read)

    path.write_bytes(b"first")
    changed = path.stat().st_ctime_ns
    early, late = Manifests(lambda: changed + 1), Manifests(lambda: time.time_ns() + 10**12)
    assert get(early) != get(early)
    assert get(late) is get(late)
    assert len(reads) == 3
    status = path.stat()
    while path.stat().st_ctime_ns == changed:  # until the clock of the file system ticks
        path.write_bytes(b"other")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert get(late) is get(late)
    assert len(reads) == 4
    path.unlink()
    with pytest.raises(FileNotFoundError):
        get(late)


def test_small_values_are_kept_while_their_file_stands(store):
    """What was loaded once comes from memory, unless its file was written to or replaced since, it
    is asked for anew, or it has buffers; each load is the last use."""
    manifests, path, reads = Manifests(), Path(store.location, "x.nbc"), []
    path.parent.mkdir(parents=True, exist_ok=True)

    def load(buffers=(), **how):
        def read():
            reads.append(path.read_bytes())
            return entry_of(0), Body(reads[-1], buffers)

        before = path.stat().st_mtime_ns
        body = manifests.load(str(path), read, **how)[1]
        assert path.stat().st_mtime_ns >= before
        return body.stream, len(reads)

    path.write_bytes(b"first")
    assert [load(), load(), load(anew=True), load()] == [(b"first", n) for n in (1, 1, 2, 2)]
    path.write_bytes(b"other")
    assert [load(), load()] == [(b"other", 3)] * 2
    (path.parent / "y").write_bytes(b"third")
    os.replace(path.parent / "y", path)
    assert load((b"buffer",)) == (b"third", 4)
    assert load() == (b"third", 5)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        manifests.load(str(path), lambda: (path.read_bytes(), None))


def test_values_that_were_kept_are_never_those_of_a_later_entry(store, place, monkeypatch):
    """A process that served an entry serves what another one stored in its place since."""
    [first, later] = [put(store, 1, number, cost=float(len(number))) for number in (b"1", b"22")]
    assert first.name == later.name
    assert bytes(store.load(later).stream) == b"22"
    put(open_store(**place), 1, b"333", cost=3.0)
    monkeypatch.setattr(store._local._manifests, "_clock", lambda: time.time_ns() + 10**10)
    [found] = store.find(first.key)
    assert (found.cost, bytes(store.load(found).stream)) == (3.0, b"333")
    assert bytes(store.load(found).stream) == b"333"


def test_what_is_replaced_while_it_is_read_is_not_kept(store, place, monkeypatch):
    """Values that were read just before another process stored anew serve nobody afterwards."""
    first = put(store, 1, b"1", cost=1.0)
    utime = os.utime

    def replacing(path, *args, **more):
        if more:
            put(open_store(**place), 1, later, cost=float(len(later)))
        utime(path, *args, **more)

    for later in (b"22", b"333"):  # when the file was read, and when it came from memory
        monkeypatch.setattr(os, "utime", replacing)
        assert len(store.load(store.find(first.key)[0]).stream) == len(later) - 1
        monkeypatch.undo()
        [found] = store.find(first.key)
        assert (found.cost, bytes(store.load(found).stream)) == (float(len(later)), later)


def blob_files(store):
    return [path for path in Path(store.location).rglob("*-*") if path.stat().st_size >= BIG]


def test_what_is_forgotten_leaves_no_large_values_behind(store):
    """A removed entry's blobs go at once or in the next round, unless another entry needs them."""
    data = np.arange(BIG // 8 + 1, dtype=np.float64)
    made = [store.put(entry_of(number), Body(b"", (data,))) for number in range(2)]
    store.remove(made[0])
    store.collect_soon()
    assert len(blob_files(store)) == 1
    store.remove(made[1])
    store.collect_soon()
    assert blob_files(store) == []
    store.remove(store.put(entry_of(3), Body(b"", (data,))))
    assert len(blob_files(store)) == 1
    for _ in store.upkeep(Bounds(), time.time()):
        pass
    assert blob_files(store) == []


def test_forgetting_small_entries_looks_at_no_blob(store, monkeypatch):
    """Only blobs of what was removed are looked at: none where it had none, never all of them."""
    data = np.arange(BIG // 8 + 1, dtype=np.float64)
    small, large = put(store, 1), store.put(entry_of(2), Body(b"", (data,)))
    store.put(entry_of(3), Body(b"", (data + 1,)))
    counted, count = [], collecting.counting
    monkeypatch.setattr(collecting, "counting", lambda root: (counted.append(1), count(root))[1])
    monkeypatch.setattr(collecting, "list_blobs", None)
    store.remove(small)
    store.collect_soon()
    assert not counted
    store.remove(large)
    store.collect_soon()
    assert (len(counted), len(blob_files(store))) == (1, 1)


def test_the_least_of_many_goes_whatever_was_used_meanwhile(store):
    """Of many entries with names of two lengths the least valuable go, and none that was used."""
    rng, made = np.random.default_rng(5), {}
    for number, cost in enumerate(rng.permutation(120)):
        longer = key_of(number) * (1 + number % 2)
        entry = Entry(longer, "1" * 16, NOW, None, 1.0 + float(cost))
        made[int(cost)] = store.put(entry, Body(b"x" * 500))
    settle(store)
    order = [row.name for row in sorted(store.rows(), key=lambda row: row.worth)]
    for cost in range(0, 20, 2):
        [path] = Path(store.location).rglob(f"{made[cost].name}/output.nbc")
        os.utime(path, (NOW + 3e9, NOW + 3e9))  # used since: worth more than all others
    removed = store.prune(Bounds(max_items=100)).removed
    used = {made[cost].name for cost in range(0, 20, 2)}
    assert removed == [name for name in order if name not in used][:20]
    assert names(store) == listed(store) == set(order) - set(removed)
