"""On which kind of file system a folder lies: on another machine, mapping is slow and risky."""

from __future__ import annotations

import contextlib
import os

_MOUNTS = "/proc/self/mounts"
_NETWORK_TYPES = frozenset(
    ("9p", "afs", "beegfs", "ceph", "cifs", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "smbfs")
)


def is_network_folder(folder: str, mounts: str = _MOUNTS) -> bool:
    """Whether the folder is on a network or user-space file system; False when unknown."""
    kind = kind_of_mount(folder, mounts)
    return kind in _NETWORK_TYPES or kind.startswith("fuse")


def kind_of_mount(folder: str, mounts: str = _MOUNTS) -> str:
    """Return the name of the folder's file system, such as ext4; empty when unknown."""
    path = os.path.realpath(folder)
    best, kind = "", ""
    for point, found in _read_mounts(mounts):
        if _is_below(path, point) and len(point) >= len(best):
            best, kind = point, found
    return kind


def _read_mounts(mounts: str) -> list[tuple[str, str]]:
    """Return mount points with their types; none where the system does not tell."""
    with contextlib.suppress(OSError), open(mounts, encoding="utf-8", errors="replace") as lines:
        rows = [line.split() for line in lines]
        return [(row[1].replace("\\040", " "), row[2]) for row in rows if len(row) > 2]
    return []


def _is_below(path: str, point: str) -> bool:
    return path == point or path.startswith(point.rstrip("/") + "/")
