"""How a command ends: the exit codes, and the one exception that carries one."""

from __future__ import annotations

from nbcache.errors import CacheError

OK = 0
ERROR = 1
USAGE = 2
STALE = 3
MISSING = 4
INTERRUPTED = 130

EXIT_CODES = """\
exit codes:
  0    all went well; `status --check`: every cell is fresh
  1    a cell raised, the kernel died, or the store failed
  2    the command was not understood, or a file or kernel it names is not usable
  3    `status --check`: a cell is stale or expired
  4    `status --check`, `run --require`: nothing is stored for a cell
  130  interrupted
"""


class CommandError(CacheError):
    """A command ends here, with a message for the user and an exit code."""

    def __init__(self, message: str, code: int = ERROR) -> None:
        self.code = code
        super().__init__(message)
