"""A local store in front of a shared one: who may send what, and what an outage costs."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nbcache.calls.hot import Hot
from nbcache.entry import Body, Entry
from nbcache.errors import (
    DamagedEntry,
    ForeignEntry,
    StoreError,
    StoreUnavailable,
    TooLarge,
)
from nbcache.store import envelope, shared
from nbcache.store.envelope import disclose, enclose, grow, shrink
from nbcache.store.identity import Identity, key_text, parse_key
from nbcache.store.memory import MemoryStore, TieredStore
from nbcache.store.opening import open_local
from nbcache.store.remote import is_url, open_remote
from nbcache.store.shared import RETRY_AFTER, SharedStore
from nbcache.store.signing import load_key

pytest.importorskip("cryptography", reason="cryptography signs what is sent")
KEY = "ab" * 16


class Shelf:
    """A remote in this process that can be switched off, and counts how often it is asked."""

    url = "test://shelf"

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.is_down = False
        self.asked = 0

    def _ask(self) -> None:
        self.asked += 1
        if self.is_down:
            raise StoreUnavailable("The shared store test://shelf cannot be reached: down.")

    def names(self, key: str = "") -> Iterator[str]:
        self._ask()
        return iter([name for name in self.held if name.startswith(key)])

    def get(self, name: str) -> bytes | None:
        self._ask()
        return self.held.get(name)

    def put(self, name: str, data: bytes) -> None:
        self._ask()
        self.held[name] = data

    def remove(self, name: str) -> None:
        self._ask()
        self.held.pop(name, None)


class Person:
    """One user on one machine, with a clock that the test turns."""

    def __init__(self, folder: Path, shelf: Shelf, posture: Any = "on") -> None:
        self.keys = folder / "keys"
        self.told: list[str] = []
        self.now = 0.0
        self.identity = Identity(self.keys)
        local = open_local(folder / "store", key_folder=self.keys, tell=self.told.append)
        self.store = SharedStore(
            local,
            shelf,
            self.identity,
            load_key(self.keys),
            posture=posture,
            tell=self.told.append,
            clock=lambda: self.now,
        )
        self.store._start_worker = lambda: None  # type: ignore[method-assign]

    def put(
        self,
        value: bytes,
        variant: str = "1" * 16,
        stored_at: float = 1.0,
        ttl: float | None = None,
    ) -> Entry:
        stored = self.store.put(Entry(KEY, variant, stored_at, ttl, 1.0), Body(value, [b"buffer"]))
        self.store.flush()
        return stored


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def ada(tmp_path: Path, shelf: Shelf) -> Person:
    return Person(tmp_path / "ada", shelf)


@pytest.fixture
def bob(tmp_path: Path, shelf: Shelf) -> Person:
    return Person(tmp_path / "bob", shelf)


def test_a_trusted_colleagues_entry_is_served(ada: Person, bob: Person) -> None:
    """What Ada stored is found by Bob, verified, kept on his machine and loaded from there."""
    ada.put(b"values")
    bob.identity.trust("Ada", ada.identity.public)
    (found,) = bob.store.find(KEY)
    body = bob.store.load(found)
    assert (body.stream, bytes(body.buffers[0])) == (b"values", b"buffer")
    assert [entry.name for entry in bob.store.entries()] == [found.name]


def test_a_revoked_signers_entries_are_loaded_no_more(
    tmp_path: Path, ada: Person, bob: Person, shelf: Shelf
) -> None:
    """What was fetched is refused in every way once its signer is revoked, and says what to do."""
    ada.put(b"values")
    bob.identity.trust("Ada", ada.identity.public)
    (found,) = bob.store.find(KEY)
    own = bob.store.put(Entry(KEY, "2" * 16, 2.0, None, 1.0), Body(b"own"))
    tiered, hot, local = TieredStore(MemoryStore(), bob.store), Hot(), bob.store.local
    tiered.load(found)
    hot.load(local, found)
    shelf.held.clear()
    assert hot.has(local, found)
    assert {one.name for one in tiered.find(KEY)} == {one.name for one in local.find(KEY)}
    assert bob.identity.revoke("Ada")
    again = Person(tmp_path / "bob", shelf)
    for store in (local, again.store.local, tiered, again.store):
        assert [one.name for one in store.find(KEY)] == [own.name]
    assert not hot.has(local, found)
    for read in (local.load, local.read_all, lambda entry: again.store.push(entry.name)):
        with pytest.raises(ForeignEntry, match=r"signed by Ada .* no longer trusted"):
            read(found)
    (told,) = bob.told
    assert f"trust add NAME {key_text(ada.identity.public)}" in told
    assert [row.name for row in again.store.rows()] == [own.name, found.name]
    bob.identity.trust("Ada", ada.identity.public)
    assert again.store.load(found).stream == b"values"
    strict = open_local(
        bob.store.location, key_folder=bob.keys, environ={"NBCACHE_TRUST": "strict"}
    )
    with pytest.raises(ForeignEntry, match="strict"):
        strict.load(found)
    assert strict.load(own).stream == b"own"


def test_whom_one_had_an_entry_from_is_not_forgotten_by_sending_it(
    tmp_path: Path, ada: Person, bob: Person, shelf: Shelf
) -> None:
    """What Bob had from Ada is Bob's to others, and still hers when it comes back to him."""
    name = ada.put(b"values").name
    bob.identity.trust("Ada", ada.identity.public)
    bob.store.pull(name)
    bob.store.push(name)
    carl = Person(tmp_path / "carl", shelf)
    carl.identity.trust("Bob", bob.identity.public)
    fetched = carl.store.pull(name)
    assert fetched is not None
    assert fetched.origin == {"key": key_text(bob.identity.public), "name": "Bob"}
    back = bob.store.pull(name)
    assert back is not None
    assert back.origin["name"] == "Ada"
    bob.identity.revoke("Ada")
    with pytest.raises(ForeignEntry, match="Ada"):
        bob.store.load(back)


def test_a_strangers_entry_is_not_loaded(ada: Person, bob: Person) -> None:
    """Without trust the entry is a miss, and the word tells whose key it is and what to do."""
    ada.put(b"values")
    assert list(bob.store.find(KEY)) == []
    assert key_text(ada.identity.public) in bob.told[0]
    assert "trust add" in bob.told[0]
    bob.identity.trust("Ada", ada.identity.public)
    assert len(bob.store.find(KEY)) == 1
    bob.identity.revoke("Ada")
    assert bob.identity.signer(ada.identity.public) is None


def test_postures_say_whose_entries_count(tmp_path: Path, ada: Person, shelf: Shelf) -> None:
    """`strict` loads one's own alone, `off` everybody's; both still verify the signature."""
    entry = ada.put(b"values")
    strict, open_to_all = (Person(tmp_path / p, shelf, p) for p in ("strict", "off"))
    strict.identity.trust("Ada", ada.identity.public)
    assert list(strict.store.find(KEY)) == []
    assert len(open_to_all.store.find(KEY)) == 1
    shelf.held[entry.name] = shelf.held[entry.name][:-1] + b"?"
    other = Person(tmp_path / "other", shelf, "off")
    assert list(other.store.find(KEY)) == []


@pytest.mark.parametrize("place", [0, 8, 40, 104, 120, 140, 170, 400, -1])
def test_a_changed_byte_executes_nothing(
    ada: Person, bob: Person, shelf: Shelf, place: int
) -> None:
    """Whichever byte was changed on the way, nothing of the entry is loaded."""
    entry = ada.put(pickle.dumps([1]) * 40)
    bob.identity.trust("Ada", ada.identity.public)
    data = bytearray(shelf.held[entry.name])
    data[place] ^= 1
    shelf.held[entry.name] = bytes(data)
    assert list(bob.store.find(KEY)) == []
    assert bob.told


def test_an_entry_cannot_take_anothers_name(ada: Person, bob: Person, shelf: Shelf) -> None:
    """A signed entry that was put under another name is refused: its name is signed too."""
    entry = ada.put(b"values")
    bob.identity.trust("Ada", ada.identity.public)
    shelf.held[entry.name.replace("1" * 16, "2" * 16)] = shelf.held[entry.name]
    assert [found.name for found in bob.store.find(KEY)] == [entry.name]


def test_an_outage_costs_one_word(ada: Person, shelf: Shelf) -> None:
    """While the shared store is down everything works here; later it gets what it missed."""
    shelf.is_down = True
    entry = ada.put(b"values")
    assert len(ada.store.find(KEY)) == 1
    asked = shelf.asked
    assert list(ada.store.find("cd" * 16)) == []
    assert shelf.asked == asked
    assert len(ada.told) == 1
    assert "cannot be reached" in ada.told[0]
    shelf.is_down = False
    ada.now += RETRY_AFTER + 1
    assert ada.store.flush() == 0
    assert list(shelf.held) == [entry.name]


def test_a_long_outage_is_told_of_once(ada: Person, shelf: Shelf) -> None:
    """Each try that fails again is silent; the next outage gets a word of its own."""
    for outage in (1, 2):
        shelf.is_down = True
        for _ in range(3):
            ada.now += RETRY_AFTER + 1
            assert list(ada.store.find("cd" * 16)) == []
        assert len(ada.told) == outage
        shelf.is_down = False
        ada.now += RETRY_AFTER + 1
        assert list(ada.store.find("cd" * 16)) == []


def test_a_store_that_never_answers_stops_no_cell(
    ada: Person, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that takes the question and hangs is an outage like any other."""
    answered = threading.Event()
    monkeypatch.setattr(shared, "_PATIENCE_TO_LIST", 0.01)
    monkeypatch.setattr(shelf, "names", lambda key="": answered.wait(60) and iter(()))
    assert list(ada.store.find(KEY)) == []
    assert "no answer" in ada.told[0]
    answered.set()


def test_an_entry_that_is_too_large_holds_up_no_other(
    ada: Person, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an engine never takes is told of and given up; the others are sent."""

    def put(name: str, data: bytes) -> None:
        if name.endswith("1"):
            raise TooLarge(f"Entry {name} stays on this machine.")
        shelf.held[name] = data

    monkeypatch.setattr(shelf, "put", put)
    shelf.is_down = True
    ada.put(b"large")
    assert ada.put(b"small", "2" * 16).name in shelf.held
    assert ada.store.outbox.names() == []
    assert "stays on this machine" in ada.told[0]


def test_an_entry_waits_for_the_store_that_it_was_meant_for(tmp_path: Path, ada: Person) -> None:
    """Of two shared stores over one folder, each gets its own entries alone."""
    shelf = ada.store.remote
    shelf.is_down = True
    ada.put(b"values")
    other = Shelf()
    other.url = "test://elsewhere"
    again = Person(tmp_path / "ada", other)
    assert again.store.flush() == 0
    assert other.held == {}
    shelf.is_down = False
    assert Person(tmp_path / "ada", shelf).store.flush() == 0
    assert len(shelf.held) == 1


def test_more_than_the_memory_is_not_unpacked(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small entry that unfolds to more than this machine holds is refused with the reason."""
    small = shrink(bytes(1 << 20))
    assert small is not None
    assert len(grow("an entry", small)) == 1 << 20
    monkeypatch.setattr(envelope, "_memory_bytes", lambda: 1 << 19)
    with pytest.raises(TooLarge, match="1 MiB"):
        grow("an entry", small)


def test_what_waits_outlives_the_process(tmp_path: Path, ada: Person, shelf: Shelf) -> None:
    """Entries that were not sent are sent by the next session."""
    shelf.is_down = True
    ada.put(b"values")
    shelf.is_down = False
    again = Person(tmp_path / "ada", shelf)
    assert again.store.flush() == 0
    assert len(shelf.held) == 1


def test_an_entry_here_needs_no_network(ada: Person, shelf: Shelf) -> None:
    """A hit on what is here asks the shared store nothing; another variant does."""
    ada.put(b"values")
    asked = shelf.asked
    assert next(iter(ada.store.find(KEY))).key == KEY
    assert shelf.asked == asked
    assert len(list(ada.store.find(KEY))) == 1
    assert shelf.asked == asked + 1


def test_the_newest_colleague_comes_first(ada: Person, bob: Person) -> None:
    """Several variants are offered with the newest first."""
    bob.identity.trust("Ada", ada.identity.public)
    for stored_at, digit in ((1.0, "1"), (3.0, "3"), (2.0, "2")):
        ada.put(b"values", digit * 16, stored_at)
    assert [entry.stored_at for entry in bob.store.find(KEY)] == [3.0, 2.0, 1.0]


def test_what_expired_here_is_renewed_from_colleagues(
    ada: Person, bob: Person, shelf: Shelf
) -> None:
    """A later entry of the same name takes the place of one that expired here; once in a while."""
    bob.identity.trust("Ada", ada.identity.public)
    times = {"stored_at": 1000.0, "ttl": 60.0}
    for person in (ada, bob):
        person.store._now = lambda: times["stored_at"] + 10.0
        person.put(b"old", **times)
    assert next(iter(bob.store.find(KEY))).stored_at == 1000.0
    times["stored_at"] = 2000.0
    assert [entry.stored_at for entry in bob.store.find(KEY)] == [1000.0]  # no later one there
    ada.put(b"new", **times)
    asked = shelf.asked
    assert [entry.stored_at for entry in bob.store.find(KEY)] == [1000.0]
    assert shelf.asked == asked + 1  # the names alone
    bob.now += RETRY_AFTER
    [renewed] = bob.store.find(KEY)
    assert (renewed.stored_at, bytes(bob.store.load(renewed).stream)) == (2000.0, b"new")
    asked = shelf.asked
    assert next(iter(bob.store.find(KEY))).stored_at == 2000.0
    assert shelf.asked == asked


def test_what_is_stored_anew_while_it_is_sent_is_sent_again(
    ada: Person, bob: Person, shelf: Shelf
) -> None:
    """The outbox forgets an entry only if nobody stored it meanwhile."""
    send, later = shelf.put, [2.0]

    def put(name: str, data: bytes) -> None:
        if later:
            ada.store.put(Entry(KEY, "1" * 16, later.pop(), None, 1.0), Body(b"later"))
        send(name, data)

    shelf.put = put  # type: ignore[method-assign]
    ada.put(b"first")
    assert len(ada.store.outbox.names()) == 1
    assert ada.store.flush() == 0
    bob.identity.trust("Ada", ada.identity.public)
    [found] = bob.store.find(KEY)
    assert (found.stored_at, bytes(bob.store.load(found).stream)) == (2.0, b"later")


def test_forgetting_here_leaves_the_shared_store(ada: Person, shelf: Shelf) -> None:
    """Removing an entry frees this machine; colleagues keep theirs."""
    entry = ada.put(b"values")
    ada.store.remove(entry)
    assert list(ada.store.entries()) == []
    assert list(shelf.held) == [entry.name]


def test_what_cannot_be_named_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shared folder that fails between writing and naming keeps no part of an entry."""
    remote: Any = open_remote(f"local://{tmp_path}/team")
    name = f"{'ab' * 16}.{'1' * 16}"
    remote.put(name, b"earlier")
    with monkeypatch.context() as patch:
        patch.setattr(remote._system, "mv", lambda *_: os.stat(tmp_path / "gone"))
        with pytest.raises(StoreUnavailable):
            remote.put(name, b"later")
    assert [path.read_bytes() for path in (tmp_path / "team").rglob("*.*")] == [b"earlier"]
    old, new = (tmp_path / "team" / name[:3] / f"{name}.nbc.{digit * 8}" for digit in "01")
    for part in (old, new):
        part.write_bytes(b"of a process that was killed")
    os.utime(old, (1.0, 1.0))
    assert list(remote.names()) == [name]
    assert (old.exists(), new.exists()) == (False, True)


def test_keys_are_texts_to_send(ada: Person) -> None:
    """A public key survives its text; anything else is refused with the way out."""
    assert parse_key(f" {key_text(ada.identity.public)}\n") == ada.identity.public
    for wrong in ("", "abc", "nbcache-ed25519:abc", key_text(ada.identity.public)[:-2]):
        with pytest.raises(StoreError, match="trust show"):
            parse_key(wrong)


def test_a_list_that_others_can_write_is_not_believed(ada: Person, bob: Person) -> None:
    """Whoever can write the list could add a key."""
    bob.identity.trust("Ada", ada.identity.public)
    os.chmod(bob.keys / "trusted.json", 0o666)
    with pytest.raises(StoreError, match="chmod 600"):
        bob.identity.signer(ada.identity.public)


def test_an_envelope_opens_to_the_receivers_own_entry(ada: Person, bob: Person) -> None:
    """The file inside is signed anew; a file that is none is damaged, not loaded."""
    entry = ada.put(b"values")
    file = ada.store.read_file(entry.name)
    data = enclose(entry.name, file, ada.identity)
    key = load_key(bob.keys)
    with pytest.raises(ForeignEntry):
        disclose(entry.name, data, bob.identity, key)
    bob.identity.trust("Ada", ada.identity.public)
    opened = disclose(entry.name, data, bob.identity, key)
    assert opened != file
    origin = {"key": key_text(ada.identity.public), "name": "Ada"}
    expected = replace(entry, size_bytes=len(opened), origin=origin)
    assert bob.store.adopt(entry.name, opened) == expected
    with pytest.raises(DamagedEntry):
        disclose(entry.name, enclose(entry.name, b"no entry", ada.identity), bob.identity, key)


@pytest.mark.parametrize("name", ["shared-v1.nbs", "shared-v1-small.nbs"])
def test_golden_shared_entries_still_open(tmp_path: Path, bob: Person, name: str) -> None:
    """What an earlier nbcache sent, compressed or not, opens for who trusts its sender."""
    sender = tmp_path / "sender"
    sender.mkdir(mode=0o700)
    (sender / "signing.key").write_bytes(bytes(range(32)))
    (sender / "signing.key").chmod(0o600)
    bob.identity.trust("Ada", Identity(sender).public)
    entry = f"{'0123456789abcdef' * 2}.fedcba9876543210"
    data = (Path(__file__).parent / "golden" / name).read_bytes()
    opened = disclose(entry, data, bob.identity, load_key(bob.keys))
    assert bob.store.adopt(entry, opened).title.startswith("x = 1")


@pytest.mark.parametrize(
    ("place", "expected"),
    [("s3://a/b", True), ("redis://h", True), ("file:///a", False), ("/a", False), (None, False)],
)
def test_urls_are_told_from_folders(place: str | None, expected: bool) -> None:
    """A folder is a store here; any other URL is a remote."""
    assert is_url(place) is expected
