"""Remotes on real servers: a folder, memory, Redis, S3 over HTTP; one contract for all."""

from __future__ import annotations

import pytest

from nbcache.errors import StoreError, StoreUnavailable
from nbcache.store.remote import Remote, open_remote

NAME, SIBLING, OTHER = (
    f"{'ab' * 16}.{'1' * 16}",
    f"{'ab' * 16}.{'2' * 16}",
    f"{'cd' * 16}.{'1' * 16}",
)


def test_bytes_come_back_under_their_name(remote: Remote) -> None:
    """What was put is listed under its key, got whole, replaced whole, and removed."""
    assert list(remote.names("ab" * 16)) == []
    assert remote.get(NAME) is None
    for name in (NAME, SIBLING, OTHER):
        remote.put(name, name.encode() * 1000)
    assert sorted(remote.names("ab" * 16)) == [NAME, SIBLING]
    assert sorted(remote.names()) == [NAME, SIBLING, OTHER]
    assert remote.get(NAME) == NAME.encode() * 1000
    remote.put(NAME, b"another")
    assert remote.get(NAME) == b"another"
    for name in (NAME, SIBLING, OTHER, NAME):
        remote.remove(name)
    assert list(remote.names()) == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "ab", f"{'ab' * 16}.x/y", ""])
def test_a_name_cannot_leave_the_store(remote: Remote, name: str) -> None:
    """Only the names of entries are taken to the engine."""
    with pytest.raises(StoreError, match="cannot name an entry"):
        remote.put(name, b"")
    with pytest.raises(StoreError, match="cannot name an entry"):
        remote.get(name)


@pytest.mark.parametrize("url", ["redis://:secret@127.0.0.1:1/0", "ftp://x:secret@127.0.0.1:1/a"])
def test_an_unreachable_store_is_named_without_its_password(url: str) -> None:
    """The error says which store, and keeps the password to itself."""
    pytest.importorskip("redis" if url.startswith("redis") else "fsspec")
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1") as caught:
        list(open_remote(url).names("ab" * 16))
    assert "secret" not in str(caught.value)
