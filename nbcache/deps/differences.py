"""What differs between the late dependencies of two stored runs, in sentences; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Late = Mapping[str, Any]


def late_differences(old: Late, new: Late) -> list[str]:
    """Say which files, modules, versions, variables, options and streams two runs saw differ.

    Only what both runs depended on can differ; what one of them alone did shows in its code.
    """
    found: list[str] = []
    for name, tell in _TELLERS.items():
        one, other = old.get(name, {}), new.get(name, {})
        if one and other and one != other:
            found += tell(one, other)
    return found


def _both(old: Late, new: Late) -> Iterator[tuple[str, Any, Any]]:
    for name in old:
        if name in new and old[name] != new[name]:
            yield name, old[name], new[name]


def _names(old: Late, new: Late) -> Iterator[str]:
    for name, _, _ in _both(old, new):
        yield f"`{name}` changed"


def _modules(old: Late, new: Late) -> Iterator[str]:
    for name, one, other in _both(old.get("versions", {}), new.get("versions", {})):
        yield f"{name} {one or 'not installed'} → {other or 'not installed'}"
    for _, one, other in _both(old.get("local", {}), new.get("local", {})):
        if one[0] != other[0]:
            yield f"`{other[1]}` was edited"


def _files(old: Late, new: Late) -> Iterator[str]:
    sentences = {
        "read": "`{}` changed on disk",
        "looked": "`{}` changed on disk",
        "listed": "the contents of the folder `{}` changed",
        "globbed": "the contents of the folder `{}` changed",
    }
    for part, sentence in sentences.items():
        for path, _, _ in _both(old.get(part, {}), new.get(part, {})):
            yield sentence.format(path)


def _ambient(old: Late, new: Late) -> Iterator[str]:
    for name, one, other in _both(old, new):
        if name == "environment":
            for key, _, _ in _both(one.get("read", {}), other.get("read", {})):
                yield f"environment variable `{key}` changed"
        elif isinstance(one, Mapping) and "changed" in one and "changed" in other:
            then, now = one["changed"], other["changed"]
            for key in sorted({*then, *now}):
                if then.get(key) != now.get(key):
                    yield f"{name.replace('_', ' ')} option {key} changed"
        else:
            yield f"{name} changed"


def _streams(old: Late, new: Late) -> Iterator[str]:
    for name, _, _ in _both(old, new):
        title = "the `random` stream" if name == "python" else f"{name}'s random stream"
        yield f"{title} was at another position"


def _remote(old: Late, new: Late) -> Iterator[str]:
    for url, _, _ in _both(old, new):
        yield f"`{url}` changed"


_TELLERS: Mapping[str, Callable[[Late, Late], Iterator[str]]] = {
    "names": _names,
    "modules": _modules,
    "files": _files,
    "remote": _remote,
    "ambient": _ambient,
    "randomness": _streams,
}
