"""The index file may be damaged anywhere and its writers killed anywhere: no answer is wrong."""

from __future__ import annotations

import itertools
import os
import random
import signal
import time
from pathlib import Path

import pytest
import store_faults as faults

from nbcache.store import page_file
from nbcache.store.names import NameReader
from nbcache.store.page_file import open_pages
from nbcache.store.page_heads import HEAD_BYTES, SPOT, regions_of
from nbcache.store.pages import SHARDS

HITS_IN_EACH_REGION = 12
CRASHES = 40
SEED = 9


def settle(location: Path) -> None:
    """Let every shard look as if nothing had happened there for a minute."""
    for shard in (location / "joblib" / "nbcache" / "cells").iterdir():
        moment = time.time() - 60
        os.utime(shard, (moment, moment))


@pytest.fixture
def location(tmp_path: Path) -> Path:
    faults.build(tmp_path / "store")
    settle(tmp_path / "store")
    faults.fresh(tmp_path / "store").index.rows()
    return tmp_path / "store"


def check(location: Path) -> None:
    """Compare what the index and a look-up say with the folders, by a new process's store."""
    store = faults.fresh(location)
    entries = {entry.name: entry for entry in store.entries()}
    rows = {row.name: row for row in store.index.rows()}
    assert rows.keys() == entries.keys()
    for name, row in rows.items():
        assert (row.size_bytes, row.stored_at) == (
            entries[name].size_bytes,
            entries[name].stored_at,
        )
    paths = {os.path.basename(path) for path, _, _ in store.index.items()}
    assert paths == entries.keys()
    blobs = [path for path in location.rglob("*-*") if path.parent.parent.name == "blobs"]
    needed = {one.name: one.stat().st_size for one in blobs}
    assert store.index.total_bytes() <= sum(needed.values()) + sum(
        row.own_bytes for row in rows.values()
    )
    for key in faults.KEYS:
        assert len(faults.fresh(location).find(key)) == 1
    assert faults.use(faults.fresh(location)) == (len(faults.KEYS), 0)


def is_whole(path: Path) -> bool:
    """Whether every page that has entries can be read, and every name looked up."""
    with open_pages(str(path)) as file:
        pages = [file.page(head) for head in file.heads() if head]
        return sum(len(page.list_names()) for page in pages if page) == len(faults.KEYS)


def places_of(path: Path) -> dict[str, tuple[int, int]]:
    """Return where each region of the file that is in use begins and ends."""
    with open_pages(str(path)) as file:
        [head] = [one for one in file.heads() if one]
        page = file.page(head)
    assert page is not None
    start = page_file._HEADS_AT + head.number * HEAD_BYTES
    spots = page_file._SPOTS_AT + head.number * SHARDS * SPOT.size
    bounds = itertools.accumulate(map(len, regions_of(page)), initial=head.offset)
    regions = ("names", "numbers", "orders", "blobs", "uses", "texts")
    return {
        "magic": (0, page_file._HEADS_AT),
        "head": (start, start + HEAD_BYTES),
        "spots": (spots, spots + SPOT.size),
        **dict(zip(regions, itertools.pairwise(bounds), strict=True)),
    }


def test_damage_in_any_region_is_found_and_healed(location: Path) -> None:
    """Flipped, zeroed, cut or foreign bytes in each region: right answers, and a whole file."""
    path, draw = location / "index-3.nbi", random.Random(SEED)
    good = path.read_bytes()
    for name, (begin, end) in places_of(path).items():
        for turn in range(HITS_IN_EACH_REGION):
            at, data = draw.randrange(begin, end), bytearray(good)
            if turn % 4 == 0:
                data[at : at + 64] = bytes(len(data[at : at + 64]))
            elif turn % 4 == 1:
                data[at : at + 16] = draw.randbytes(len(data[at : at + 16]))
            elif turn % 12 == 3:
                del data[at:]
            else:
                data[at] ^= 1 << draw.randrange(8)
            path.write_bytes(data)
            check(location)
            assert is_whole(path), name


def test_a_look_up_never_trusts_a_damaged_index(location: Path) -> None:
    """A reader that has the file open since before sees right names or none, whatever it holds."""
    path, draw = location / "index-3.nbi", random.Random(SEED)
    good, [shard] = path.read_bytes(), (location / "joblib" / "nbcache" / "cells").iterdir()
    reader, status = NameReader(str(path)), shard.lstat()
    mark = status.st_mtime_ns, status.st_ino
    right = reader.read(str(shard), *mark)
    assert right is not None
    assert set(right.split()) == {f"{shard.name}/{one.name}" for one in shard.iterdir()}
    begin, end = places_of(path)["names"]
    for _ in range(200):
        data = bytearray(good)
        data[draw.randrange(begin, end)] ^= 1 << draw.randrange(8)
        path.write_bytes(data)  # in place
        assert reader.read(str(shard), *mark) is None
    path.write_bytes(good[: begin + 10])
    assert reader.read(str(shard), *mark) is None
    path.write_bytes(good)
    assert reader.read(str(shard), *mark) == right
    assert reader.read(str(shard), mark[0] + 1, mark[1]) is None


def test_a_damaged_note_of_a_place_is_mended_by_who_meets_it(location: Path) -> None:
    """Whoever looks a key up gets the names, and the next one finds the file as it was."""
    path, draw = location / "index-3.nbi", random.Random(SEED)
    good, [shard] = path.read_bytes(), (location / "joblib" / "nbcache" / "cells").iterdir()
    status, start = shard.lstat(), page_file._SPOTS_AT + int(shard.name, 16) * SPOT.size
    mark = status.st_mtime_ns, status.st_ino
    right = NameReader(str(path)).read(str(shard), *mark)
    assert right is not None
    for at in range(start, start + SPOT.size):
        data = bytearray(good)
        data[at] ^= 1 << draw.randrange(8)
        path.write_bytes(data)
        assert NameReader(str(path)).read(str(shard), *mark) == right
        assert path.read_bytes() == good
    path.write_bytes(good[:start] + bytes(SPOT.size) + good[start + SPOT.size :])
    damaged = path.read_bytes()
    assert NameReader(str(path)).read(str(shard), mark[0] + 1, mark[1]) is None
    assert path.read_bytes() == damaged  # another time: it is late, not damaged
    path.chmod(0o400)
    assert NameReader(str(path)).read(str(shard), *mark) in (None, right)


def grow(location: Path) -> None:
    """Change a shard, bring the index up to date, and write it anew."""
    faults.put(faults.fresh(location), faults.KEYS[0], 3)
    settle(location)
    index = faults.fresh(location).index
    index.rows()
    with open_pages(index.path) as file:
        list(file.compact())


def test_any_call_may_fail_while_the_index_is_brought_up_to_date(
    location: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full or broken disk at any call never shows in an answer, only in what it costs."""
    monkeypatch.setattr(page_file, "SLACK_BYTES", -(10**9))
    with faults.failing_at(0, str) as made:
        grow(location)
    for turn in range(len(made)):
        faults.put(faults.fresh(location), faults.KEYS[turn % 6], turn + 4)
        settle(location)
        store = faults.fresh(location)
        with faults.failing_at(turn + 1, faults.refuse(faults.ERRORS[turn % 4])):
            faults.is_told_of(store.index.rows)
        check(location)
    check(location)
    assert is_whole(location / "index-3.nbi")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are killed after a fork")
def test_a_writer_may_be_killed_at_any_call(
    location: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while it adds pages or writes the file anew: the next answer is right."""
    monkeypatch.setattr(page_file, "SLACK_BYTES", -(10**9))
    monkeypatch.setattr(page_file, "_ABANDONED_AFTER", -1.0)
    draw, died = random.Random(SEED), 0
    with faults.failing_at(0, str) as made:
        grow(location)
    for _ in range(CRASHES):
        child = os.fork()
        if child == 0:
            number = draw.randrange(len(made)) + 1
            with faults.failing_at(number, lambda name: os.kill(os.getpid(), signal.SIGKILL)):
                grow(location)
            os._exit(0)
        draw.random()
        died += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        settle(location)
        check(location)
    grow(location)
    check(location)
    assert is_whole(location / "index-3.nbi")
    assert died > CRASHES * 0.9
    assert not (location / "index-3.nbi.new").exists()
