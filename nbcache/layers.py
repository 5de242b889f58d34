"""Where settings come from below a cell: config files, pyproject, the notebook, the environment.

Each source is a layer of options with its origin, weakest first; a value knows where it is from.
"""

from __future__ import annotations

import difflib
import importlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nbcache.duration import parse_duration
from nbcache.errors import OptionError
from nbcache.jupyter_config import jupyter_settings
from nbcache.option_values import parse_size
from nbcache.options import OPTIONS, canonical, read_options
from nbcache.policy import Policy, build_policy

VARIABLES = {
    name: f"NBCACHE_{name.upper()}"
    for name in ("ttl", "policy", "store", "max_size", "max_entry_size", "max_age")
}
"""Options that the environment sets for cells and functions that do not name them."""

NOTEBOOK = "the notebook's metadata"
_BOUNDS = ("max_size", "max_age")
"""Bounds of the whole store where a user sets them; a notebook bounds its own results alone."""

PROJECT = "pyproject.toml"
_PROJECTS = "[tool.nbcache]"
_LONGEST_BYTES = 200_000_000
_notebooks: dict[str, tuple[int, Mapping[str, Any]]] = {}
_projects: dict[str, tuple[int, Mapping[str, Any]]] = {}


@dataclass(frozen=True, slots=True)
class Layer:
    """Options of one source; ``origin`` is how a person calls it."""

    origin: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Setting:
    """One option's value as it stands, and where it comes from."""

    name: str
    value: Any
    origin: str


def find_layers(
    environ: Mapping[str, str], *, configured: Mapping[str, Any], notebook: str, folder: str
) -> list[Layer]:
    """Return the layers of a process, weakest first; empty ones are left out.

    ``configured`` is what IPython's config files say of ``c.NBCache``, ``notebook`` the path of
    the notebook if it is known, ``folder`` the working directory.
    """
    layers = [Layer(f"c.NBCache in {path}", options) for path, options in jupyter_settings()]
    layers.append(Layer("IPython's config, c.NBCache", dict(configured)))
    layers += [project_layer(folder), notebook_layer(notebook, folder)]
    for option, variable in VARIABLES.items():
        if environ.get(variable):
            layers.append(Layer(variable, {option: environ[variable]}))
    return [layer for layer in layers if layer.options]


def project_layer(folder: str) -> Layer:
    """Return what ``[tool.nbcache]`` of the nearest pyproject.toml says."""
    path = _nearest(folder)
    if not path:
        return Layer(PROJECT)
    return Layer(f"{_PROJECTS} in {path}", _known(_projects, path, _read_project))


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
    while True:
        path = os.path.join(folder, PROJECT)
        if os.path.isfile(path):
            return path
        above = os.path.dirname(folder)
        if above == folder:
            return ""
        folder = above


def notebook_layer(notebook: str, folder: str) -> Layer:
    """Return what the notebook's own metadata says under ``nbcache``."""
    path = os.path.join(folder, notebook)
    if not notebook.endswith(".ipynb") or not os.path.isfile(path):
        path = os.path.join(folder, os.path.basename(notebook))
    if not path.endswith(".ipynb") or not os.path.isfile(path):
        return Layer(NOTEBOOK)
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
    found = _toml().loads(text.decode()).get("tool", {}).get("nbcache", {})
    return _placed(found, os.path.dirname(path)) if isinstance(found, dict) else {}


def _toml() -> Any:
    return importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")


def _read_notebook(path: str) -> Mapping[str, Any]:
    if os.path.getsize(path) > _LONGEST_BYTES:
        return {}
    with open(path, encoding="utf-8") as file:
        metadata = json.load(file).get("metadata", {})
    found = metadata.get("nbcache", {})
    if not isinstance(found, dict):
        return {}
    return {name: value for name, value in found.items() if name in OPTIONS or name == "auto"}


def merge(layers: Iterable[Layer]) -> dict[str, Setting]:
    """Return every option that any layer sets, the strongest value of each.

    Raises:
        OptionError: a layer has an option or value that is not understood; it is named.
    """
    found: dict[str, Setting] = {}
    for layer in layers:
        for word, value in layer.options.items():
            try:
                name = word if word in _NOT_OPTIONS else canonical(word)
                if name in OPTIONS:
                    read_options({name: value})
            except OptionError as problem:
                raise OptionError(f"{layer.origin}: {problem}") from None
            found[name] = Setting(name, value, layer.origin)
    return found


_NOT_OPTIONS = frozenset({"auto", "stores"})
"""Settings of a session that are no options of a cell."""


def policy_over(base: Policy, layers: Iterable[Layer], now: float) -> Policy:
    """Return the base policy with all layers laid over it.

    Raises:
        OptionError: a layer is wrong; the message names it.
    """
    settings = merge(_for_cells(layers))
    options = {name: one.value for name, one in settings.items() if name in OPTIONS}
    return build_policy(options, base=base, now=now) if options else base


def _for_cells(layers: Iterable[Layer]) -> Iterator[Layer]:
    """Yield the layers without what bounds the store."""
    for layer in layers:
        left_out = _BOUNDS[1:] if layer.origin == NOTEBOOK else _BOUNDS
        options = {name: one for name, one in layer.options.items() if name not in left_out}
        yield Layer(layer.origin, options)


def store_bounds(layers: Iterable[Layer], now: float) -> tuple[int | None, float | None]:
    """Return how many bytes the store may take, and after how many idle seconds entries go.

    A project bounds the store that it names itself, never the one that all projects share.

    Raises:
        OptionError: a setting is wrong; the message names where it comes from.
    """
    given = [layer for layer in layers if layer.origin != NOTEBOOK]
    place = merge(given).get("store")
    own = [
        layer
        for layer in given
        if not layer.origin.startswith(_PROJECTS) or (place and place.origin == layer.origin)
    ]
    settings = merge(own)
    size, age = (settings[name].value if name in settings else None for name in _BOUNDS)
    return (
        None if size is None else parse_size(size),
        None if age is None else parse_duration(age, now),
    )


def at_its_place(policy: Policy, layers: Sequence[Layer]) -> Policy:
    """Return the policy with the place of its store, where ``store`` is a name.

    Raises:
        OptionError: no store has that name; the nearest one and the source are named.
    """
    if not policy.store or _is_place(policy.store):
        return policy
    settings = merge(layers)
    given = settings.get("stores")
    stores = given.value if given is not None and isinstance(given.value, Mapping) else {}
    if policy.store in stores:
        return replace(policy, store=str(stores[policy.store]))
    source = settings.get("store")
    origin = f"{source.origin}: " if source and source.value == policy.store else ""
    raise OptionError(f"{origin}{no_such_store(policy.store, stores)}")


def no_such_store(name: str, stores: Iterable[str]) -> str:
    """Return what is said of a store's name that nobody gave a place."""
    known = sorted(stores)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    told = f" Did you mean `{near[0]}`?" if near else ""
    told += f" Named stores: {', '.join(known)}." if known else " No store has a name yet."
    return (
        f"`store={name}`: there is no store of that name.{told} Names stand under"
        f" [tool.nbcache.stores] in {PROJECT}; a folder is written ./{name}."
    )


def named_stores(folder: str) -> Mapping[str, str]:
    """Return the places of the stores that the nearest pyproject.toml names."""
    stores = project_layer(folder).options.get("stores")
    return stores if isinstance(stores, Mapping) else {}


def _is_place(text: str) -> bool:
    """Tell whether a text is a folder or a URL, and not the name of one."""
    return "/" in text or os.sep in text or text.startswith((".", "~")) or os.path.isabs(text)
