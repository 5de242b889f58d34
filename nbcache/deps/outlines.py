"""What a module's source defines, part by part: which parts an edit touched, and what each reads.

A part is what a name is bound to by statements that do nothing else: functions, classes,
constants, imports. All other statements run at import and may do anything: they are the body,
which counts whatever is asked for. Comments, formatting and ``if __name__ == "__main__"`` are
in no part.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from nbcache.cell.bindings import bindings, bound_by_import
from nbcache.cell.hidden import imported_by_call, imported_modules
from nbcache.cell.members import Members, members_in
from nbcache.cell.scope import read_lazily
from nbcache.cell.source import digest_of_nodes
from nbcache.deps.digests import file_digest, text_digest
from nbcache.deps.quiet import Quiet, is_main_block

_IMPORTS = (ast.Import, ast.ImportFrom)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True, slots=True)
class Part:
    """Statements: the module's names that they read, the modules they import.

    ``members`` are what is taken from names that are only used as ``name.member``. What reads
    names out of sight is ``hidden``.
    """

    reads: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    imports: tuple[str, ...] = ()
    members: Members = field(default_factory=dict)
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Outline:
    """The parts of a module by name, its body, and its imports."""

    whole: str
    body: Part
    parts: Mapping[str, Part]
    bound_by_body: frozenset[str]
    order: tuple[tuple[frozenset[str] | None, str], ...]
    """What each statement binds, None for those of the body, and its digest."""
    imports: tuple[ast.Import | ast.ImportFrom, ...]
    """Those that run when the module is imported."""

    @property
    def names(self) -> frozenset[str]:
        """All names that the module binds."""
        return self.bound_by_body | self.parts.keys()

    @property
    def is_open(self) -> bool:
        """Whether the module answers for names that it does not bind."""
        return not {"__getattr__", "__dir__"}.isdisjoint(self.names)

    @property
    def stars(self) -> list[str]:
        """The modules all of whose names it imports, with leading dots."""
        stars = [one for one in self.imports if one.names[0].name == "*"]
        return ["." * one.level + (one.module or "") for one in stars]  # type: ignore[union-attr]

    def imports_of(self, name: str) -> list[ast.Import | ast.ImportFrom]:
        """Return the imports that bind a name."""
        return [one for one in self.imports if name in bound_by_import(one)]

    def digest(self, names: Collection[str] | None) -> str:
        """Return the digest of what binds these names and of the body, None: of everything.

        In their order: ``B = A`` means another ``A`` before ``A = 2`` than behind it.
        """
        if names is None:
            return self.whole
        asked = frozenset(names)
        found = [digest for bound, digest in self.order if bound is None or bound & asked]
        found += [f"{name} {name in self.names}" for name in sorted(asked)]
        return hashlib.blake2b("\0".join(found).encode(), digest_size=16).hexdigest()


_open = open  # captured now: our own reads are no user's reads
_of_content: dict[str, Outline | None] = {}
_MOST_KEPT = 2000
_LONGEST_BYTES = 200_000
"""Of a longer source all counts, comments too: it would take too long to look through."""


def outline_at(path: str) -> Outline | None:
    """Return the outline of a Python file, None if it is no valid Python.

    Raises:
        OSError: it can't be read.
    """
    digest = file_digest(path)[1]
    if digest not in _of_content:
        with _open(path, "rb") as stream:
            data = stream.read()
        if len(_of_content) >= _MOST_KEPT:
            _of_content.clear()
        _of_content[digest] = outline(data)
        if text_digest(data) != digest:  # it changed meanwhile
            return _of_content.pop(digest)
    return _of_content[digest]


@lru_cache(maxsize=1024)
def outline(data: bytes) -> Outline | None:
    """Return the outline of a module's source, None if it is no valid Python, or very long."""
    if len(data) > _LONGEST_BYTES:
        return None
    try:
        return _outline(ast.parse(data))
    except (SyntaxError, ValueError, RecursionError):
        return None


def _outline(tree: ast.Module) -> Outline:
    quiet = Quiet(tree)
    digests = {id(one): digest_of_nodes([one]) for one in tree.body}
    order: list[tuple[frozenset[str] | None, str]] = []
    body: list[ast.stmt] = []
    parts: dict[str, list[ast.stmt]] = {}
    if ast.get_docstring(tree, clean=False) is not None:
        parts["__doc__"] = tree.body[:1]
        order.append((frozenset({"__doc__"}), digests[id(tree.body[0])]))
    for statement in tree.body:
        if is_main_block(statement) or _does_nothing(statement):
            continue
        if not quiet.take(statement):
            body.append(statement)
            order.append((None, digests[id(statement)]))
            continue
        bound = frozenset(bindings([statement]).bound)
        order.append((bound, digests[id(statement)]))
        for name in bound:
            parts.setdefault(name, []).append(statement)
    return Outline(
        _joined(tree.body, digests),
        _part(body),
        {name: _part(statements) for name, statements in parts.items()},
        frozenset(bindings(body).bound),
        tuple(order),
        tuple(one for one in _at_import(tree) if isinstance(one, _IMPORTS)),
    )


def _at_import(*nodes: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes outside of functions: what runs when the module is imported."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _FUNCTIONS):
            waiting.extend(ast.iter_child_nodes(node))


def _does_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass)


def _late_imports(statements: list[ast.stmt]) -> Iterator[str]:
    """Yield the modules that functions import when they are called, and those that calls name."""
    early = {id(one) for one in _at_import(*statements)}
    for node in (one for statement in statements for one in ast.walk(statement)):
        if isinstance(node, _IMPORTS) and id(node) not in early:
            yield from imported_modules(node)
        elif isinstance(node, ast.Call):
            yield from filter(None, [imported_by_call(node)])


def _joined(statements: list[ast.stmt], digests: Mapping[int, str]) -> str:
    text = "\0".join(digests[id(one)] for one in statements)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _part(statements: list[ast.stmt]) -> Part:
    read = read_lazily(statements)
    return Part(
        read.reads,
        read.strings,
        tuple(_late_imports(statements)),
        members_in(statements),
        bool(read.hidden),
    )
