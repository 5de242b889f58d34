"""Environment variables as they are compared: which of them count for whom, and what moved."""

from __future__ import annotations

import os
import re
from builtins import open as _open
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from nbcache.deps.digests import text_digest

SESSION_VARIABLES = re.compile(
    r"_$|PWD$|OLDPWD$|SHLVL$|SHELL$|HOME$|USER$|LOGNAME$|USERPROFILE$|PATH$|TMPDIR$|TEMP$|TMP$"
    r"|TERM|COLUMNS$|LINES$|DISPLAY$|WAYLAND_|SSH_|XDG_|LANG$|LC_|CLICOLOR|NO_COLOR$|FORCE_COLOR"
    r"|JPY_|JUPYTER|IPYTHON|PYDEVD|VSCODE_|PYTHON|VIRTUAL_ENV|CONDA_|MPLBACKEND$|MPLCONFIGDIR$"
    r"|KERNEL_|JUPYTERHUB_|COLORTERM$|PAGER$|GIT_PAGER$|NBCACHE_"
)
"""Variables that do not count when an installed library reads them."""

_STEERING = re.compile(
    r"PATH$|HOME$|LANG$|LC_|PYTHON(?!HASHSEED$)|TMPDIR$|TEMP$|TMP$|VIRTUAL_ENV$|CONDA_|USER$"
    r"|LOGNAME$|SHELL$|XDG_"
)
"""Variables of the session that steer what a command does, once a notebook has set them."""

OF_THE_KERNEL = re.compile(r"JPY_|PYTHONHASHSEED$|NBCACHE_")
"""Variables of one kernel's process, which say nothing to who looks at all variables."""


def variable_news(late: Mapping[str, Any]) -> str | None:
    """Return None if the variables that a recorded run read are as they were, else what moved."""
    if late.get("names", here := names_digest(map(as_text, raw_variables()))) != here:
        return "an environment variable was set or removed"
    inherited = late.get("inherited")
    wanted = dict(late.get("read", {}))
    if inherited is not None:
        then, altered = late.get("altered", {}), altered_digests()
        for key in sorted({*then, *altered}):
            if key not in then or key not in altered or then[key] != altered[key]:
                return f"environment variable `{key}` changed"
    if inherited is None:
        found = ((key, os.environ.get(key)) for key in wanted)
        now = {key: value for key, value in found if value is not None}
    else:
        now = as_texts(raw_variables())
        wanted |= dict.fromkeys(inherited_by(now)) | inherited
    for key, digest in wanted.items():
        if variable_digest(now.get(key)) != digest:
            what = "changed" if key in now and digest is not None else "was set or removed"
            return f"environment variable `{key}` {what}"
    return None


def inherited_by(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that bear on what a started process does, as far as one can tell."""
    return {key: one for key, one in variables.items() if not SESSION_VARIABLES.match(key)}


def altered_digests(variables: Mapping[str, str] | None = None) -> dict[str, str | None]:
    """Return the variables of the session that are not as the process was started with."""
    now = as_texts(raw_variables()) if variables is None else variables
    before = _started_with()
    keys = filter(_STEERING.match, {**before, **now})
    return {key: variable_digest(now.get(key)) for key in keys if now.get(key) != before.get(key)}


@lru_cache(maxsize=1)
def _started_with() -> dict[str, str]:
    """Return the variables with which the process was started, else those of this moment."""
    try:
        with _open("/proc/self/environ", "rb") as file:
            lines = file.read().split(b"\0")
    except OSError:
        return as_texts(raw_variables())
    return as_texts(dict(line.split(b"=", 1) for line in lines if b"=" in line))


def names_digest(names: Iterable[str]) -> str:
    """Return the digest of the names of all variables but those of one kernel."""
    return text_digest("\0".join(sorted(name for name in names if not OF_THE_KERNEL.match(name))))


def raw_variables() -> dict[Any, Any]:
    """Return the variables as Python keeps them; nobody sees this look."""
    return os.environ._data  # type: ignore[attr-defined,no-any-return]


def as_texts(raw: Mapping[Any, Any]) -> dict[str, str]:
    """Return variables as text."""
    return {as_text(key): as_text(value) for key, value in raw.items()}


def as_text(value: Any) -> str:
    """Return a name or a value as text."""
    return os.fsdecode(value) if isinstance(value, (str, bytes)) else str(value)


def variable_digest(value: str | None) -> str | None:
    """Return the digest of a value, None for none."""
    return None if value is None else text_digest(value)
