"""Real servers on loopback for the stores' tests: each starts itself and is stopped by its id."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import swift_s3

from nbcache.store.remote import Remote, open_remote

Server = tuple[str, dict[str, Any]]
"""The URL of a store, and what fsspec is to be told of it."""


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


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    """A Redis server of its own on loopback."""
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    pytest.importorskip("redis")
    port = free_port()
    command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", "/tmp"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        wait_until(lambda: answers(port))
        yield f"redis://127.0.0.1:{port}/0", {}
        process.terminate()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Server]:
    """moto's S3 server on loopback, reached through s3fs over HTTP."""
    pytest.importorskip("moto")
    pytest.importorskip("flask", reason="moto's server needs flask")
    s3fs = pytest.importorskip("s3fs")
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    own = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **own}
    ) as process:
        wait_until(lambda: answers(port))
        options = {"key": "testing", "secret": "testing", "endpoint_url": endpoint}
        s3fs.S3FileSystem(**options).mkdir("team")
        yield "s3://team/cache", options
        process.terminate()


@pytest.fixture(scope="session")
def swift_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """OpenStack Swift on loopback with its S3 interface: a real cluster of one machine."""
    s3fs = pytest.importorskip("s3fs")
    if not swift_s3.is_installed():
        packages = "swift-proxy swift-account swift-container swift-object memcached"
        pytest.skip(f"Swift is not installed: apt-get install --no-install-recommends {packages}")
    folder = tmp_path_factory.mktemp("swift")
    ports = {name: free_port() for name in swift_s3.SERVERS}
    user = pwd.getpwuid(os.getuid()).pw_name
    swift_s3.prepare(folder, ports, user)
    with contextlib.ExitStack() as running:
        for name, port in ports.items():
            process = running.enter_context(swift_s3.start(folder, name, port, user))
            running.callback(process.terminate)
        wait_until(lambda: all(map(answers, ports.values())))
        options = {
            "key": swift_s3.USER,
            "secret": swift_s3.SECRET,
            "endpoint_url": f"http://127.0.0.1:{ports['proxy']}",
            "client_kwargs": {"region_name": "us-east-1"},
        }
        s3fs.S3FileSystem(**options).mkdir("swift")
        yield "s3://swift/cache", options


SSHD_CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile {folder}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
"""


@pytest.fixture(scope="session")
def sftp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """OpenSSH's server on loopback, with keys of its own, reached through paramiko."""
    pytest.importorskip("paramiko")
    import fsspec

    server = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if server is None or shutil.which("ssh-keygen") is None:
        pytest.skip("sshd is not installed: apt-get install openssh-server")
    if os.getuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)  # sshd of Debian insists on it
    folder, port = tmp_path_factory.mktemp("sshd"), free_port()
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    (folder / "config").write_text(SSHD_CONFIG.format(port=port, folder=folder))
    command = [server, "-D", "-f", str(folder / "config"), "-E", str(folder / "log")]
    with subprocess.Popen(command) as process:
        wait_until(lambda: process.poll() is not None or answers(port))
        if process.poll() is not None:
            pytest.skip(f"sshd does not start here: {(folder / 'log').read_text()}")
        options = {
            "key_filename": str(folder / "user"),
            "look_for_keys": False,
            "allow_agent": False,
        }
        user = pwd.getpwuid(os.getuid()).pw_name
        yield f"sftp://{user}@127.0.0.1:{port}{folder}/shared", options
        fsspec.get_filesystem_class("sftp").clear_instance_cache()
        process.terminate()


ENGINES = ("folder", "memory", "redis", "s3", "sftp")


def make_remote(
    request: pytest.FixtureRequest, folder: Path, patch: pytest.MonkeyPatch, engine: str
) -> Remote:
    """Return an empty remote on one of the engines; skips where its server can't be had."""
    if engine == "redis":
        return open_remote(request.getfixturevalue("redis_server")[0])
    fsspec = pytest.importorskip("fsspec")
    if engine in ("s3", "swift", "sftp"):
        url, options = request.getfixturevalue(f"{engine}_server")
        patch.setitem(fsspec.config.conf, url.partition(":")[0], options)
        return open_remote(url)
    url = {"folder": f"local://{folder}/shared", "memory": f"memory://{folder}"}
    return open_remote(url[engine])


@pytest.fixture(params=ENGINES)
def remote(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Remote:
    return make_remote(request, tmp_path, monkeypatch, request.param)


@pytest.fixture(params=[*ENGINES, "swift"])
def any_remote(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Remote:
    """Swift too: Debian's 2.30 sends a body after 204, so nothing may follow a removal there."""
    return make_remote(request, tmp_path, monkeypatch, request.param)
