"""Remotes on real servers: a folder, memory, Redis, S3 over HTTP; one contract for all."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbcache.errors import StoreError, StoreUnavailable
from nbcache.store.remote import Remote, open_remote

NAME, SIBLING, OTHER = (
    f"{'ab' * 16}.{'1' * 16}",
    f"{'ab' * 16}.{'2' * 16}",
    f"{'cd' * 16}.{'1' * 16}",
)


def wait_until(is_ready: Any, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not is_ready():
        assert time.monotonic() < until, "the server did not start"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    """A Redis server of its own on loopback."""
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    pytest.importorskip("redis")
    port = free_port()
    command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", "/tmp"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        wait_until(lambda: answers(port))
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """moto's S3 server on loopback, reached through s3fs over HTTP."""
    pytest.importorskip("moto")
    pytest.importorskip("flask", reason="moto's server needs flask")
    s3fs = pytest.importorskip("s3fs")
    import fsspec

    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    own = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **own}
    ) as process:
        wait_until(lambda: answers(port))
        options = {"key": "testing", "secret": "testing", "endpoint_url": endpoint}
        fsspec.config.conf["s3"] = options
        s3fs.S3FileSystem(**options).mkdir("team")
        yield "s3://team/cache"
        del fsspec.config.conf["s3"]
        process.terminate()


@pytest.fixture(params=["folder", "memory", "redis", "s3"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    if request.param == "redis":
        return open_remote(request.getfixturevalue("redis_url"))
    if request.param == "s3":
        return open_remote(request.getfixturevalue("s3_url"))
    pytest.importorskip("fsspec")
    url = {"folder": f"local://{tmp_path}/shared", "memory": f"memory://{tmp_path}"}
    return open_remote(url[request.param])


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
