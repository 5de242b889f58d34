"""What somebody else put into a shared store runs no code, whatever engine it lies on."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nbcache.entry import Body, Entry
from nbcache.errors import StoreError
from nbcache.store.envelope import enclose
from nbcache.store.format import encode
from nbcache.store.identity import Identity
from nbcache.store.opening import open_local
from nbcache.store.remote import Remote
from nbcache.store.shared import SharedStore
from nbcache.store.signing import load_key

pytest.importorskip("cryptography", reason="cryptography signs what is sent")
ENTRY = Entry("ab" * 16, "1" * 16, 5.0, None, 1.0)
BUFFER = random.Random(0).randbytes(200_000)


class Trap:
    """Pickles as a call that leaves a trace when it is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return open, (str(self.trace), "w")


def shared(folder: Path, remote: Remote) -> SharedStore:
    """Return the shared store as one person sees it, who sends when told to."""
    keys = folder / "keys"
    local = open_local(folder / "store", key_folder=keys, tell=lambda text: None)
    store = SharedStore(local, remote, Identity(keys), load_key(keys))
    store._start_worker = lambda: None  # type: ignore[method-assign]
    return store


def evil_pickle(good: bytes, evil: bytes, stranger: Identity) -> bytes:
    return evil


def evil_envelope(good: bytes, evil: bytes, stranger: Identity) -> bytes:
    chunks = encode(ENTRY, Body(evil, (BUFFER,)), b"g" * 32).chunks
    return enclose(ENTRY.name, b"".join(chunks), stranger)


def evil_in_good_envelope(good: bytes, evil: bytes, stranger: Identity) -> bytes:
    inside = b"".join(encode(ENTRY, Body(evil, (BUFFER,)), b"g" * 32).chunks)
    return good[:104] + inside


def evil_over_the_stream(good: bytes, evil: bytes, stranger: Identity) -> bytes:
    place = good.index(b"stream of good values")
    return good[:place] + evil + good[place + len(evil) :]


def flipped(place: float) -> Callable[[bytes, bytes, Identity], bytes]:
    def flip(good: bytes, evil: bytes, stranger: Identity) -> bytes:
        data = bytearray(good)
        data[int(place * (len(data) - 1))] ^= 4
        return bytes(data)

    return flip


def cut(good: bytes, evil: bytes, stranger: Identity) -> bytes:
    return good[: len(good) // 2]


TAMPERINGS = [
    evil_pickle,
    evil_envelope,
    evil_in_good_envelope,
    evil_over_the_stream,
    cut,
    *(flipped(number / 10) for number in range(11)),
]


def test_a_tampered_entry_is_not_loaded_and_runs_nothing(
    any_remote: Remote, tmp_path: Path
) -> None:
    """Payloads, foreign signatures, flipped bits: no value, no trace; the good one is served."""
    remote = any_remote
    ada = shared(tmp_path / "ada", remote)
    trace = tmp_path / "trace"
    evil = pickle.dumps(Trap(trace))
    stream = b"stream of good values".ljust(len(evil) + 50, b".")
    stored = ada.put(ENTRY, Body(stream, (BUFFER,)))
    assert ada.flush() == 0
    good = remote.get(stored.name)
    assert good is not None
    bob = shared(tmp_path / "bob", remote)
    bob._identity.trust("Ada", ada._identity.public)
    stranger = Identity(tmp_path / "stranger")
    for tamper in TAMPERINGS:
        remote.put(stored.name, tamper(good, evil, stranger))
        assert list(bob.find(ENTRY.key)) == []
        with pytest.raises(StoreError):
            bob.load(replace(stored))
    assert not trace.exists()
    remote.put(stored.name, good)
    (found,) = bob.find(ENTRY.key)
    body = bob.load(found)
    assert (body.stream, bytes(body.buffers[0])) == (stream, BUFFER)
    remote.remove(stored.name)
