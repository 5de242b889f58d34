"""Whether everything that nbcache needs here is in order, one subject after the other."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nbcache.errors import CacheError, OptionError, StoreError
from nbcache.report import align, format_bytes

if TYPE_CHECKING:
    from nbcache.policy import Policy

_NEEDED = {"ipython": "8.18", "ipykernel": "6.29", "joblib": "1.6", "nbclient": "0.10"}
_LITTLE_SPACE = 1 << 30
_PATIENCE = 10.0
"""Seconds that a shared store has to answer."""

STARTUP_FILE = "50-nbcache.py"
"""The startup file of IPython that `jupyter nbcache enable` writes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: ``ok``, ``note`` or ``problem``, and what to do about the last."""

    subject: str
    state: str
    told: str


def is_well(findings: Sequence[Finding]) -> bool:
    """Tell whether nothing needs attention."""
    return all(finding.state != "problem" for finding in findings)


def as_table(findings: Sequence[Finding]) -> str:
    """Return the findings as a table for people."""
    rows = [(finding.state, finding.subject, finding.told) for finding in findings]
    verdict = "All is well." if is_well(findings) else "Something needs attention: see above."
    return f"{align(('state', 'subject', 'finding'), rows, ())}\n\n{verdict}"


def startup_file(*, for_user: bool) -> Path:
    """Return the place of the startup file."""
    if for_user:
        home = os.environ.get("IPYTHONDIR") or os.path.join(os.path.expanduser("~"), ".ipython")
        return Path(home, "profile_default", "startup", STARTUP_FILE)
    return Path(sys.prefix, "etc", "ipython", "startup", STARTUP_FILE)


def look_around(location: str | None) -> Iterator[Finding]:
    """Yield what was found, one subject after the other; none of them stops the others."""
    looks: tuple[Callable[[str | None], Iterator[Finding]], ...] = (
        _versions, _settings, _kernels, _store, _shared, _startup, _front_end,
    )  # fmt: skip
    for look in looks:
        try:
            yield from look(location)
        except (CacheError, OSError) as problem:
            yield Finding(look.__name__.strip("_"), "problem", str(problem))


def _versions(_: str | None) -> Iterator[Finding]:
    from importlib.metadata import PackageNotFoundError, version

    yield Finding("python", "ok", f"{sys.version.split()[0]} in {sys.prefix}")
    for name, least in _NEEDED.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            yield Finding(name, "problem", f"is missing: python -m pip install {name}")
            continue
        is_enough = _numbers(found) >= _numbers(least)
        told = found if is_enough else f"{found}: nbcache needs {least}, so upgrade it"
        yield Finding(name, "ok" if is_enough else "problem", told)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())


def _settings(_: str | None) -> Iterator[Finding]:
    from nbcache.settings import read_settings

    try:
        settings = read_settings(os.environ)
        _policy_here()
    except OptionError as problem:
        yield Finding("settings", "problem", str(problem))
        return
    names = ("disable", "refresh", "read_only", "require", "trust_all")
    switched = [f"NBCACHE_{name.upper()}" for name in names if getattr(settings, name)]
    told = f"switched on for everything: {', '.join(switched)}" if switched else "nothing unusual"
    yield Finding("settings", "note" if switched else "ok", told)


def _policy_here() -> Policy:
    """Return what holds for a cell of this folder that says nothing itself."""
    from nbcache.layers import at_its_place, policy_over, store_bounds
    from nbcache.policy import Policy
    from nbcache.setting_files import find_layers

    layers = find_layers(os.environ, configured={}, notebook="", folder=os.getcwd())
    store_bounds(layers, 0.0)  # which raises for a wrong one
    return at_its_place(policy_over(Policy(), layers, 0.0), layers)


def _kernels(_: str | None) -> Iterator[Finding]:
    from jupyter_client.kernelspec import KernelSpecManager

    specs = KernelSpecManager().get_all_specs()
    own = [name for name, spec in specs.items() if _is_this_python(spec["spec"]["argv"])]
    others = sorted(set(specs) - set(own))
    if own:
        yield Finding("kernels", "ok", f"{', '.join(own)}: this Python, which has nbcache")
    if others:
        told = f"{', '.join(others)}: other environments need their own `pip install nbcache`"
        yield Finding("kernels", "note", told)
    if not specs:
        yield Finding("kernels", "problem", "none is installed: python -m pip install ipykernel")


def _is_this_python(command: list[str]) -> bool:
    first = command[0] if command else ""
    return os.path.basename(first) == first or os.path.abspath(first) == sys.executable


def _store(location: str | None) -> Iterator[Finding]:
    from nbcache.store.local import prepare_location
    from nbcache.store.opening import open_store

    store = open_store(location)
    prepare_location(store.location)
    free = shutil.disk_usage(store.location).free
    told = f"{store.location}: writable, {format_bytes(free)} free"
    yield Finding("store", "ok" if free > _LITTLE_SPACE else "note", told)
    problems: list[str] = []
    readable = sum(1 for _ in open_store(location, tell=problems.append).entries())
    yield Finding("entries", "ok", f"{readable} readable")
    for sentence in problems:
        yield Finding("entries", "note", sentence)


def _shared(location: str | None) -> Iterator[Finding]:
    """Ask the shared store something, if one is in use, and tell who signs and is trusted."""
    from nbcache.store.identity import Identity, key_text
    from nbcache.store.opening import open_store
    from nbcache.store.patience import within
    from nbcache.store.remote import shown, unreachable

    place = location if location and "://" in location else _policy_here().store
    if not place or "://" not in place:
        return
    remote = open_store(place).remote
    try:
        within(_PATIENCE, lambda: list(remote.names("0" * 32)))
    except TimeoutError as problem:
        yield Finding("shared store", "problem", str(unreachable(remote.url, problem)))
    except StoreError as problem:
        yield Finding("shared store", "problem", str(problem))
    else:
        yield Finding("shared store", "ok", f"{shown(remote.url)} answers")
    identity = Identity()
    people = ", ".join(one.name for one in identity.trusted()) or "nobody besides you"
    told = f"you sign as {key_text(identity.public)}; trusted: {people}"
    yield Finding("signatures", "ok", told)


def _startup(_: str | None) -> Iterator[Finding]:
    places = [startup_file(for_user=True), startup_file(for_user=False)]
    written = [str(path) for path in places if path.is_file()]
    told = ", ".join(written) or "no: notebooks say %load_ext nbcache (or `jupyter nbcache enable`)"
    yield Finding("enabled in every kernel", "ok", told)


def _front_end(_: str | None) -> Iterator[Finding]:
    from jupyter_core.paths import jupyter_path

    places = [os.path.join(path, "nbcache") for path in jupyter_path("labextensions")]
    found = [place for place in places if os.path.isfile(os.path.join(place, "package.json"))]
    told = found[0] if found else "not installed here: cells show a plain line instead of a badge"
    yield Finding("JupyterLab extension", "ok" if found else "note", told)
