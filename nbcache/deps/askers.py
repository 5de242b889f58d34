"""What a look at a path or a folder asks for, told by who is on the stack."""

from __future__ import annotations

import os
from collections.abc import Iterator
from os import readlink as _readlink
from types import CodeType, FrameType, FunctionType

from nbcache.deps.file_ledger import Ledger
from nbcache.deps.file_looks import names_in
from nbcache.deps.places import owner_of
from nbcache.errors import NotReplayable

ASPECTS = {"readlink": "link", "access": "mode"}
"""What functions of ``os`` show of a path, whoever calls them."""

_KIND_ASKERS = frozenset({
    "exists", "lexists", "isfile", "isdir", "islink", "ismount", "isjunction", "is_file",
    "is_dir", "is_symlink", "is_mount", "resolve", "realpath",
    "abspath", "glob", "rglob", "iglob", "walk", "makedirs", "mkdir", "rmtree", "copy",
    "copy2", "copyfile", "copytree", "move", "which", "select_recursive", "select_exists",
})  # fmt: skip
_METADATA_FOLDERS = (os.path.join("importlib", "metadata"), f"{os.sep}importlib_metadata{os.sep}")
_DESCRIPTORS = ("/proc/self/fd", "/dev/fd")


def aspect_of(frame: FrameType | None) -> str:
    """Return what the standard library's functions on the way to the user's code ask for."""
    found = "time"
    while frame is not None:
        owner = owner_of(frame.f_code.co_filename)
        if owner not in {"own", "standard"}:
            break
        name = frame.f_code.co_name
        if owner == "standard" and (name in _KIND_ASKERS or name.startswith("_glob")):
            return "kind"
        if os.path.basename(frame.f_code.co_filename) == "filecmp.py" or name == "whichdb":
            return "stamp"
        if owner == "standard":
            found = {"getsize": "size", "samefile": "place"}.get(name, found)
        frame = frame.f_back
    return found


_COPYING = {
    "shutil.py": {"copy", "copy2", "copyfile", "unpack_archive"},
    "zipfile.py": {"extract", "extractall"},
    "zipfile": {"extract", "extractall"},
    "tarfile.py": {"extract", "extractall"},
}
"""Functions of the standard library that write over what is there: by file, or its folder."""


def is_for_copying(frame: FrameType | None) -> bool:
    """Tell whether who writes files looks where to, whatever there is: its result is the same.

    But for links that are copied as such: nothing may be there.
    """
    while frame is not None and (owner := owner_of(frame.f_code.co_filename)) != "user":
        folder, file = os.path.split(frame.f_code.co_filename)
        names = _COPYING.get(os.path.basename(folder) if file == "__init__.py" else file, ())
        if owner == "standard" and frame.f_code.co_name in names:
            return bool(frame.f_locals.get("follow_symlinks", True))
        frame = frame.f_back
    return False


def is_for_metadata(frame: FrameType | None) -> bool:
    """Tell whether ``importlib.metadata``, or its forerunner, looks for distributions."""
    while frame is not None:
        filename = frame.f_code.co_filename
        if any(folder in filename for folder in _METADATA_FOLDERS):
            return owner_of(filename) != "user"
        if owner_of(filename) not in {"own", "standard"}:
            return False
        frame = frame.f_back
    return False


def is_for_removal(frame: FrameType | None) -> bool:
    """Tell whether ``shutil.rmtree`` lists a folder: whatever is in it goes."""
    while frame is not None and owner_of(frame.f_code.co_filename) == "own":
        frame = frame.f_back
    return frame is not None and frame.f_code.co_name.startswith("_rmtree")


def folder_of(descriptor: int) -> str:
    """Return the path of an open folder.

    Raises:
        NotReplayable: the system does not tell.
    """
    for place in _DESCRIPTORS:
        try:
            return _readlink(f"{place}/{descriptor}")
        except OSError:
            continue
    raise NotReplayable("it lists a folder by its descriptor, whose path the system does not tell")


def shows_text(frame: FrameType | None) -> bool:
    """Tell whether ``linecache`` asks if the text of a file that it shows is still its text."""
    while frame is not None and owner_of(frame.f_code.co_filename) == "own":
        frame = frame.f_back
    return frame is not None and os.path.basename(frame.f_code.co_filename) == "linecache.py"


def asks_entries(frame: FrameType | None) -> bool:
    """Tell whether who lists a folder may ask its entries for sizes and times.

    A ``DirEntry`` answers in C. The standard library's own listings keep theirs to themselves.
    """
    while frame is not None and owner_of(frame.f_code.co_filename) == "own":
        frame = frame.f_back
    if frame is None or owner_of(frame.f_code.co_filename) == "standard":
        return False
    return any("stat" in code.co_names for code in _codes_near(frame))


def _codes_near(frame: FrameType) -> Iterator[CodeType]:
    """Yield the code of a frame, and of the functions that it names."""
    waiting = [frame.f_code]
    for name in frame.f_code.co_names:
        value = frame.f_globals.get(name)
        if type(value) is FunctionType:
            waiting.append(value.__code__)
    while waiting:
        code = waiting.pop()
        yield code
        waiting += [const for const in code.co_consts if type(const) is CodeType]


def note_entries(ledger: Ledger, folder: str) -> None:
    """Count sizes and times of all that a folder holds."""
    for name in names_in(folder, ledger.scope) or ():
        ledger.note_look(os.path.join(folder, name.rstrip("/")), "time")
