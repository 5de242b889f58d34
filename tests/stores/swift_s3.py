"""OpenStack Swift on loopback, all its servers in one folder, speaking S3 (``s3api``).

Debian has it as packages for the system's own Python, which runs this file as a script:
``python3 swift_s3.py FOLDER NAME`` serves one of the servers.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

USER, SECRET = "test:tester", "testing"
PYTHON = "/usr/bin/python3"
SERVERS = ("account", "container", "object", "proxy", "memory")
_CLUSTER = """
[swift-hash]
swift_hash_path_suffix = here
swift_hash_path_prefix = here
[storage-policy:0]
name = only
default = yes
"""
_COMMON = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
"""
_STORAGE = """
devices = {folder}
mount_check = false
disable_fallocate = true
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""
_PROXY = """
[pipeline:main]
pipeline = catch_errors cache s3api tempauth proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memory}
[filter:catch_errors]
use = egg:swift#catch_errors
"""


def is_installed() -> bool:
    """Whether the system's Python has Swift's servers."""
    needed = ("swift-ring-builder", "swift-proxy-server", "swift-object-server", "memcached")
    return all(map(shutil.which, needed))


def prepare(folder: Path, ports: dict[str, int], user: str) -> None:
    """Write the configuration of all servers, and the rings that say where things are."""
    (folder / "disk").mkdir()
    (folder / "swift.conf").write_text(_CLUSTER)
    for name, port in ports.items():
        if name == "memory":
            continue
        text = _COMMON + (_PROXY if name == "proxy" else _STORAGE)
        values = {"name": name, "port": port, "folder": folder, "user": user, **ports}
        (folder / f"{name}-server.conf").write_text(text.format(**values))
        if name == "proxy":
            continue
        ring = [PYTHON, shutil.which("swift-ring-builder") or "", str(folder / f"{name}.builder")]
        place = f"--region 1 --zone 1 --ip 127.0.0.1 --port {port} --device disk --weight 1"
        for words in (["create", "2", "1", "1"], ["add", *place.split()], ["rebalance"]):
            subprocess.run([*ring, *words], check=True, capture_output=True)


def start(folder: Path, name: str, port: int, user: str) -> subprocess.Popen[bytes]:
    """Start one of the servers; its words go to a file in the folder."""
    command = [PYTHON, "-I", __file__, str(folder), name]
    if name == "memory":
        command = ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-u", user]
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def serve(folder: str, name: str) -> None:
    """Serve until the end of the process."""
    import swift.common.utils

    swift.common.utils.SWIFT_CONF_FILE = f"{folder}/swift.conf"
    from swift.common.wsgi import run_wsgi

    options = {}
    if name == "object":
        from swift.obj.server import global_conf_callback

        options["global_conf_callback"] = global_conf_callback
    sys.exit(run_wsgi(f"{folder}/{name}-server.conf", f"{name}-server", **options))


if __name__ == "__main__":
    serve(*sys.argv[1:])
