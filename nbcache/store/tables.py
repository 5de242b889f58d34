"""The tables of an index: what is in them, and how rows come and go."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nbcache.store.rows import COLUMNS, Row

VERSION = 1
_APPLICATION_ID = 0x6E626361
_ROW_MARKS = ", ".join("?" * (len(COLUMNS) + 1))
_SCHEMA = f"""
CREATE TABLE shards (name TEXT PRIMARY KEY, changed_ns INTEGER, scanned_at REAL) WITHOUT ROWID;
CREATE TABLE entries (name TEXT PRIMARY KEY, {", ".join(COLUMNS[1:])}, worth REAL);
CREATE INDEX by_expiry ON entries (stored_at + ttl) WHERE ttl IS NOT NULL;
CREATE INDEX by_worth ON entries (worth, size_bytes);
CREATE INDEX by_use ON entries (used_at, own_bytes);
CREATE INDEX by_name ON entries (name, size_bytes, used_at);
CREATE TABLE blobs (entry TEXT, blob TEXT, bytes INTEGER, PRIMARY KEY (entry, blob)) WITHOUT ROWID;
CREATE INDEX by_blob ON blobs (blob, bytes);
"""


class AnotherVersion(Exception):
    """The database was made by another version of nbcache, or by another program."""


def total_bytes(base: Any) -> int:
    """Return the bytes that all entries take; what they share counts once."""
    [own] = base.execute("SELECT coalesce(sum(own_bytes), 0) FROM entries").fetchone()
    text = "SELECT coalesce(sum(bytes), 0) FROM (SELECT blob, bytes FROM blobs GROUP BY blob)"
    [shared] = base.execute(text).fetchone()
    return int(own + shared)


def freed_bytes(base: Any, row: Row) -> int:
    """Return how many bytes go with an entry: its own, and those that no other one needs."""
    alone = (
        "SELECT coalesce(sum(bytes), 0) FROM blobs AS one WHERE entry = ? AND NOT EXISTS"
        " (SELECT 1 FROM blobs AS o WHERE o.blob = one.blob AND o.entry <> one.entry)"
    )
    [shared] = base.execute(alone, (row.name,)).fetchone()
    return int(row.own_bytes + shared)


def prepare(base: Any) -> None:
    """Set the database up.

    Raises:
        AnotherVersion: somebody else did.
    """
    [found] = base.execute("PRAGMA user_version").fetchone()
    [origin] = base.execute("PRAGMA application_id").fetchone()
    base.execute("PRAGMA synchronous = OFF")
    base.execute("PRAGMA mmap_size = 268435456")
    if (origin, found) == (_APPLICATION_ID, VERSION):
        return
    [tables] = base.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if found or origin or tables:
        raise AnotherVersion
    with contextlib.suppress(Exception):
        base.execute("PRAGMA journal_mode = WAL")  # some file systems cannot
    with writing(base):
        [tables] = base.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables:
            return  # another process was quicker
        for statement in filter(str.strip, _SCHEMA.split(";")):
            base.execute(statement)
        base.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        base.execute(f"PRAGMA user_version = {VERSION}")


@contextlib.contextmanager
def writing(base: Any) -> Iterator[None]:
    """Let changes be seen together, or not at all."""
    base.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        base.execute("ROLLBACK")
        raise
    base.execute("COMMIT")


def known_files(base: Any, shard: str) -> dict[str, tuple[int, int]]:
    """Return inode and change time of each file of a shard, as it was read."""
    text = "SELECT name, inode, changed_ns FROM entries WHERE name >= ? AND name < ?"
    found = base.execute(text, (shard, shard + "g"))
    return {name: (inode, changed_ns) for name, inode, changed_ns in found}


def put(base: Any, row: Row, blobs: Mapping[str, int]) -> None:
    """Take an entry's row, and the blobs that it needs with their sizes."""
    base.execute(f"INSERT OR REPLACE INTO entries VALUES ({_ROW_MARKS})", (*row, row.worth))
    base.execute("DELETE FROM blobs WHERE entry = ?", (row.name,))
    if blobs:
        pairs = [(row.name, blob, size) for blob, size in blobs.items()]
        base.executemany("INSERT OR REPLACE INTO blobs VALUES (?, ?, ?)", pairs)


def drop(base: Any, names: Sequence[tuple[str]]) -> None:
    """Forget rows, each given by its name alone."""
    if names:
        base.executemany("DELETE FROM entries WHERE name = ?", names)
        base.executemany("DELETE FROM blobs WHERE entry = ?", names)


def drop_shard(base: Any, shard: str) -> None:
    """Forget a shard and its rows."""
    drop(base, [(name,) for name in known_files(base, shard)])
    base.execute("DELETE FROM shards WHERE name = ?", (shard,))
