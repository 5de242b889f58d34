"""Whatever breaks, whenever: no wrong value, and no error that is not the store's own."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import store_faults as faults

from nbcache.errors import StoreError
from nbcache.store.collecting import collect_blobs

DAMAGES = 500
FAILURES = 350
CRASHES = 150
SEED = 8


@pytest.fixture
def location(tmp_path: Path) -> Path:
    faults.build(tmp_path / "store")
    return tmp_path / "store"


def test_damage_anywhere_is_never_a_wrong_value(location: Path) -> None:
    """Files of every kind, broken at drawn places in many ways: misses at most, and healed."""
    draw, tally = random.Random(SEED), Counter[str]()
    files = faults.files_of(location)
    kinds = {path.name if path.suffix else path.parent.name for path in files}
    assert {"output.nbc", "blobs.nbc", "usage.log", "locks"} <= kinds
    for turn in range(DAMAGES):
        path = files[turn % len(files)]
        good, mode = path.read_bytes(), path.stat().st_mode
        tally[faults.damage(path, files, draw)] += 1
        served, refused = faults.use(faults.fresh(location))
        tally["served"] += served
        tally["refused"] += refused
        assert served + refused <= len(faults.KEYS)
        path.unlink(missing_ok=True)
        path.write_bytes(good)
        path.chmod(mode)
    print(f"\ndamages: {DAMAGES} in {len(files)} files, {dict(tally)}")
    assert tally["refused"] > DAMAGES / 4
    assert faults.use(faults.fresh(location)) == (len(faults.KEYS), 0)


def test_a_damaged_store_is_healed_by_storing_again(location: Path) -> None:
    """Whatever was broken, what is stored anew is found, right, and all of it."""
    draw = random.Random(SEED)
    for _ in range(15):
        for path in draw.sample(faults.files_of(location), 4):
            faults.damage(path, faults.files_of(location), draw)
        store = faults.fresh(location)
        faults.use(store)
        for key in faults.KEYS:
            faults.put(store, key, 1)
        assert faults.use(store) == (len(faults.KEYS), 0)
        assert faults.use(faults.fresh(location)) == (len(faults.KEYS), 0)


def test_any_call_of_the_system_may_fail(location: Path) -> None:
    """A full, broken or read-only disk at any call: an error of the store, nothing lost."""
    draw, failed = random.Random(SEED), 0
    with faults.failing_at(0, str) as made:
        faults.work(faults.fresh(location), 3)
    for turn in range(FAILURES):
        number, error = draw.randrange(len(made)) + 1, faults.ERRORS[turn % 4]
        with faults.failing_at(number, faults.refuse(error)):
            failed += faults.is_told_of(lambda turn=turn: faults.work(faults.fresh(location), turn))
        if turn % 3 == 0:
            served, _ = faults.use(faults.fresh(location))
            assert served >= len(faults.KEYS) - 2
    print(f"\nfailing calls: {FAILURES} of {len(made)}, {failed} of which were told of")
    assert failed > FAILURES / 20


def test_a_full_disk_is_not_filled_further(location: Path) -> None:
    """What could not be stored leaves no bytes behind: neither blobs nor unfinished files."""
    before = {path: path.stat().st_size for path in faults.files_of(location)}
    for number in range(1, 40):
        with faults.failing_at(number, faults.refuse(faults.ERRORS[0])) as made:
            try:
                faults.put(faults.fresh(location), "f" * 32, number)
            except StoreError:
                assert made
            else:
                break
        after = {path: path.stat().st_size for path in faults.files_of(location)}
        new = [path for path in after if path not in before and "blobs." not in path.name]
        assert [path for path in new if not path.name.startswith(".blobs")] == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are killed after a fork")
def test_a_process_may_be_killed_at_any_call(tmp_path: Path) -> None:
    """Killed at drawn calls while it stores, replaces, removes and collects: all is right."""
    command = [sys.executable, str(Path(faults.__file__)), str(tmp_path), str(SEED), str(CRASHES)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    print(f"\ncrashes: {run.stdout.strip()} of {CRASHES}")
    assert int(run.stdout) > CRASHES * 0.9


@pytest.mark.parametrize("harm", ["clear", "remove", "collect"])
def test_a_store_may_be_emptied_in_the_middle_of_a_load(tmp_path: Path, harm: str) -> None:
    """Cleared or pruned at any call of a load: the right values, or an error of the store."""
    location, outcomes = tmp_path / "store", Counter[str]()
    stored = faults.put(faults.fresh(location), faults.KEYS[0], 1)
    with faults.failing_at(0, lambda _: None) as made:  # one that nothing disturbs
        faults.fresh(location).load(stored)
    for number in range(len(made), 0, -3):
        store = faults.fresh(location)
        stored = faults.put(store, faults.KEYS[0], 1)

        def empty(_: str, other: object = stored) -> None:
            if harm == "clear":
                shutil.rmtree(location / "joblib", ignore_errors=True)
                return
            faults.fresh(location).remove(other)
            if harm == "collect":
                collect_blobs(str(location / "joblib"))

        with faults.failing_at(number, empty):
            try:
                assert faults.is_right(faults.KEYS[0], store.load(stored))
                outcomes["right"] += 1
            except StoreError:
                outcomes["missed"] += 1
    print(f"\n{harm} in the middle of a load: {dict(outcomes)}")
    assert min(outcomes["right"], outcomes["missed"]) > 0
