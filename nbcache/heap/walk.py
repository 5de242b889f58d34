"""The one canonical traversal of live values that key, recording and replay share.

A walk starts at named roots and gives every object with an identity an *ordinal* in an order
that depends on values alone: level by level, and within a level type by type, so that all
objects of one type and level form a group that is encoded at once. A *token* stands for the
contents of an object or a group, with children named by ordinal. The digest of a root is the
digest of the tokens that were first met below it. Two heaps with the same digests therefore
have the same shape, sharing included, and the same ordinals, so a recording can speak of
"object 17" and a later session knows which live object that is.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import deque
from collections.abc import Container, Mapping, Sequence
from types import FunctionType
from typing import Any

from nbcache.errors import NotFingerprintable
from nbcache.heap.ahead import Ahead
from nbcache.heap.columns import Sorts
from nbcache.heap.levels import Levels
from nbcache.heap.nans import mark_nan
from nbcache.heap.ordinals import Ordinals
from nbcache.heap.registry import Kind, kind_of
from nbcache.heap.scope import Scope
from nbcache.heap.tokens import FLAT, LONG, digest, flat, frame, shorten, text
from nbcache.heap.unseen import hide
from nbcache.locality import is_local_module

ABSENT = b"absent"
_NO_LIBRARY = frozenset({"builtins", "__main__", "types"})
_NUMBER = struct.Struct("<I").pack


class Walk:
    """One traversal; keeps every object that it numbered alive."""

    holds_values = False
    parts: Any = None
    contents: dict[int, Any] | None = None  # what the memory of frames held
    spared: dict[str, bool] | None = None  # names: whether a text mentioned one
    watched: set[int]
    within: set[int]  # identities of memory inside of arrays and columns of pandas

    def __init__(
        self,
        namespace: dict[str, Any],
        *,
        ignore: Container[str] = frozenset(),
        settled: frozenset[str] = frozenset(),
    ) -> None:
        self.namespace = namespace
        self._settled = settled
        self.scope = Scope(namespace)
        self.ignore = ignore
        self.roots: dict[str, bytes] = {}
        self.values: dict[str, Any] = {}
        self.ordinals = Ordinals()
        self.objects = self.ordinals.objects
        self.owners: dict[int, tuple[int, int]] = {}
        self.dict_owners: dict[int, Any] = {}
        self.columns: dict[int, tuple[int, int, int]] = {}
        self.kept: list[Any] = []
        self.hidden: set[str] = set()
        self.modules: dict[str, bool] = {}
        self.packages: set[str] = set()
        self.draws: set[str] = set()
        self.imports: set[str] = set()
        self.functions: dict[int, FunctionType] = {}
        self.watched, self.within = set(), set()
        self.volatile, self.root_start = False, 0
        self.tokens: dict[int, tuple[Any, bytes]] = {}
        self._kinds: dict[type, Kind] = {}
        self.sorts = Sorts(self._kinds)
        self.levels = Levels()
        self.ahead = Ahead()
        self._scopes: dict[int, Scope] = {}
        self._starts: list[int] = []
        self._prefixes: list[bytes] = []
        self._wanted: deque[tuple[Scope, str]] = deque()
        self.asked: dict[tuple[int, str], bool] = {}

    def need(self, name: str, scope: Scope | None = None, *, by_name: bool = False) -> None:
        """Ask for a variable to become a root; of a module perhaps nothing but its name."""
        if scope is self.scope and name in self._settled:
            return  # the cell binds it before any function of its can read it
        scope = scope or self.scope
        item = (id(scope.variables), name)
        if item not in self.asked or (self.asked[item] and not by_name):
            self.asked[item] = by_name
            self._wanted.append((scope, name))

    def scope_of(self, variables: dict[str, Any]) -> Scope | None:
        """Return the scope of a function's globals: None when it is neither ours nor local."""
        if variables is self.namespace:
            return self.scope
        found = self._scopes.get(id(variables))
        if found is None:
            name = variables.get("__name__")
            if not is_local_module(name):
                return None
            found = self._scopes[id(variables)] = Scope(variables, str(name))
        return found

    def run(self) -> None:
        """Walk every root asked for, and those that functions met on the way ask for."""
        if self._wanted:
            with self.ahead.over(self._asked()):
                while self._wanted:
                    scope, name = self._wanted.popleft()
                    self._walk_root(scope, name)
        hide(self.objects)

    def _asked(self) -> list[Any]:
        """Return the values of the roots asked for so far."""
        wanted = [one for one in self._wanted if one[0].name_of(one[1]) not in self.ignore]
        return [scope.variables.get(name) for scope, name in wanted]

    def _walk_root(self, scope: Scope, name: str) -> None:
        label = scope.name_of(name)
        if label in self.ignore:
            return
        if name not in scope.variables:
            self.roots[label] = ABSENT
            return
        value = scope.variables[name]
        self.values[label] = value
        is_named = self.asked.get((id(scope.variables), name))
        try:
            self.roots[label] = self.fingerprint(label, value.__name__ if is_named else value)
        except NotFingerprintable as problem:
            raise self.explain(label, value, problem) from None
        except RecursionError:
            raise NotFingerprintable("is nested too deeply", path=label) from None
        except RuntimeError as problem:
            if "during iteration" not in str(problem):
                raise
            raise NotFingerprintable("changes while it is read", path=label) from None

    def fingerprint(self, label: str, value: Any) -> bytes:
        """Walk one value under a label and return its digest (16 bytes)."""
        if type(value) in FLAT:
            return digest(frame(b"R", flat(value) + mark_nan(value)))
        self._open_root(b"@" + text(label) + b"#")
        parts = [self.ref(value)]
        self.levels.encode(parts, self)
        return digest(frame(b"R", *parts))

    def _open_root(self, prefix: bytes) -> None:
        self.root_start = len(self.objects)
        self._starts.append(self.root_start)
        self._prefixes.append(prefix)

    def members(self, ordinals: Sequence[int]) -> list[Any]:
        """Return the objects of these ordinals."""
        if type(ordinals) is range:
            return self.objects[ordinals.start : ordinals.stop]
        return list(map(self.objects.__getitem__, ordinals))

    def encode(self, obj: Any, family: Kind | None = None) -> bytes:
        """Return the token of one object or value on its own."""
        family = family or self.kind_of(type(obj))
        try:
            token = family.encode(obj, self)
        except NotFingerprintable as problem:
            if not hasattr(problem, "culprit"):
                problem.culprit = obj  # type: ignore[attr-defined]
            raise
        return token if len(token) <= LONG else shorten(token)

    def kind_of(self, kind: type) -> Kind:
        """Return the kind of a class; a cell may change its class, so it holds for one pass."""
        found = self._kinds.get(kind)
        if found is None:
            found = self._kinds[kind] = kind_of(kind)
            home = type.__getattribute__(kind, "__module__")
            if not (home in _NO_LIBRARY or str(home)[:1] == "_" or is_local_module(home)):
                self.packages.add(str(home).partition(".")[0])
        return found

    def ref(self, obj: Any) -> bytes:
        """Return the token by which a parent names this child, numbering it when new."""
        kind = type(obj)
        if kind in FLAT:
            return flat(obj) + mark_nan(obj) if kind is float else flat(obj)
        if kind is type and id(obj) in self.tokens:
            return self.tokens[id(obj)][1]
        ordinal = self.ordinals.find(id(obj))
        if ordinal is not None:
            return self.reference(ordinal)
        family = self._kinds.get(kind) or self.kind_of(kind)
        if family.by_value or (family.mixed and family.is_value(obj)):
            self.holds_values = True
            if not family.stable:
                self.volatile = True
            token = self.encode(obj, family)
            if kind is type:
                self.tokens[id(obj)] = obj, token
            return token
        ordinal = self.ordinals.add(obj)
        return self._prefixes[-1] + _NUMBER(ordinal - self._starts[-1])

    def reference(self, ordinal: int) -> bytes:
        """Return the token by which others name the object of this ordinal."""
        if ordinal < 0:
            return b"-"
        if ordinal >= self._starts[-1]:
            return self._prefixes[-1] + _NUMBER(ordinal - self._starts[-1])
        root = bisect_right(self._starts, ordinal) - 1
        return self._prefixes[root] + _NUMBER(ordinal - self._starts[root])

    def keep(self, obj: Any) -> None:
        """Keep an object alive that has no ordinal, so that its identity stays its own."""
        self.kept.append(obj)

    def let_go(self) -> None:
        """Hold no object any more: the walk is of no further use."""
        self.__dict__.update(Walk({}).__dict__, parts=None)

    def is_numbered(self, obj: Any) -> bool:
        """Tell whether the walk has given this very object an ordinal."""
        return self.ordinals.find(id(obj)) is not None

    def ordinal(self, obj: Any) -> int | None:
        """Return the ordinal of this very object, or None."""
        return self.ordinals.find(id(obj))

    def standalone(self, obj: Any) -> bytes:
        """Return the digest of ``obj`` walked on its own, without numbering anything here."""
        return Walk(self.namespace, ignore=self.ignore).fingerprint("", obj)

    @property
    def types(self) -> frozenset[type]:
        """The exact types of all objects with an identity that were met."""
        return frozenset(self.levels.types)

    def read_module(self, name: str, *, whole: bool = False) -> None:
        """Note that code of this local module is reached, or all that it holds."""
        self.modules[name] = whole or self.modules.get(name, False)

    def changed(self) -> dict[int, tuple[bytes, bytes]]:
        """Read every numbered object again; return tokens before and after where they differ.

        Children that are new since the walk are numbered behind the old ones for the time of
        the call, so each changed object shows in its own token alone.
        """
        count = len(self.objects)
        owners, self.owners = self.owners, {}
        self._kinds.clear()
        self.tokens.clear()
        self.sorts = Sorts(self._kinds)
        self._open_root(b"@\x00later#")
        with self.ahead.over(self.ahead.met.values()):
            moved = {place: (before, after) for place, before, after in self.levels.moved(self)}
        self._forget_after(count)
        self.owners = owners
        return moved

    def _forget_after(self, count: int) -> None:
        self.ordinals.forget_after(count)
        del self._starts[-1:], self._prefixes[-1:]
        self._wanted.clear()

    def explain(self, label: str, value: Any, problem: NotFingerprintable) -> NotFingerprintable:
        """Return the problem with the path from the root to the value that caused it."""
        from nbcache.heap.paths import find_path, type_name

        culprit = getattr(problem, "culprit", value)
        path = find_path(label, value, culprit)
        return NotFingerprintable(problem.reason, path=path, type_name=type_name(culprit))


def digests(roots: Mapping[str, bytes]) -> dict[str, str]:
    """Return the roots' digests as text, for people and for the key."""
    return {
        name: "absent" if value is ABSENT else value.hex() for name, value in sorted(roots.items())
    }


def digest_variable(namespace: dict[str, Any], name: str) -> str:
    """Return the digest of one variable and of all that its functions read.

    Raises:
        NotFingerprintable: some of it has no fingerprint.
    """
    walk = Walk(namespace)
    walk.need(name)
    walk.run()
    if walk.hidden:
        for other in sorted(namespace):
            if not other.startswith("_"):
                walk.need(other)
        walk.run()
    if walk.roots.get(name) is ABSENT:
        return "absent"
    parts = [part for item in digests(walk.roots).items() for part in map(text, item)]
    return digest(frame(b"V", *parts)).hex()
