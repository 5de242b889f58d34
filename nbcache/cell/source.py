"""A cell's text in normal form: what counts as an edit and what does not."""

from __future__ import annotations

import ast
import builtins
import hashlib
import io
import pickle
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from nbcache.cell.magics_text import magic_use, parse_python, python_text
from nbcache.cell.names import Names, read_names

__all__ = [
    "Lines", "Source", "digest_of_nodes", "first_change", "normal_lines", "read_source", "title_of",
]  # fmt: skip

Lines = tuple[tuple[int, str], ...]
"""The first line of each statement, nested ones included, with its digest (12 hex digits)."""

_SKIPPED = frozenset({"kind", "type_comment", "ctx", "type_ignores"})
_BLOCKS = (ast.stmt, ast.ExceptHandler, ast.match_case)
_NESTED = b"#"
"""Stands for a nested statement where those are not entered."""

_NOT_CODE = frozenset({
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER, tokenize.DEDENT,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """A cell's text, the digest of its normal form (32 hex digits), its names and lines.

    Comments, blank lines, formatting, quote style and redundant parentheses do not count;
    a closing semicolon counts, since it hides the cell's result.
    """

    text: str
    digest: str
    names: Names
    lines: Lines
    nodes: tuple[ast.stmt, ...] = field(default=(), repr=False, compare=False)
    """The tree that was read: of the same text, the same objects each time."""


_read: dict[tuple[str, bytes, frozenset[str]], Source] = {}
_MOST_READ = 256


def read_source(text: str, nodes: Sequence[ast.stmt]) -> Source:
    """Return the normal form of a cell that was parsed into statements; found once for each."""
    try:
        key = text, pickle.dumps(list(nodes), 5), frozenset(vars(builtins))
    except RecursionError:
        return _read_source(text, nodes)
    known = _read.pop(key, None) or _read_source(text, nodes)
    if len(_read) >= _MOST_READ:
        _read.clear()
    _read[key] = known
    return known


@lru_cache(maxsize=64)
def title_of(text: str) -> str:
    """Return the first line that holds code, for people."""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped and not stripped.startswith(("#", "%%cache")):
            return stripped[:72]
    return text.strip()[:72]


def _read_source(text: str, nodes: Sequence[ast.stmt]) -> Source:
    digest = hashlib.blake2b(b"[%d" % len(nodes), digest_size=16)
    lines: list[tuple[int, str]] = []
    for node in nodes:
        pieces = list(_normal_form(node, skip_blocks=True))
        if _NESTED in pieces:
            digest.update(b"".join(_normal_form(node, skip_blocks=False)))
            lines += _lines([node])
        else:  # a statement in itself: its line has the same form
            form = b"".join(pieces)
            digest.update(form)
            lines.append((node.lineno, hashlib.blake2b(form, digest_size=6).hexdigest()))
    if nodes and isinstance(nodes[-1], ast.Expr) and ends_in_semicolon(text):
        digest.update(b"; hides the result")
    return Source(text, digest.hexdigest(), read_names(nodes), tuple(lines), tuple(nodes))


def digest_of_nodes(nodes: Sequence[ast.stmt]) -> str:
    """Return the digest of statements in normal form, 32 hex digits."""
    digest = hashlib.blake2b(digest_size=16)
    for piece in _normal_form(list(nodes), skip_blocks=False):
        digest.update(piece)
    return digest.hexdigest()


def normal_lines(source: Source) -> Lines:
    """Return each statement's first line and digest, to find what an edit changed."""
    return source.lines


def first_change(old: Lines, new: Lines) -> int | None:
    """Return the line of the first statement that differs, None if none does."""
    for before, after in zip(old, new, strict=False):
        if before[1] != after[1]:
            return after[0]
    if len(old) == len(new):
        return None
    return new[len(old)][0] if len(new) > len(old) else old[len(new)][0]


def ends_in_semicolon(text: str) -> bool:
    """Whether the last token of a cell is a semicolon, which hides its result."""
    if ";" not in text:
        return False
    last = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type not in _NOT_CODE:
                last = token.string
    except (tokenize.TokenError, SyntaxError):
        return text.rstrip().endswith(";")
    return last == ";"


def _normal_form(root: Any, *, skip_blocks: bool) -> Iterator[bytes]:
    """Yield the tree without its positions, unambiguously: tags, lengths and leaves.

    With ``skip_blocks`` nested statements only count, they are not entered.
    """
    work = [root]
    while work:
        item = work.pop()
        if isinstance(item, list):
            yield b"[%d" % len(item)
            work.extend(reversed(item))
        elif skip_blocks and item is not root and isinstance(item, _BLOCKS):
            yield _NESTED
        elif isinstance(item, ast.AST):
            yield b"<%s" % type(item).__name__.encode()
            work.extend(reversed(_fields(item)))
        else:
            yield _leaf(item)


def _fields(node: ast.AST) -> list[Any]:
    """Return what a node holds; the Python inside a magic stands for the magic's text."""
    use = magic_use(node, top_level=True)
    text = python_text(use) if use else None
    body = parse_python(text) if text is not None else None
    if use is None or text is None or body is None:
        return [getattr(node, name, None) for name in node._fields if name not in _SKIPPED]
    line = use.line.split() if use.body is not None else []
    return ["magic", use.name, line, body, ends_in_semicolon(text)]


def _leaf(value: Any) -> bytes:
    """Return a constant with its type, so that ``1``, ``True`` and ``1.0`` differ."""
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
    elif isinstance(value, bytes):
        data = value
    elif isinstance(value, int):
        data = hex(value).encode()
    else:
        data = repr(value).encode()
    return b"(%s %d %s" % (type(value).__name__.encode(), len(data), data)


def _lines(nodes: Sequence[ast.stmt], offset: int = 0) -> Iterator[tuple[int, str]]:
    """Yield line and digest of each statement, of nested ones after the one around them."""
    work: list[tuple[Any, int]] = [(node, offset) for node in reversed(nodes)]
    while work:
        node, shift = work.pop()
        if isinstance(node, ast.stmt):
            yield node.lineno + shift, _short_digest(node)
        work.extend(reversed([(child, shift) for child in _blocks(node)]))
        work.extend(reversed(_magic_body(node, shift)))


def _short_digest(node: ast.stmt) -> str:
    """Return the digest of a statement without the statements nested in it."""
    digest = hashlib.blake2b(digest_size=6)
    magic = _magic_body(node, 0)
    parts = ["magic"] if magic else _normal_form(node, skip_blocks=True)
    for piece in parts:
        digest.update(piece if isinstance(piece, bytes) else piece.encode())
    return digest.hexdigest()


def _blocks(node: ast.AST) -> list[Any]:
    """Return the statements, handlers and cases directly inside a node."""
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, _BLOCKS)]


def _magic_body(node: ast.AST, shift: int) -> list[tuple[Any, int]]:
    """Return the statements inside a cell magic, which start one line below it."""
    use = magic_use(node.value, top_level=True) if isinstance(node, ast.Expr) else None
    text = python_text(use) if use is not None and use.body is not None else None
    body = parse_python(text) if text is not None else None
    line = getattr(node, "lineno", 1)
    return [(statement, shift + line) for statement in body or ()]
