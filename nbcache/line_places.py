"""Where the code that a cell can reach stands, to the line, and its text with every comment.

It counts for runs that looked at line numbers or at the text of code, and for no others.
"""

from __future__ import annotations

import hashlib
import linecache
import operator
import os
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nbcache.cell.pragma import COMMENT, MAGIC
from nbcache.deps.digests import file_digest
from nbcache.deps.lines import PACKAGES, WORDS
from nbcache.errors import NotReplayable
from nbcache.heap.walk import Walk
from nbcache.witnesses import user_codes

UNREACHED = "it looks at the text or the lines of code that it does not read, such as another cell"


def code_places(request: Any, codes: Iterable[types.CodeType]) -> str:
    """Return a digest of the text of a cell and of the codes' files, and where they stand."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(_own_text(request.text).encode("utf-8", "surrogatepass"))
    first = request.nodes[0].lineno if request.nodes else 0
    places = {(code.co_name, code.co_firstlineno, code.co_filename) for code in codes}
    known = [(name, line, _text_digest(path)) for name, line, path in places]
    digest.update(repr((first, sorted(known))).encode())
    return digest.hexdigest()


def shows_lines(request: Any, walk: Walk, modules: Iterable[str]) -> bool:
    """Tell whether a cell, or code that it reaches, names what shows lines unseen.

    Raises:
        NotReplayable: it looks into the texts of all cells.
    """
    if _TABLE.search(request.text):
        raise NotReplayable(UNREACHED)
    if WORDS.search(request.text):
        return True
    if not PACKAGES.isdisjoint(name.partition(".")[0] for name in modules):
        return True
    texts = {word for code in user_codes(walk) for word in _words(code)}
    texts.update(_short_texts(walk.values.values()))
    return any(map(WORDS.search, texts))


def refuse_unreached(
    seen: Iterable[str], request: Any, codes: Iterable[types.CodeType], cells: Mapping[str, Any]
) -> None:
    """Refuse a run that saw lines of a cell none of whose functions it reads.

    Raises:
        NotReplayable: what it saw is not compared.
    """
    known = {request.cell_name, *(code.co_filename for code in codes)}
    if any(name in cells and name not in known for name in seen):
        raise NotReplayable(UNREACHED)


def _own_text(text: str) -> str:
    """Return a cell's text with its lines for the cache emptied, but counted."""
    lines = text.splitlines()
    return "\n".join("" if MAGIC.match(line) or COMMENT.match(line) else line for line in lines)


def _text_digest(path: str) -> str:
    """Return a digest of the text of a cell, or of a module's file."""
    held = linecache.cache.get(path)
    if held is not None and len(held) > 2 and not os.path.exists(path):
        return hashlib.blake2b("".join(held[2]).encode("utf-8", "replace")).hexdigest()
    try:
        return file_digest(path)[1]
    except OSError:
        return ""


def _words(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    yield from (value for value in code.co_consts if type(value) is str and len(value) < _LONGEST)


def _short_texts(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        text = repr(value) if type(value) in _NAMERS else value
        if type(text) is str and len(text) < _LONGEST:
            yield text


_TABLE = re.compile(r"\blinecache\.cache\b")
_NAMERS = (operator.attrgetter, operator.methodcaller)
_LONGEST = 200
