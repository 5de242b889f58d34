"""Where settings come from below a cell: config files, pyproject, the notebook, the environment.

Each source is a layer of options with its origin, weakest first. Every cell is asked whether a
layer switches caching on, so nothing else is loaded for it.
"""

from __future__ import annotations

import functools
import json
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbcache.jupyter_config import Said, jupyter_settings
from nbcache.options import OPTIONS, is_meant

VARIABLES = {
    name: f"NBCACHE_{name.upper()}"
    for name in ("ttl", "policy", "store", "max_size", "max_entry_size", "max_age")
}
"""Options that the environment sets for cells and functions that do not name them."""

NOTEBOOK = "the notebook's metadata"
PROJECT = "pyproject.toml"
PROJECTS = "[tool.nbcache]"
_LONGEST_BYTES = 200_000_000
_notebooks: dict[str, tuple[int, Mapping[str, Any]]] = {}
_projects: dict[str, tuple[int, Mapping[str, Any]]] = {}


UNREADABLE = "unreadable"
"""Stands for the options of a file that has some and can't be read; its value says why."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Options of one source; ``origin`` is how a person calls it."""

    origin: str
    options: Mapping[str, Any] = field(default_factory=dict)


_NO_PROJECT, _NO_NOTEBOOK = Layer(PROJECT), Layer(NOTEBOOK)


def find_layers(
    environ: Mapping[str, str],
    *,
    configured: Mapping[str, Any],
    notebook: str,
    folder: str,
    jupyter: Said | None = None,
) -> list[Layer]:
    """Return the layers of a process, weakest first; empty ones are left out.

    ``configured`` is what IPython's config files say of ``c.NBCache``, ``notebook`` the path of
    the notebook if it is known, ``folder`` the working directory. ``jupyter`` is what Jupyter's
    config files say, if it is known.
    """
    said = jupyter_settings() if jupyter is None else jupyter
    layers = [Layer(f"c.NBCache in {path}", options) for path, options in said]
    if configured:
        layers.append(Layer("IPython's config, c.NBCache", dict(configured)))
    layers += [project_layer(folder), notebook_layer(notebook, folder)]
    for option, variable in VARIABLES.items():
        if environ.get(variable):
            layers.append(Layer(variable, {option: environ[variable]}))
    return [layer for layer in layers if layer.options]


def names_auto(configured: Mapping[str, Any], notebook: str, folder: str, *, jupyter: Said) -> bool:
    """Tell whether any of these layers switches automatic mode; asked of every cell."""
    if "auto" in configured or any("auto" in options for _, options in jupyter):
        return True
    if "auto" in project_layer(folder).options:
        return True
    return bool(notebook) and "auto" in notebook_layer(notebook, folder).options


def project_layer(folder: str) -> Layer:
    """Return what ``[tool.nbcache]`` of the nearest pyproject.toml says."""
    path = _nearest(folder)
    if not path:
        return _NO_PROJECT
    return Layer(f"{PROJECTS} in {path}", _known(_projects, path, _read_project))


def _placed(options: Mapping[str, Any], folder: str) -> Mapping[str, Any]:
    """Return a project's options with the folders of its named stores under the project's own."""
    stores = options.get("stores")
    if not isinstance(stores, dict):
        return options
    placed = {
        name: place if "://" in str(place) else os.path.join(folder, os.path.expanduser(str(place)))
        for name, place in stores.items()
    }
    return {**options, "stores": placed}


def _nearest(folder: str) -> str:
    for path in _paths_above(folder):
        try:
            if not os.access(path, os.F_OK):  # quicker than an error
                continue
            if stat.S_ISREG(os.stat(path).st_mode):
                return path
        except (OSError, ValueError):
            continue
    return ""


@functools.lru_cache(maxsize=16)
def _paths_above(folder: str) -> tuple[str, ...]:
    """Return where a project's file may lie, the nearest place first."""
    found = [os.path.join(folder, PROJECT)]
    while (above := os.path.dirname(folder)) != folder:
        folder = above
        found.append(os.path.join(folder, PROJECT))
    return tuple(found)


def notebook_layer(notebook: str, folder: str) -> Layer:
    """Return what the notebook's own metadata says under ``nbcache``."""
    if not notebook.endswith(".ipynb"):
        return _NO_NOTEBOOK
    path = os.path.join(folder, notebook)
    if not os.path.isfile(path):
        path = os.path.join(folder, os.path.basename(notebook))
    if not os.path.isfile(path):
        return _NO_NOTEBOOK
    return Layer(NOTEBOOK, _known(_notebooks, path, _read_notebook))


def _known(
    table: dict[str, tuple[int, Mapping[str, Any]]], path: str, read: Any
) -> Mapping[str, Any]:
    """Return what a file says, read again only when it was changed."""
    try:
        changed_at = os.stat(path).st_mtime_ns
        known = table.get(path)
        if known is None or known[0] != changed_at:
            known = table[path] = changed_at, read(path)
    except (OSError, ValueError):
        return {}  # a file that is being written, or none of ours
    return known[1]


def _read_project(path: str) -> Mapping[str, Any]:
    with open(path, "rb") as file:
        text = file.read()
    if b"tool.nbcache" not in text:
        return {}
    try:
        found = _toml().loads(text.decode()).get("tool", {}).get("nbcache", {})
    except ValueError as error:
        return {UNREADABLE: f"the file can't be read: {error}. Mend it: settings stand in it."}
    return _placed(found, os.path.dirname(path)) if isinstance(found, dict) else {}


def _toml() -> Any:
    from importlib import import_module

    return import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")


def _read_notebook(path: str) -> Mapping[str, Any]:
    if os.path.getsize(path) > _LONGEST_BYTES:
        return {}
    with open(path, encoding="utf-8") as file:
        metadata = json.load(file).get("metadata", {})
    found = metadata.get("nbcache", {})
    if not isinstance(found, dict):
        return {}
    is_ours = OPTIONS.__contains__ if "state" in found else is_meant  # a run's record, or a slip
    return {name: value for name, value in found.items() if name == "auto" or is_ours(name)}


def named_stores(folder: str) -> Mapping[str, str]:
    """Return the places of the stores that the nearest pyproject.toml names."""
    stores = project_layer(folder).options.get("stores")
    return stores if isinstance(stores, Mapping) else {}
