"""The wheel alone enables everything: proven in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment into which nothing but the built wheel was installed."""
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("no checkout here to build a wheel from")
    home = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    run(sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", home / "dist", ROOT)
    venv.create(home / "env", with_pip=False)
    python = home / "env" / "bin" / "python"
    wheel = next((home / "dist").glob("nbcache-*.whl"))
    target = ["--python", python, "install", "--quiet", "--no-deps", "--no-index"]
    run(sys.executable, "-m", "pip", *target, wheel)
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    here = sysconfig.get_path("purelib")  # Jupyter itself comes from the tests' environment
    (Path(packages) / "jupyter.pth").write_text(f"{here}\n", encoding="utf-8")
    return python


def run(*words: object) -> str:
    """Run a program without this checkout on its path; return all that it prints."""
    clean = {
        name: v for name, v in os.environ.items() if not name.startswith(("PYTHON", "JUPYTER"))
    }
    done = subprocess.run(
        [str(word) for word in words],
        env=clean,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def jupyter(python: Path, module: str) -> list[str]:
    """Return the lines that tell of nbcache in a command's list."""
    told = run(
        python, "-c", f"import sys; sys.argv = ['jupyter', 'list']; import {module} as m; m.main()"
    )
    return [line for line in told.splitlines() if "nbcache" in line]


def test_both_extensions_are_enabled(installed: Path) -> None:
    """`jupyter labextension list` and `jupyter server extension list` show nbcache enabled, OK."""
    (lab,) = jupyter(installed, "jupyterlab.labextensions")
    assert "enabled" in lab
    assert "OK" in lab
    server = "\n".join(jupyter(installed, "jupyter_server.extension.serverextension"))
    assert "enabled" in server
    assert "OK" in server


def test_changed_files_have_another_address(installed: Path) -> None:
    """The extension's files stand in a folder named by their content, for browsers that keep
    them for a year, and nothing of them is missing."""
    home = installed.parents[1] / "share" / "jupyter" / "labextensions" / "nbcache"
    load = json.loads((home / "package.json").read_text())["jupyterlab"]["_build"]["load"]
    folder = (home / load).parent
    assert len(folder.name) == 12
    source = ROOT / "nbcache" / "labextension" / "static"
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {
        p.name: p.read_bytes() for p in source.iterdir()
    }
