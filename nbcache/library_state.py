"""What functions of libraries may set: the variables that their code reaches, at one moment.

The heap of a library is not walked as the notebook's is. But what ``sklearn.set_config`` can set
is among the few variables that it and the functions of its package which it calls name: they are
compared before and after a run, and tell later cells what stands set.
"""

from __future__ import annotations

import abc
import contextvars
import decimal
import enum
import hashlib
import sys
import threading
import types
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from nbcache.cell.bytecode import code_reads, nested_codes
from nbcache.heap.tokens import FLAT
from nbcache.library_members import inner_function
from nbcache.library_setters import Setter

_MOST = 5_000
"""Values looked at; what lies beyond is not compared."""

_DEPTH = 8
_MISSING = object()
_HOLDERS = (threading.local, types.SimpleNamespace)
_CODE = (types.FunctionType, types.BuiltinFunctionType, type, types.ModuleType)


class SetState:
    """What some setters may set, by its place: plain values, and other objects as such."""

    def __init__(self, setters: Iterable[Setter]) -> None:
        self.setters = tuple(setters)
        self.entries: dict[str, Any] = {}
        self.is_settable = False
        """Whether there is anything in reach that can be changed."""
        self._seen: dict[int, Any] = {}
        self._work: deque[tuple[str, Any, str, int]] = deque()
        for setter in self.setters:
            self._begin(setter)
        while self._work and len(self.entries) < _MOST:
            self._look(*self._work.popleft())

    def differs(self, other: SetState) -> bool:
        """Tell whether anything is not what it was then."""
        return not self.entries.keys() >= other.entries.keys() or self.differs_within(other)

    def differs_within(self, other: SetState) -> bool:
        """Tell whether anything that may be set here is not what it was then.

        What a library only makes when it is first asked for, as a copy of what stands already,
        is no difference.
        """
        known, made = other.entries, ""
        for path in sorted(self.entries):
            if made and path.startswith(made):
                continue
            if path in known:
                if not _is_same(self.entries[path], known[path]):
                    return True
            elif self._is_copy(path, other):
                made = path
            else:
                return True
        return False

    def _is_copy(self, path: str, other: SetState) -> bool:
        """Tell whether a container that is new holds what another one did."""
        kind, inner = self.entries[path], self._below(path)
        same = (at for at, value in other.entries.items() if value is kind and at in self.entries)
        return _is_kind(kind) and any(other._below(at) == inner for at in same)

    def _below(self, path: str) -> dict[str, tuple[Any, str]]:
        """Return what stands in a container: by the rest of its path, its type and how it shows."""
        found = ((at[len(path) :], one) for at, one in self.entries.items() if at.startswith(path))
        return {rest: (type(one), repr(one)) for rest, one in found if rest}

    def digest(self) -> bytes:
        """Return a digest, the same in every process for the same plain values, 16 bytes.

        A container counts once with all others that hold the same.
        """
        state, held, skipped = hashlib.blake2b(digest_size=16), [], "\0"
        for path in sorted(self.entries):
            value = self.entries[path]
            if path.startswith(skipped):
                continue
            inner = (value, self._below(path)) if _is_kind(value) else None
            if inner in held:
                skipped = path
                continue
            held += [inner] if inner else []
            told = repr(value) if type(value) in FLAT else _name(value)
            state.update(f"{path}\0{type(value).__qualname__}\0{told}\0".encode())
        return state.digest()

    def _begin(self, setter: Setter) -> None:
        package, function = setter.package, setter.function
        if setter.home is not None:
            self.is_settable = True
            value = setter.home.get(setter.label.rpartition(".")[2])
            self._look(setter.label, value, package, _DEPTH - 1)
            return
        if function is None:
            self._look(setter.label, setter.owner, package, _DEPTH - 1)
            return
        if issubclass(type(function), type):
            for member in vars(function).values():
                self._add_code(inner_function(member), package, 0)
        self._add_code(function, package, 0)
        if setter.owner is not None:
            self._work.append((setter.label.rpartition(".")[0], setter.owner, package, 0))

    def _add_code(self, function: Any, package: str, depth: int) -> None:
        """Look at what a function of the package names, is closed over and has as defaults."""
        function = _unwrapped(function)
        if type(function) is not types.FunctionType or id(function) in self._seen:
            return
        self._seen[id(function)] = function
        self.is_settable |= bool(code_reads(function.__code__).stores)
        words = {word for code in nested_codes(function.__code__) for word in code.co_names}
        variables, home = function.__globals__, function.__module__
        for word in sorted(words & variables.keys()):
            self._add(f"{home}.{word}", variables[word], package, depth, words)
        for word in sorted(words - variables.keys()):  # imported by the function itself
            if word.partition(".")[0] == package and word in sys.modules:
                self._add(word, sys.modules[word], package, depth, words)
        given = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
        closed = list(_contents(function))
        for place, value in enumerate([*given, *closed]):
            self._add(f"{home}.{function.__qualname__}()[{place}]", value, package, depth, words)

    def _add(self, path: str, value: Any, package: str, depth: int, words: set[str]) -> None:
        """Look at what code that spells these words may use of a value."""
        kind = type(value)
        if issubclass(kind, types.ModuleType):
            if value.__name__.partition(".")[0] == package:
                held = vars(value)
                for word in sorted(words & held.keys()):
                    if not issubclass(type(held[word]), types.ModuleType):
                        self._add(f"{value.__name__}.{word}", held[word], package, depth, words)
        elif issubclass(kind, type):
            if _package(value) == package:
                self._work.append((path, value, package, depth))
        elif type(_unwrapped(value)) is types.FunctionType:
            if depth < _DEPTH and _package(_unwrapped(value)) == package:
                self._add_code(value, package, depth + 1)
        else:
            self._work.append((path, value, package, depth))

    def _look(self, path: str, value: Any, package: str, depth: int) -> None:
        kind = type(value)
        is_far = depth > _DEPTH or (depth == _DEPTH and not _is_small(value))
        parts = None if kind in FLAT or is_far else _parts(value, package)
        is_held = parts is not None and issubclass(kind, _CONTAINERS)
        self.entries[path] = kind if is_held else value
        if parts is None or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        self.is_settable |= not issubclass(kind, tuple)
        self._work.extend((f"{path}{step}", one, package, depth + 1) for step, one in parts)


def _is_same(one: Any, other: Any) -> bool:
    is_plain = type(one) in FLAT and type(one) is type(other)
    return one is other or (is_plain and repr(one) == repr(other))


def _name(value: Any) -> str:
    """Return the name of a member of an enum, a class or a function; other objects have none."""
    if issubclass(type(value), enum.Enum):
        return str(value.name)
    if issubclass(type(value), (type, types.FunctionType)):
        return f"{value.__module__}.{value.__qualname__}"
    return ""


def _package(value: types.FunctionType | type) -> str:
    """Return the package of a function or a class."""
    return str(value.__module__).partition(".")[0]


def _unwrapped(function: Any) -> Any:
    """Return the function that another one is put around, as decorators do."""
    while type(function) is not types.FunctionType or "__wrapped__" in vars(function):
        try:
            function = object.__getattribute__(function, "__wrapped__")
        except AttributeError:
            break
    return function


def _contents(function: types.FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # empty
            continue


def _parts(value: Any, package: str) -> list[tuple[str, Any]] | None:
    """Return what an object of a library, or a container, holds; None if it is taken as it is."""
    kind = type(value)
    if issubclass(kind, type):
        bases = [base for base in type.mro(value) if _package(base) == package]
        members = {name: one for base in reversed(bases) for name, one in vars(base).items()}
        held = [(f".{name}", one) for name, one in members.items() if _is_data(name, one)]
        if type(value) is abc.ABCMeta:
            held.append((".register()", _registered(value)))
        return held if bases else None
    if issubclass(kind, _CONTAINERS):
        return _items(value)
    if kind is decimal.Context:
        return [(".repr()", repr(value))]
    if kind is contextvars.ContextVar:
        return [(".get()", value.get(None))]
    if issubclass(kind, _CODE) or not (_package(kind) == package or issubclass(kind, _HOLDERS)):
        return None
    return [(f".{name}", one) for name, one in _attributes(value)]


def _is_kind(value: Any) -> bool:
    return any(value is kind for kind in _CONTAINERS)


def _is_small(value: Any) -> bool:
    return issubclass(type(value), _CONTAINERS) and len(value) <= _FEW


_CONTAINERS = (dict, list, tuple, deque, set, frozenset)
_FEW = 20
"""Items of a container inside a library's own object; larger ones are taken for its stores."""


def _registered(kind: type) -> int:
    """Return how many classes an abstract one was told to count as its own."""
    told = getattr(abc, "_get_dump", None)
    return len(told(kind)[0]) if told else 0


def _items(value: Any) -> list[tuple[str, Any]]:
    """Return what a container of Python's own holds."""
    if issubclass(type(value), dict):
        return [(f"[{_key(key, place)}]", one) for place, (key, one) in enumerate(value.items())]
    if issubclass(type(value), (set, frozenset)):
        items = [(f"[{text}]", True) for text in sorted(_key(one, 0) for one in value)]
        return [*items, (".len()", len(value))]  # objects without a text of their own look alike
    return [(f"[{place}]", one) for place, one in enumerate(value)]


def _key(key: Any, place: int) -> str:
    return repr(key) if type(key) in FLAT else f"{type(key).__qualname__} {place}"


def _is_data(name: str, value: Any) -> bool:
    is_own = name.startswith("__") and name.endswith("__")
    return not (is_own or callable(value) or hasattr(type(value), "__get__"))


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    is_local = issubclass(type(value), threading.local)
    try:
        held = value.__dict__ if is_local else object.__getattribute__(value, "__dict__")
    except AttributeError:
        held = {}
    if type(held) is dict:
        yield from list(held.items())
    for base in type.mro(type(value)):
        for name, member in vars(base).items():
            if type(member) is types.MemberDescriptorType:
                found = _slot(member, value)
                if found is not _MISSING:
                    yield name, found


def _slot(member: types.MemberDescriptorType, value: Any) -> Any:
    try:
        return member.__get__(value)
    except AttributeError:
        return _MISSING
