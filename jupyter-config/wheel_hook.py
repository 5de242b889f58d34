"""Puts the front-end extension into the wheel under a name made of its content.

Jupyter servers let browsers keep an extension's files for a year without asking again, so that
every change of them needs another address. The checkout keeps plain names and needs no build.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HOME = "share/jupyter/labextensions/nbcache"


class WheelHook(BuildHookInterface[Any]):
    """Adds the extension's files to the wheel's shared data."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Map each file to its place below a Jupyter data folder."""
        source = Path(self.root) / "nbcache" / "labextension"
        folder = f"static/{digest_of(source / 'static')}"
        described = json.loads((source / "package.json").read_text(encoding="utf-8"))
        described["jupyterlab"]["_build"]["load"] = f"{folder}/remoteEntry.js"
        package = Path(mkdtemp()) / "package.json"
        package.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
        build_data["shared_data"] |= {
            str(package): f"{HOME}/package.json",
            str(source / "schemas"): f"{HOME}/schemas",
            str(source / "static"): f"{HOME}/{folder}",
        }


def digest_of(folder: Path) -> str:
    """Return a short digest of the names and contents of a folder's files."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def get_build_hook() -> type[WheelHook]:
    """Return the hook; hatchling looks for this name."""
    return WheelHook
