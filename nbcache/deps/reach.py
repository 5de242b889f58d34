"""Which parts of local modules a run can reach, followed through their sources.

Importing a module runs its body, and those of the modules that it imports. What is asked of it by
name leads to what that reads, here and in other modules. Where the source does not tell, all of a
module counts, and all of its neighbours.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping

from nbcache.deps.local import absolute_name, memory_outline, neighbours, parents, source_path
from nbcache.deps.outlines import Outline, Part

Needs = Mapping[str, Collection[str] | None]
"""Module → the names that are asked of it; None for all that is in it."""

_BODY = ""
_ALL = "*"
_OF_ALL = frozenset({"__dict__", "__annotations__", "__annotate__"})
"""Members of a module that tell of all the others."""


class Reach:
    """Follows what is asked of modules; ``needs`` tells all that is reached of local ones."""

    def __init__(self) -> None:
        self._needs: dict[str, set[str] | None] = {}
        self._followed: set[tuple[str, str]] = set()
        self._waiting: list[tuple[str, str]] = []
        self.inside: dict[str, None] = {}
        """The modules that reached functions import when they are called."""

    def ask(self, module: str, names: Iterable[str] | None) -> None:
        """Ask for names of a module, and follow where they lead."""
        self._add(module, names)
        while self._waiting:
            self._follow(*self._waiting.pop())

    @property
    def needs(self) -> dict[str, frozenset[str] | None]:
        """The names that count by module, in the order of the modules' names."""
        found = sorted(self._needs.items())
        return {name: None if names is None else frozenset(names) for name, names in found}

    def _add(self, module: str, names: Iterable[str] | None) -> None:
        if not source_path(module):
            return
        self._needs.setdefault(module, set())
        made = memory_outline(module)
        names = None if names is None else list(names)
        is_whole = names is None or made is None or made.is_open or not _OF_ALL.isdisjoint(names)
        for name in (_BODY, *([_ALL] if is_whole else names or ())):
            if (module, name) not in self._followed:
                self._followed.add((module, name))
                self._waiting.append((module, name))

    def _follow(self, module: str, name: str) -> None:
        if name == _ALL:
            self._needs[module] = None
            made = memory_outline(module)
            for part in () if made is None else (made.body, *made.parts.values()):
                self.inside.update((absolute_name(one, module), None) for one in part.imports)
            for neighbour in neighbours(module, sys.modules[module]):
                self._add(neighbour, None)
            return
        made = memory_outline(module)
        if made is None or self._needs[module] is None:
            return
        if name == _BODY:
            self._follow_body(module, made)
        else:
            self._follow_name(module, made, name)

    def _follow_body(self, module: str, made: Outline) -> None:
        imported = [one for statement in made.imports for one in _modules_of(statement, module)]
        for one in (*parents(module), *imported):
            for above in (*parents(one), one):
                self._add(above, ())
        self._follow_part(module, made, made.body)

    def _follow_name(self, module: str, made: Outline, name: str) -> None:
        self._count(module, name)
        for star in made.stars:
            self._add(absolute_name(star, module), [name, "__all__"])
        for statement in made.imports_of(name):
            self._follow_import(module, statement, name, None)
        part = made.parts.get(name)
        if part is not None:
            self._follow_part(module, made, part)

    def _count(self, module: str, name: str) -> None:
        known = self._needs[module]
        if known is not None:
            known.add(name)

    def _follow_part(self, module: str, made: Outline, part: Part) -> None:
        if part.hidden:
            self._add(module, None)
            return
        for imported in part.imports:
            self.inside[absolute_name(imported, module)] = None
            self._add(absolute_name(imported, module), None)
        for name in (*part.reads, *(part.texts & made.names)):
            members = part.members.get(name) if name in part.reads else None
            statements = made.imports_of(name)
            if members is None or not statements:
                self._add(module, [name])
                continue
            self._count(module, name)
            for statement in statements:
                self._follow_import(module, statement, name, members)

    def _follow_import(
        self,
        module: str,
        statement: ast.Import | ast.ImportFrom,
        name: str,
        members: Collection[str] | None,
    ) -> None:
        """Ask for what an import binds to a name, or for these members of it."""
        for alias in statement.names:
            if (alias.asname or alias.name.partition(".")[0]) != name:
                continue
            if isinstance(statement, ast.ImportFrom):
                start = absolute_name("." * statement.level + (statement.module or ""), module)
                self._add(start, [alias.name])
                self._ask_module(f"{start}.{alias.name}", members)
            elif alias.asname is not None or "." not in alias.name:
                self._ask_module(alias.name, members)
            else:
                for one in (*parents(alias.name), alias.name):
                    self._add(one, None)

    def _ask_module(self, name: str, members: Collection[str] | None) -> None:
        self._add(name, members)
        for member in members or ():
            self._add(f"{name}.{member}", None)


def _modules_of(statement: ast.Import | ast.ImportFrom, module: str) -> Iterator[str]:
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
        return
    start = absolute_name("." * statement.level + (statement.module or ""), module)
    yield start
    yield from (f"{start}.{alias.name}" for alias in statement.names)
