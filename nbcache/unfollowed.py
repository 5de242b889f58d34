"""Readers of files that nobody can follow, refused: the cell runs as always.

sqlite attaches the file that a parameter names, and the file systems of pyarrow are written in
C++: they open what they are given out of sight. Where their paths stand in the text or in a
variable, the folder is watched; those that are put together on the way are not.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from nbcache.cell.names import Names
from nbcache.cell.parts import all_parts
from nbcache.errors import NotReplayable
from nbcache.heap.walk import Walk
from nbcache.lazy_frames import refuse_untold
from nbcache.witnesses import user_codes

_ATTACHES = re.compile(r"\battach\s+(?:database\s+)?[?:@$]", re.IGNORECASE)
_OPENING = frozenset({"open_input_stream", "open_input_file"})
_ANYWHERE = frozenset({
    "SubTreeFileSystem", "PyFileSystem", "S3FileSystem", "GcsFileSystem", "HadoopFileSystem",
    "AzureFileSystem", "from_uri", "get_file_info", "copy_files",
})  # fmt: skip
"""What goes through pyarrow to files whose paths, or whose sizes, nobody sees asked for."""


def refuse_unfollowed(walk: Walk, names: Names, nodes: Sequence[ast.stmt]) -> None:
    """Refuse a cell that reads files which can't be followed.

    Raises:
        NotReplayable: saying what to write instead.
    """
    imported = {name.partition(".")[0] for name in (*names.imports, *walk.imports)}
    if "sqlite3" in walk.packages | imported:
        _refuse_attached(walk, nodes)
    if "pyarrow" in walk.packages | imported:
        _refuse_file_systems(walk, nodes)
    refuse_untold(walk)


def _refuse_attached(walk: Walk, nodes: Sequence[ast.stmt]) -> None:
    parts = (part for node in nodes for part in ast.walk(node))
    texts = [part.value for part in parts if isinstance(part, ast.Constant)]
    texts += [value for code in user_codes(walk) for value in code.co_consts]
    if any(type(text) is str and _ATTACHES.search(text) for text in texts):
        raise NotReplayable(
            "it attaches a database by a parameter, which can't be followed;"
            " write the path into the statement"
        )


def _refuse_file_systems(walk: Walk, nodes: Sequence[ast.stmt]) -> None:
    parts = all_parts(nodes)
    words = {part.attr for part in parts if isinstance(part, ast.Attribute)}
    words |= {part.id for part in parts if isinstance(part, ast.Name)}
    called = {word for code in user_codes(walk) for word in code.co_names}
    is_unseen = not _ANYWHERE.isdisjoint(words | called) or not _OPENING.isdisjoint(called)
    if is_unseen or any(map(_is_elsewhere, walk.types)) or not _are_told(parts, walk.namespace):
        raise NotReplayable(
            "it goes through a file system of pyarrow, whose files can't be followed;"
            " hand over the path itself, as in `pq.read_table(path)`"
        )


def _is_elsewhere(kind: type) -> bool:
    """Tell whether a type is one of pyarrow's file systems but for the plain local one."""
    is_of_arrow = kind.__module__ in ("pyarrow._fs", "pyarrow.fs")
    return is_of_arrow and kind.__name__.endswith("FileSystem") and kind.__name__[:5] != "Local"


def _are_told(parts: Sequence[ast.AST], variables: Mapping[str, Any]) -> bool:
    """Tell whether each path that is opened stands in the text or in a variable."""
    for part in parts:
        if not isinstance(part, ast.Call) or not isinstance(part.func, ast.Attribute):
            continue
        if part.func.attr in _OPENING and not _is_told(part.args, variables):
            return False
    return True


def _is_told(given: Sequence[ast.expr], variables: Mapping[str, Any]) -> bool:
    first = given[0] if given else None
    if isinstance(first, ast.Name):
        return isinstance(variables.get(first.id), (str, os.PathLike))
    return isinstance(first, ast.Constant)
