"""The folders that nbcache itself writes to: they are nobody's dependency."""

from __future__ import annotations

import os
from collections.abc import Sequence

from nbcache.deps.places import OWN_FOLDER

_excluded: set[str] = set()


def exclude_folder(folder: str | os.PathLike[str]) -> None:
    """Let a folder that nbcache itself writes to count for nobody from now on."""
    whole = os.path.abspath(folder)
    _excluded.update((whole + os.sep, os.path.realpath(whole) + os.sep))


class OwnFolders:
    """Tells what lies in ``own``, the folders of nbcache's stores, or in nbcache."""

    def __init__(self, own: Sequence[str | os.PathLike[str]] = ()) -> None:
        folders = [os.path.abspath(folder) for folder in own] + [OWN_FOLDER]
        both = {*folders, *map(os.path.realpath, folders)}
        self._own = tuple(folder + os.sep for folder in both)

    def is_own(self, path: str) -> bool:
        """Tell whether ``path`` belongs to a store, so that no listing shows it."""
        inside = path + os.sep
        return inside.startswith(self._own) or inside.startswith(tuple(_excluded))
