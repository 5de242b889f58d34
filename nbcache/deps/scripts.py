"""What a script names: paths, other scripts, and modules beside it, as far as its text tells."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from nbcache.deps.file_ledger import Ledger
from nbcache.deps.file_looks import kind_of, status_of
from nbcache.deps.file_scope import absolute
from nbcache.deps.local import imported_names

_open = open  # captured now: our own reads are no user's reads
_SIGNS = r"\s'\"`;|&<>(){}=,$*?"
_PATH = re.compile(rf"[^{_SIGNS}]*/[^{_SIGNS}]*")
_SCRIPT = re.compile(rf"[^{_SIGNS}/]+\.(?:py|sh|bash|zsh|[rR]|jl|pl|rb|js|awk|sql|mk)\b")
_MOST_PATHS = 100
_MOST_SCRIPTS = 20
_LONGEST_BYTES = 1 << 16


def paths_around(ledger: Ledger, path: str) -> list[str]:
    """Return a path, and if it is a script all paths that it and the scripts it names name."""
    found, waiting, scripts = {path: None}, [path], 0
    while waiting and scripts < _MOST_SCRIPTS:
        script = waiting.pop(0)
        text = text_of(ledger, script)
        scripts += bool(text)
        for named in _named_by(text, script):
            if named not in found:
                found[named] = None
                waiting.append(named)
    return list(found)


def module_files(name: str, folders: Iterable[str]) -> Iterator[str]:
    """Yield the files that importing a module may read from these folders."""
    inner = name.replace(".", os.sep)
    for folder in folders:
        yield os.path.join(folder, f"{inner}.py")
        yield os.path.join(folder, inner, "__init__.py")
        yield os.path.join(folder, inner, "__main__.py")


def is_script(path: str) -> bool:
    """Tell whether a path looks like that of a script."""
    return bool(_SCRIPT.fullmatch(os.path.basename(path)))


def text_of(ledger: Ledger, path: str) -> str:
    """Return the text of a script, nothing of a large file or one that does not count."""
    status = status_of(path)
    if kind_of(status) != "file" or not ledger.scope.counts(path):
        return ""
    if status is None or status.st_size > _LONGEST_BYTES:
        return ""
    try:
        with _open(path, encoding="utf-8") as stream:
            return stream.read()
    except (OSError, ValueError):
        return ""


def _named_by(text: str, script: str) -> Iterator[str]:
    """Yield the absolute paths that a script's text names."""
    folder = os.path.dirname(script)
    for word in _PATH.findall(text)[:_MOST_PATHS]:
        yield from filter(None, [absolute(word)])
    for word in _SCRIPT.findall(text)[:_MOST_PATHS]:
        yield from filter(None, [absolute(word), os.path.join(folder, word)])
    if script.endswith(".py") and text:
        is_package = os.path.basename(script) == "__init__.py"
        name = os.path.basename(folder if is_package else script).removesuffix(".py")
        for module in imported_names(text, f"{os.path.basename(folder)}.{name}", is_package)[:50]:
            own = module.removeprefix(f"{os.path.basename(folder)}.")
            yield from (one for one in module_files(own, [folder]) if os.path.isfile(one))
