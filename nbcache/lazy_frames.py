"""Lazy frames of polars among a cell's inputs: which files they will read, found without a look.

A plan shows its first sources and counts the others; those stand in its JSON, patterns and folders
as they were given.
"""

from __future__ import annotations

import glob
import io
import json
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from nbcache.errors import NotReplayable
from nbcache.heap.walk import Walk

_BRACKETED = re.compile(r"\[([^\[\]\n]+)\]")
_SCANNED = re.compile(r"\bSCAN \[(.+)\]$", re.MULTILINE)
_OTHERS = re.compile(r", \.\.\. (\d+) other source")
_MOST_FOLDERS = 100
_MOST_SOURCES = 2000


def lazy_sources(walk: Walk) -> Iterator[tuple[str, bytes]]:
    """Yield what lazy frames among the inputs will read, as text, and their plans."""
    for frame in _lazy_frames(walk):
        with suppress(Exception):
            plan, told = _explained(frame)
            for text in [*_BRACKETED.findall(told), *_SCANNED.findall(told)]:
                first = text.split(", ...")[0]
                yield from ((one, plan) for one in {first, *first.split(", ")})
            if _OTHERS.search(told):
                yield from ((one, plan) for one in _all_sources(frame))


def chosen_folders(walk: Walk) -> list[str]:
    """Return the folders whose names decide what lazy frames among the inputs will read."""
    return list({one: None for path, plan in lazy_sources(walk) for one in _chosen(path, plan)})


def refuse_untold(walk: Walk) -> None:
    """Refuse a cell that is given a lazy frame of more files than its plan tells.

    Raises:
        NotReplayable: saying what to do.
    """
    for frame in _lazy_frames(walk):
        try:
            others = sum(map(int, _OTHERS.findall(_explained(frame)[1])))
            is_told = not others or others < len(set(_all_sources(frame))) <= _MOST_SOURCES
        except Exception:
            is_told = False
        if not is_told:
            raise NotReplayable(
                "it is given a lazy frame whose files can't all be told; scan them in this cell"
            )


def _lazy_frames(walk: Walk) -> list[Any]:
    lazy = {kind for kind in walk.types if kind.__name__ == "LazyFrame"}
    return [one for one in walk.objects if type(one) in lazy and hasattr(one, "explain")]


def _explained(frame: Any) -> tuple[bytes, str]:
    """Return a frame's plan and the text of a copy's.

    A frame keeps which files it found, as soon as it has looked for them.
    """
    plan: bytes = frame.serialize()
    copy = type(frame).deserialize(io.BytesIO(plan))
    return plan, copy.explain(optimized=False)


def _all_sources(frame: Any) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # polars calls this form unstable
        text = frame.serialize(format="json")
    for given in _paths_in(json.loads(text)):
        has_signs = any(sign in given for sign in "*?[")
        found = glob.glob(given, recursive=True) if has_signs else [given]
        for path in [*found, given]:
            yield from islice(_files_of(path), _MOST_SOURCES + 1)


def _paths_in(data: Any) -> Iterator[str]:
    """Yield the texts below the key of a plan's paths."""
    waiting = [(data, False)]
    for item, is_path in waiting:
        if isinstance(item, dict):
            waiting += [(one, is_path or name in {"Paths", "paths"}) for name, one in item.items()]
        elif isinstance(item, list):
            waiting += [(one, is_path) for one in item]
        elif is_path and isinstance(item, str):
            yield item


def _files_of(path: str) -> Iterator[str]:
    if not os.path.isdir(path):
        yield path
    for folder, _, names in os.walk(path):
        yield from (os.path.join(folder, name) for name in names)


def _chosen(path: str, plan: bytes) -> Iterator[str]:
    """Yield the folders in which a plan's pattern may have found a path; none if it names it."""
    folder, name = os.path.split(path)
    while name:
        if name.encode() not in plan or b"*" in plan:
            yield os.path.abspath(folder)
        if not folder or folder.encode() in plan:
            break
        folder, name = os.path.split(folder)
    if b"**" in plan:
        found = os.walk(os.path.abspath(folder))
        yield from (one for one, _, _ in islice(found, _MOST_FOLDERS))
