"""Real Jupyter servers for the tests, each with its own folders, and nothing of the user's."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbcache

PACKAGE = Path(nbcache.__file__).parent
CONFIG = {"ServerApp": {"jpserver_extensions": {"nbcache.server": True}}}
NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}


@dataclass(frozen=True)
class Server:
    """A running server: its kind (``lab`` or ``notebook``), address, notebooks and log."""

    kind: str
    url: str
    folder: Path
    log: Path

    def address(self, name: str) -> str:
        """Return where a notebook is opened."""
        route = "lab/tree" if self.kind == "lab" else "notebooks"
        return f"{self.url}/{route}/{name}"


@contextlib.contextmanager
def serve(kind: str, home: Path, *, with_nbcache: bool = True) -> Iterator[Server]:
    """Run a server in ``home`` until the block ends."""
    notebooks, log = home / "notebooks", home / "server.log"
    notebooks.mkdir(parents=True)
    port = free_port()
    with log.open("wb") as out:
        process = subprocess.Popen(
            command(kind, port, notebooks),
            env=environment(home, with_nbcache=with_nbcache),
            cwd=notebooks,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url, process, log)
        yield Server(kind, url, notebooks, log)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def command(kind: str, port: int, folder: Path) -> list[str]:
    """Return the command line of a server without a password on loopback."""
    module = "jupyterlab" if kind == "lab" else "notebook"
    return [
        *(sys.executable, "-m", module, "--no-browser", "--allow-root"),
        *("--expose-app-in-browser", f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1"),
        *("--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"),
        "--ServerApp.port_retries=0",
    ]


def environment(home: Path, *, with_nbcache: bool) -> dict[str, str]:
    """Return the environment of a server that sees this nbcache, or none at all."""
    ours = ("NBCACHE", "JUPYTER")
    found = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    extensions, config = home / "data" / "labextensions", home / "config"
    extensions.mkdir(parents=True)
    if with_nbcache:
        (extensions / "nbcache").symlink_to(PACKAGE / "labextension")
        write(config / "jupyter_server_config.d" / "nbcache.json", CONFIG)
    else:  # nor the one that may be installed beside the tests
        write(config / "labconfig" / "page_config.json", {"disabledExtensions": {"nbcache": True}})
    news = "@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    write(home / "settings" / news, NO_NEWS)
    return {
        **found,
        "JUPYTER_PATH": str(home / "data"),
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTER_DATA_DIR": str(home / "own"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "NBCACHE_DIR": str(home / "store"),
        "NBCACHE_KEY_DIR": str(home / "keys"),
    }


def write(path: Path, content: object) -> None:
    """Write a file of settings."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers."""
    until = time.monotonic() + 90
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/api", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')[-3000:]}")
