"""Where a file belongs: the interpreter, an installed distribution, nbcache, or the user."""

from __future__ import annotations

import os
import re
import site
import sys
import sysconfig
from functools import lru_cache
from types import FrameType

OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The folder of the package nbcache itself."""

_PREFIX_FOLDERS = (
    "bin", "conda-meta", "DLLs", "etc", "include", "lib", "lib64", "Lib", "Scripts", "share",
)  # fmt: skip
_SITE_NAMES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")

_SHELL = re.compile(
    r"[/\\]IPython[/\\](core[/\\](magics[/\\]|interactiveshell)|utils[/\\]_process)"
    r"|[/\\]ipykernel[/\\]zmqshell|[/\\]p(expect|typrocess)[/\\]"
)
"""What runs magics and shell lines for the user."""


def _with_targets(folders: set[str]) -> tuple[str, ...]:
    both = folders | {os.path.realpath(folder) for folder in folders}
    return tuple(sorted(folder.rstrip(os.sep) + os.sep for folder in both if folder))


@lru_cache(maxsize=1)
def standard_folders() -> tuple[str, ...]:
    """Return the folders of the standard library, each ending in a separator."""
    paths = sysconfig.get_paths()
    return _with_targets({paths["stdlib"], paths["platstdlib"], os.path.dirname(os.__file__)})


@lru_cache(maxsize=1)
def library_folders() -> tuple[str, ...]:
    """Return the folders of installed distributions and of the interpreter's own files.

    The prefix as a whole is not among them: it may be the user's project (``python -m venv .``).
    """
    paths = sysconfig.get_paths()
    folders = {paths["purelib"], paths["platlib"], paths["scripts"]}
    if hasattr(site, "getsitepackages"):
        folders.update(site.getsitepackages())
    folders.add(site.getusersitepackages())
    for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix}:
        folders.update(os.path.join(prefix, name) for name in _PREFIX_FOLDERS)
    return _with_targets(folders)


@lru_cache(maxsize=8192)
def owner_of(filename: str) -> str:
    """Return whose file ``filename`` is: ``own``, ``standard``, ``library`` or ``user``.

    Text between angle brackets is generated code (``<string>``, ``<frozen os>``) and counts
    as ``standard``, except for IPython's old name of a cell.
    """
    if filename.startswith("<"):
        return "user" if filename.startswith(("<ipython-input", "<stdin")) else "standard"
    if filename.startswith(OWN_FOLDER + os.sep):
        return "own"
    if any(name in filename for name in _SITE_NAMES):
        return "library"
    if filename.startswith(standard_folders()):
        return "standard"
    return "library" if filename.startswith(library_folders()) else "user"


def is_local(filename: str) -> bool:
    """Tell whether ``filename`` is a source of the user, editable installs included."""
    return os.path.isabs(filename) and owner_of(filename) == "user"


@lru_cache(maxsize=8192)
def _is_shell(filename: str) -> bool:
    return bool(_SHELL.search(filename))


def caller(frame: FrameType | None, *, through_shell: bool = False) -> str:
    """Return who called: ``user``, ``library``, or ``import`` (a library while it is imported).

    Frames of nbcache, of the standard library and of generated code are looked through, and
    with ``through_shell`` those of IPython that run magics and shell lines for the user.
    """
    while frame is not None:
        owner = owner_of(frame.f_code.co_filename)
        if owner == "user":
            return owner
        if owner == "library" and not (through_shell and _is_shell(frame.f_code.co_filename)):
            return "import" if _is_importing(frame) else owner
        frame = frame.f_back
    return "library"


_RUNNERS = re.compile(
    r"[/\\](sh\.py$|(sh|plumbum|invoke|fabric|git|delegator|sarge)[/\\])", re.IGNORECASE
)
"""Libraries that run the commands that they are handed."""


def is_for_user(frame: FrameType | None) -> bool:
    """Tell whether a process may be the user's: of no library but those that run commands.

    A magic such as ``%%bash`` starts its process in a thread, where nobody else is on the stack.
    """
    while frame is not None:
        file = frame.f_code.co_filename
        owner = owner_of(file)
        if owner == "user":
            return True
        if owner == "library" and not (_is_shell(file) or _RUNNERS.search(file)):
            return False
        frame = frame.f_back
    return True


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        if owner_of(frame.f_code.co_filename) == "user":
            return False
        frame = frame.f_back
    return False
