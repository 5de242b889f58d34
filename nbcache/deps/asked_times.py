"""Commands and scripts that may ask for files' times, sizes or modes, as their texts tell.

No event of the system tells of such questions: whoever asks gets an answer without opening a file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from nbcache.deps.file_events import is_of_others
from nbcache.deps.file_ledger import Ledger
from nbcache.deps.file_looks import kind_of, names_in, status_of
from nbcache.errors import NotReplayable

_PROGRAMS = frozenset({"stat", "make", "rsync", "du", "tar", "zip", "tree", "ll", "ninja", "namei"})
_STARTERS = frozenset({"bash", "sh", "zsh", "dash", "env", "sudo", "time", "nice", "xargs", "if"})
_TESTS = frozenset({"test", "[", "[["})
_OF_TESTS = re.compile(r"-(nt|ot|ef|[srwxNugkOG])")
_OPTIONS = {
    "ls": re.compile(r"-\w*[ltTsScuiognF]|--(full-)?time|--sort|--size|--author"),
    "dir": re.compile(r"-\w*[ltTsScuiognF]"),
    "date": re.compile(r"-\w*r|--reference"),
    "cp": re.compile(r"-\w*[pua]|--preserve|--update|--archive"),
    "find": re.compile(
        r"-(\w*newer\w*|[acm](time|min)|size|perm|printf|ls|empty|user|group|executable|readable"
        r"|writable|inum|links|samefile)"
    ),
}
_IN_CODE = re.compile(
    r"\b[lf]?stat\(|\.stat\b|\bget[acm]time\b|\bgetsize\b|\bst_\w+|\bmtime\b|\bscandir\b"
    r"|\bfilemtime\b|\bfile\.(info|mtime|size)\b|\s-[no]t\s|\bstat\s+-"
)
_MOST_ENTRIES = 1000


def asks_times(text: str) -> bool:
    """Tell whether a command or script may ask for more of files than their contents."""
    return bool(_IN_CODE.search(text)) or any(map(_asks, re.split(r"[;|&\n(`]+", text)))


def _asks(command: str) -> bool:
    words = command.split()
    while words and (os.path.basename(words[0]) in _STARTERS or words[0][0] in "-'\""):
        del words[0]
    if not words:
        return False
    program, options = os.path.basename(words[0]), _OPTIONS.get(os.path.basename(words[0]))
    if program in _PROGRAMS:
        return True
    if not _TESTS.isdisjoint(words[:2]):
        return any(map(_OF_TESTS.fullmatch, words))
    return options is not None and any(map(options.match, words[1:]))


def note_times(ledger: Ledger, paths: Iterable[str]) -> None:
    """Count times, sizes and modes of files, and of all that lies in folders.

    Raises:
        NotReplayable: that is too much to compare.
    """
    waiting = list(paths)
    for count, path in enumerate(waiting):
        if count > _MOST_ENTRIES:
            raise NotReplayable("a command may ask for the times of more files than are compared")
        if not ledger.scope.counts(path) or is_of_others(path):
            continue
        kind = kind_of(status_of(path))
        if kind == "folder":
            names = names_in(path, ledger.scope) or ()
            waiting += [os.path.join(path, name.rstrip("/")) for name in names]
        elif kind == "file":
            ledger.note_look(path, "time", by_library=True)
