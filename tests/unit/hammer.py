"""Eight processes at one store: they store, load, list, prune, collect and clear at random.

``python tests/unit/hammer.py 60`` hammers for a minute and prints how often each was done.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter

from nbcache.entry import Body, Entry
from nbcache.errors import DamagedEntry, StoreError
from nbcache.store.limits import Bounds
from nbcache.store.opening import open_store

PROCESSES = 8
KEYS = 60
WEIGHTS = {
    "put": 40, "load": 120, "remove": 3, "rows": 4, "size": 3,
    "prune": 3, "shrink": 1, "upkeep": 2, "reduce_size": 0.2, "clear": 0.2,
}  # fmt: skip
SHARED_BYTES = 150_000
"""Larger than what becomes a blob, and the same for every third version of any key."""


def content(number, version):
    """Return the values that belong to a key and a version, and to no other."""
    seed = f"{number} {version}".encode()
    small = hashlib.sha256(seed).digest() * (1 + version % 50)
    shared = hashlib.sha256(b"%d" % (version % 3)).digest() * (SHARED_BYTES // 32)
    return seed, (small, shared) if number % 2 else (small,)


def is_whole(number, body):
    """Whether values are those of one version of the key."""
    seed = bytes(body.stream)
    found, version = seed.split()
    if int(found) != number:
        return False
    expected = content(number, int(version))[1]
    return tuple(bytes(buffer) for buffer in body.buffers) == expected


class Worker:
    """One process at work; ``done`` counts what it did and how that ended."""

    def __init__(self, location, keys, seed):
        self.random = random.Random(seed)
        self.store = open_store(location, key_folder=keys, tell=self.hear)
        self.done = Counter()
        self.version = seed * 10**6

    def hear(self, text):
        self.done[f"told: {text[:60]}"] += 1

    def put(self, number):
        self.version += 1
        stream, buffers = content(number, self.version)
        ttl = self.random.choice((None, 0.5))
        variant = f"{self.version % 2:016x}"
        key = hashlib.md5(b"%d" % number).hexdigest()
        entry = Entry(key, variant, time.time(), ttl, self.random.random(), title=str(number))
        self.store.put(entry, Body(stream, buffers))

    def load(self, number):
        for entry in self.store.find(hashlib.md5(b"%d" % number).hexdigest()):
            try:
                body = self.store.load(entry)
            except DamagedEntry as problem:
                self.done[f"damaged: {problem}"] += 1
            except StoreError:
                self.done["gone meanwhile"] += 1
            else:
                self.done["right" if is_whole(number, body) else "WRONG"] += 1

    def remove(self, number):
        for entry in self.store.find(hashlib.md5(b"%d" % number).hexdigest()):
            self.store.remove(entry)

    def rows(self, number):
        assert all(int(row.title) < KEYS for row in self.store.rows())

    def size(self, number):
        assert self.store.size_bytes >= 0

    def prune(self, number):
        self.store.prune(Bounds(max_items=KEYS // 2, expired_for=0.0))

    def shrink(self, number):
        self.store.prune(Bounds(max_size=1_000_000))
        self.store.collect()

    def upkeep(self, number):
        try:
            for _ in self.store.upkeep(Bounds(max_size=2_000_000, expired_for=0.0), time.time()):
                pass
        except Exception as problem:  # the janitor leaves the index to whoever holds it
            if "locked" not in str(problem):
                raise
            self.done["janitor gave way"] += 1

    def reduce_size(self, number):
        self.store.reduce_size(items_limit=KEYS // 3)

    def clear(self, number):
        self.store.clear()

    def work(self, seconds):
        until = time.monotonic() + seconds
        names, weights = list(WEIGHTS), list(WEIGHTS.values())
        while time.monotonic() < until:
            [name] = self.random.choices(names, weights)
            getattr(self, name)(self.random.randrange(KEYS))
            self.done[name] += 1
        return self.done


def _run(location, keys, seed, seconds, answers):
    try:
        answers.put((dict(Worker(location, keys, seed).work(seconds)), ""))
    except BaseException:
        answers.put(({}, traceback.format_exc()))


def hammer(seconds, location, keys, processes=PROCESSES):
    """Return how often each thing was done, and the tracebacks of what failed."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    rest = str(location), str(keys)
    workers = [
        context.Process(target=_run, args=(*rest, seed, seconds, answers))
        for seed in range(1, processes + 1)
    ]
    for worker in workers:
        worker.start()
    found, errors = Counter(), []
    for _ in workers:
        done, error = answers.get(timeout=seconds + 200)
        found.update(done)
        errors += [error] if error else []
    for worker in workers:
        worker.join(60)
    return found, errors


def told(found, seconds):
    """Return the figures as one line."""
    counts = ", ".join(f"{count} {name}" for name, count in found.most_common())
    return f"{PROCESSES} processes, {seconds:g} s: {counts}"


def check(found, errors, location, keys):
    """Hold what was counted, and what is left, against what must be."""
    assert not errors, errors[0]
    bad = {name: n for name, n in found.items() if name.startswith(("WRONG", "damaged", "told"))}
    assert not bad, bad
    assert found["right"]
    assert found["put"]
    store = open_store(str(location), key_folder=str(keys))
    assert {row.name for row in store.rows()} == {entry.name for entry in store.entries()}
    for entry in list(store.entries()):
        assert is_whole(int(entry.title), store.load(entry))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        places = os.path.join(folder, "store"), os.path.join(folder, "keys")
        length = float(sys.argv[1])
        result = hammer(length, *places)
        sys.stdout.write(told(result[0], length) + "\n" + json.dumps(result[1]) + "\n")
        check(*result, *places)
