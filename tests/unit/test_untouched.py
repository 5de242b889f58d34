"""A digest that is not computed again is the one that computing it would give."""

from __future__ import annotations

import ctypes
import mmap
import os
import random
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nbcache.heap import protection, untouched
from nbcache.heap.blob_maps import BlobMaps
from nbcache.heap.kinds import buffers
from nbcache.heap.protection import Protection
from nbcache.heap.tokens import digest
from nbcache.heap.untouched import Untouched, is_wanted
from nbcache.heap.walk import Walk

PAGE = mmap.PAGESIZE
watched = pytest.mark.skipif(
    not Protection().is_there, reason="this kernel does not tell who writes to memory"
)


def private(pages: int) -> Any:
    """Return anonymous memory of this process as an array of bytes."""
    made = mmap.mmap(-1, pages * PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(made, np.uint8)


def address_of(array: Any) -> int:
    """Return where an array lies."""
    return int(array.__array_interface__["data"][0])


class Asked:
    """Asks for digests of arrays, and counts how many were computed."""

    def __init__(self, known: Untouched | None = None) -> None:
        self.known = known or Untouched()
        self.computed = 0

    def __call__(self, array: Any) -> bytes:
        def compute() -> bytes:
            self.computed += 1
            return digest(array.data)

        return self.known.digest(address_of(array), array.data, compute)


@watched
def test_memory_that_stays_is_digested_twice_at_most() -> None:
    """From the third time on nothing is computed, until a byte is written."""
    memory, ask = private(30), Asked()
    memory[:] = 7
    digests = {ask(memory) for _ in range(9)}
    assert (len(digests), ask.computed) == (1, 2)
    memory[12345] = 8
    assert ask(memory) == digest(memory.data)
    assert ask.computed == 3


@watched
def test_neighbours_on_one_page_are_both_watched() -> None:
    """The columns of a block, wherever they begin, are digested twice until one changes."""
    memory, ask = private(12), Asked()
    parts = [memory[9 : 4 * PAGE + 7], memory[4 * PAGE + 7 : 8 * PAGE + 1], memory[8 * PAGE + 1 :]]
    for _ in range(5):
        assert [ask(one) for one in parts] == [digest(one.data) for one in parts]
    assert ask.computed == 6
    for place in (9, 4 * PAGE + 6, 4 * PAGE + 7, 8 * PAGE, 8 * PAGE + 1, 12 * PAGE - 1):
        memory[place] ^= 1
        assert [ask(one) for one in parts] == [digest(one.data) for one in parts]
        for _ in range(20):
            assert len({ask(one) for one in parts}) > 1
    assert ask.computed <= 6 + 6 * 3 * 2


def test_what_was_written_to_is_watched_ever_more_rarely() -> None:
    """Memory that every cell writes to soon costs nothing but its digest."""

    class Counted(Protection):
        protected = 0

        def protect(self, start: int, end: int) -> bool:
            Counted.protected += 1
            return super().protect(start, end)

    memory, ask = private(4), Asked(Untouched(Counted))
    for turn in range(200):
        memory[turn] += 1
        assert {ask(memory), ask(memory)} == {digest(memory.data)}
    assert Counted.protected <= 8


def write_item(array: Any) -> None:
    array[array.size // 2] += 1


def write_by_view(array: Any) -> None:
    array.view(np.uint8)[-1] ^= 1


def write_by_address(array: Any) -> None:
    ctypes.memset(address_of(array) + array.nbytes // 3, 251, 3)


def write_by_kernel(array: Any) -> None:
    with Path("/dev/zero").open("rb", buffering=0) as source:
        source.readinto(memoryview(array.view(np.uint8))[PAGE : PAGE + 9])


def write_in_thread(array: Any) -> None:
    thread = threading.Thread(target=write_item, args=(array,))
    thread.start()
    thread.join()


def give_pages_back(array: Any) -> None:
    call = ctypes.CDLL(None).madvise
    start = -(-address_of(array) // PAGE) * PAGE + 9 * PAGE
    assert call(ctypes.c_void_p(start), ctypes.c_size_t(PAGE), mmap.MADV_DONTNEED) == 0


@pytest.mark.parametrize(
    "write",
    [
        write_item,
        write_by_view,
        write_by_address,
        write_by_kernel,
        write_in_thread,
        pytest.param(give_pages_back, marks=watched),
    ],
)
def test_every_way_to_write_is_seen(write: Callable[[Any], None]) -> None:
    """A walk sees large arrays change, by whatever way they were written to."""
    array = np.arange(1.0, 1.0 + (untouched.FROM_BYTES >> 3))
    namespace = {"held": [array]}

    def walked() -> Walk:
        walk = Walk(namespace)
        walk.need("held")
        walk.run()
        return walk

    first = walked().roots
    assert all(walked().roots == first for _ in range(4))
    walk = walked()
    assert (walk.roots, walk.changed()) == (first, {})
    write(array)
    assert [walk.objects[one] is array for one in walk.changed()] == [True]
    assert walked().roots != first
    assert buffers.content(array) == buffers._in_leaves(array.view(np.uint8).data)


@watched
@pytest.mark.parametrize("seed", range(6))
def test_digests_are_those_of_the_bytes_whatever_happens(seed: int) -> None:
    """Overlapping places, writes, and memory that comes and goes never bring an old digest."""
    draw, ask = random.Random(seed), Asked()
    blocks = [private(8) for _ in range(3)]
    cuts = sorted(draw.sample(range(2 * PAGE, 6 * PAGE), 2))
    spans = [[0, 8 * PAGE], [9, cuts[0]], cuts, [cuts[1], 8 * PAGE - 9]][seed % 2 :]
    asked = 0
    for _ in range(600):
        place = draw.randrange(3)
        action = draw.random()
        if action < 0.04:
            blocks[place] = private(8)
        elif action < 0.12:
            blocks[place][draw.randrange(8 * PAGE)] = draw.randrange(256)
        else:
            begin, end = draw.choice(spans)
            part = blocks[place][begin:end]
            assert ask(part) == digest(part.data)
            asked += 1
    assert ask.computed < asked


@watched
def test_a_forked_process_knows_nothing() -> None:
    """A child's digests are of its own memory, and what it writes is not the parent's."""
    memory, ask = private(6), Asked()
    before = [ask(memory) for _ in range(4)][-1]
    with warnings.catch_warnings():  # of threads that other tests may have left
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        memory[5] = 1
        os._exit(0 if ask(memory) == digest(memory.data) != before else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ask(memory) == before
    assert ask.computed == 2


@watched
def test_shared_memory_and_files_are_not_watched(tmp_path: Path) -> None:
    """What others may write to behind our back is read each time."""
    path = tmp_path / "bytes"
    path.write_bytes(bytes(8 * PAGE))
    for made in (map_privately(path), mmap.mmap(-1, 8 * PAGE)):
        memory, ask = np.frombuffer(made, np.uint8), Asked()
        for _ in range(5):
            ask(memory)
        assert ask.computed == 5


def map_privately(path: Path) -> mmap.mmap:
    """Return a map of a file that never writes to it."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


@watched
def test_files_that_never_change_are_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restored value that rests on a blob is digested twice at most, until it is written to."""
    monkeypatch.setattr(protection, "_trusted", set())
    (tmp_path / "store").mkdir()
    protection.trust_folder(str(tmp_path / "store"))
    path = tmp_path / "store" / "blob"
    path.write_bytes(bytes(range(256)) * (PAGE // 32))
    memory, ask = np.frombuffer(map_privately(path), np.uint8), Asked()
    path.unlink()
    assert len({ask(memory) for _ in range(6)}) == 1
    assert ask.computed == 2
    memory[3 * PAGE] ^= 1
    assert ask(memory) == digest(memory.data)
    assert ask.computed == 3


@pytest.mark.skipif(
    not BlobMaps(threading.RLock()).is_there, reason="this kernel does not tell what is mapped"
)
@pytest.mark.parametrize("seed", range(4))
def test_parts_of_blobs_are_read_once_wherever_they_are_mapped(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Restored memory has the digest of its bytes, and is read once until it is written to."""
    monkeypatch.setattr(protection, "_trusted", set())
    protection.trust_folder(str(tmp_path))
    draw = random.Random(seed)
    paths = [tmp_path / f"{digit * 32}-{8 * PAGE}" for digit in "ab"]
    for path in paths:
        path.write_bytes(draw.randbytes(8 * PAGE))
    spans = [(0, 8 * PAGE), (5, 3 * PAGE + 1), (3 * PAGE + 1, 8 * PAGE)]
    unwritten = Asked()
    for path in paths * 3:
        memory = np.frombuffer(map_privately(path), np.uint8)
        for begin, end in spans:
            assert unwritten(memory[begin:end]) == digest(memory[begin:end].data)
    assert unwritten.computed == 6
    ask = Asked()
    blocks = [np.frombuffer(map_privately(path), np.uint8) for path in paths]
    for _ in range(300):
        place, action = draw.randrange(2), draw.random()
        if action < 0.1:
            blocks[place] = np.frombuffer(map_privately(draw.choice(paths)), np.uint8)
        elif action < 0.2:
            blocks[place][draw.randrange(8 * PAGE)] = draw.randrange(256)
        begin, end = draw.choice(spans)
        assert ask(blocks[place][begin:end]) == digest(blocks[place][begin:end].data)


def test_nothing_is_watched_where_the_kernel_offers_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the kernel's help every digest is computed, and nobody is told."""
    monkeypatch.setattr("nbcache.heap.protection._userfaultfd", lambda: -1)
    memory, ask = private(6), Asked()
    assert {ask(memory) for _ in range(5)} == {digest(memory.data)}
    assert ask.computed == 5


def test_one_variable_turns_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """``NBCACHE_TRACK_WRITES=0`` leaves memory alone."""
    assert [is_wanted({"NBCACHE_TRACK_WRITES": one}) for one in ("0", " Off", "", "1")] == [
        False,
        False,
        True,
        True,
    ]
    monkeypatch.setattr(untouched.UNTOUCHED, "is_on", False)
    monkeypatch.setattr(untouched.UNTOUCHED, "digest", None)
    memory = private(untouched.FROM_BYTES // PAGE)
    assert buffers.content(memory) == digest(memory.data)
