"""Files and environment that a cell's options name: ``files``, ``file_check``, ``env``.

They are parts of the key, so that a run which was stored under other options never counts.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nbcache.deps.digests import file_digest, text_digest
from nbcache.deps.file_looks import content_of, time_of
from nbcache.errors import OptionError
from nbcache.policy import Policy

LOCK_FILES = (
    "uv.lock", "poetry.lock", "pdm.lock", "pixi.lock", "Pipfile.lock", "pylock.toml",
    "conda-lock.yml", "requirements.lock", "requirements.txt", "environment.yml",
)  # fmt: skip
"""Looked for in the working directory and the folders above it, in this order."""

_AUTO, _OFF, _LOCK = "auto", "off", "lock"
_MOST_FILES = 10_000


def asked_parts(policy: Policy, values: Mapping[str, Any]) -> dict[str, str]:
    """Return the parts of the key that the options ask for; they replace those of equal name.

    ``values`` are the inputs by label.

    Raises:
        OptionError: there is no lock file, or a pattern matches too many files.
    """
    if policy.name:
        return {}
    parts = {f"file {pattern}": _matches(pattern, policy) for pattern in _patterns(policy)}
    for word in policy.env:
        if word == _LOCK or word.startswith(f"{_LOCK}:"):
            path = _lock_file(word.partition(":")[2])
            parts[f"lock {path}"] = text_digest(Path(path).read_bytes())
        else:
            value = os.environ.get(word)
            parts[f"env {word}"] = "unset" if value is None else text_digest(value)
    settings = _settings(policy)
    if settings:
        parts["file options"] = text_digest(json.dumps(settings))
    if policy.ignore_path:
        parts |= {f"input {label}": text for label, text in _contents(values).items()}
    return parts


def shape_late(
    policy: Policy, late: Mapping[str, Any], values: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a run was seen to use, without what the options leave out or cover."""
    found = dict(late)
    files = dict(found.get("files", {}))
    if _OFF in policy.files:
        files = {"wrote": files["wrote"]} if "wrote" in files else {}
        found.pop("remote", None)
    elif policy.ignore_path:
        covered = {os.path.abspath(path) for path in _paths_in(values.values())}
        for part in ("read", "looked"):
            kept = files.get(part, {})
            files[part] = {p: one for p, one in kept.items() if os.path.abspath(p) not in covered}
    found["files"] = {part: entries for part, entries in files.items() if entries}
    if any(word == _LOCK or word.startswith(f"{_LOCK}:") for word in policy.env):
        modules = dict(found.get("modules", {}))
        modules.pop("versions", None)
        found["modules"] = modules
    return {name: one for name, one in found.items() if one or name not in ("files", "modules")}


def _patterns(policy: Policy) -> list[str]:
    return [word for word in policy.files if word not in (_AUTO, _OFF)]


def _settings(policy: Policy) -> list[str]:
    told = [_OFF] if _OFF in policy.files else []
    told += [policy.file_check] if policy.file_check != "content" else []
    return told + ["ignore_path"] * policy.ignore_path


def _matches(pattern: str, policy: Policy) -> str:
    """Return a digest of the names and contents of the files that match a pattern."""
    found: set[str] = set()
    for path in glob.iglob(os.path.expanduser(pattern), recursive=True):
        for one in [path] if path in found else _with_contents(path):
            found.add(one)
            if len(found) > _MOST_FILES:
                raise OptionError(f"`files={pattern}` matches over {_MOST_FILES} files. Narrow it.")
    look = time_of if policy.file_check == "mtime" else content_of
    return text_digest(json.dumps([[path, look(path)] for path in sorted(found)]))


def _with_contents(path: str) -> Iterator[str]:
    """Yield a path, and what is in it if it is a folder; hidden names are left out, as in globs."""
    yield path
    for folder, inner, files in os.walk(path):
        inner[:] = [name for name in inner if not name.startswith(".")]
        yield from (os.path.join(folder, name) for name in (*inner, *files) if name[0] != ".")


def _lock_file(given: str) -> str:
    """Return the path of the lock file, the nearest one if none was named."""
    if given:
        if not os.path.isfile(os.path.expanduser(given)):
            raise OptionError(f"`env=lock:{given}`: there is no such file.")
        return os.path.expanduser(given)
    here = Path.cwd()
    for folder in (here, *here.parents):
        for name in LOCK_FILES:
            if (folder / name).is_file():
                return os.path.relpath(folder / name, here)
    names = ", ".join(LOCK_FILES[:4])
    raise OptionError(
        f"`env=lock`: there is no lock file ({names} …) here or above. Name it: env=lock:PATH."
    )


def _contents(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the digest of the files' contents for each input that names files."""
    found = {}
    for label, value in values.items():
        paths = list(_paths_in([value]))
        if paths:
            digests = [file_digest(path)[1] for path in paths]
            found[label] = text_digest(json.dumps([type(value).__name__ == "list", *digests]))
    return found


def _paths_in(values: Any) -> list[str]:
    """Return the existing files that inputs name; of a list only if all of it are files."""
    found: list[str] = []
    for value in values:
        members = value if isinstance(value, (list, tuple)) else [value]
        if not all(isinstance(one, (str, os.PathLike)) for one in members):
            continue
        paths = [os.fsdecode(one) for one in members]
        if paths and all(0 < len(p) < 4096 and "\0" not in p and os.path.isfile(p) for p in paths):
            found += paths
    return found
