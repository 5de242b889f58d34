"""Real servers on loopback for the stores' tests: each starts itself and is stopped by its id."""

from __future__ import annotations

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

from nbcache.store.remote import Remote, open_remote


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


@pytest.fixture(scope="session")
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
def sftp_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
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
        fsspec.config.conf["sftp"] = {
            "key_filename": str(folder / "user"),
            "look_for_keys": False,
            "allow_agent": False,
        }
        user = pwd.getpwuid(os.getuid()).pw_name
        yield f"sftp://{user}@127.0.0.1:{port}{folder}/shared"
        del fsspec.config.conf["sftp"]
        fsspec.get_filesystem_class("sftp").clear_instance_cache()
        process.terminate()


@pytest.fixture(params=["folder", "memory", "redis", "s3", "sftp"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    if request.param in ("redis", "s3", "sftp"):
        return open_remote(request.getfixturevalue(f"{request.param}_url"))
    pytest.importorskip("fsspec")
    url = {"folder": f"local://{tmp_path}/shared", "memory": f"memory://{tmp_path}"}
    return open_remote(url[request.param])
