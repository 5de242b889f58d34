"""Which global names a live function reads, from its compiled code."""

from __future__ import annotations

import dis
import types
from collections.abc import Iterator
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from nbcache.cell import hidden
from nbcache.cell.magics_text import identifiers
from nbcache.cell.members import Members, joined
from nbcache.cell.strings import FORMATS, is_no_expression, without_fields

_LOADS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"})
_SPELLED = frozenset({"IMPORT_FROM", "STORE_ATTR", "DELETE_ATTR"})
_TAKING = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_INDEXING = frozenset({"BINARY_SUBSCR", "STORE_SUBSCR", "DELETE_SUBSCR"})
_IGNORED = frozenset({"CACHE", "EXTENDED_ARG", "NOP", "PUSH_NULL", "PRECALL", "RESUME"})
_CLASS_NAMES = frozenset({
    "__annotations__", "__classdict__", "__conditional_annotations__", "__name__", "__qualname__",
})  # fmt: skip


class CodeReads(NamedTuple):
    """The global names that a code object and the code nested in it use."""

    reads: frozenset[str]
    stores: frozenset[str]
    hidden: tuple[str, ...]
    strings: frozenset[str]
    imports: tuple[str, ...]
    draws: frozenset[str]
    members: Members = MappingProxyType({})
    """What is taken of each name that is used only as ``name.member``."""


class _Uses:
    """Collects the uses of names over several code objects."""

    def __init__(self) -> None:
        self.reads: set[str] = set()
        self.stores: set[str] = set()
        self.hidden: dict[str, None] = {}
        self.strings: set[str] = set()
        self.imports: dict[str, None] = {}
        self.words: set[str] = set()
        self.members: dict[str, frozenset[str] | None] = {}

    def add(self, code: types.CodeType) -> None:
        """Note what the instructions of one code object do."""
        steps = [step for step in dis.get_instructions(code) if step.opname not in _IGNORED]
        padded = [None, *steps, None]
        for place, (before, step, after) in enumerate(zip(padded, steps, padded[2:], strict=False)):
            if step.opname == "LOAD_CONST":
                self.add_constant(step.argval, after)
            elif step.opname.startswith("IMPORT_"):
                level = steps[place - 2].argval if place > 1 else 0
                self.add_import(step, level if isinstance(level, int) else 0)
            elif isinstance(step.argval, str):
                self.add_name(step, before)
            if step.opname in _LOADS:
                taken = after.argval if after is not None and after.opname in _TAKING else None
                members = None if taken is None else frozenset({taken})
                self.members = joined(self.members, {step.argval: members})

    def add_name(self, step: dis.Instruction, before: dis.Instruction | None) -> None:
        """Note a name that is loaded, stored, deleted, or taken from another one."""
        name = step.argval
        if step.opname in _LOADS:
            if step.opname == "LOAD_NAME" and name in _CLASS_NAMES:
                return
            self.reads.add(name)
            self.words.add(name)
            self.note(hidden.name_reason(name) if name != "builtins" else None)
        elif step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            self.stores.add(name)
        elif step.opname in _ATTRIBUTES:
            self.words.add(name)
            self.add_attribute(name, before)

    def add_attribute(self, name: str, before: dis.Instruction | None) -> None:
        """Note an attribute that gives access to every name."""
        if name in hidden.ATTRIBUTES:
            self.note(hidden.ATTRIBUTES[name].format(name))
        elif before is not None and isinstance(before.argval, str):
            self.note(hidden.member_reason(before.argval, name))

    def add_import(self, step: dis.Instruction, level: int) -> None:
        """Note a module that gets imported, with its leading dots, and what is taken from it."""
        if step.opname == "IMPORT_NAME":
            self.imports["." * level + step.argval] = None
            if step.argval.split(".")[0] == "__main__":
                self.note("imports __main__")
        elif step.opname == "IMPORT_FROM" and self.imports:
            module = next(reversed(self.imports))
            inner = f"{module}.{step.argval}" if module.strip(".") else module + step.argval
            self.imports = {**self.imports, inner: None, module: None}
            self.note(hidden.member_reason(module, step.argval))

    def add_constant(self, value: Any, after: dis.Instruction | None) -> None:
        """Note the words of a string that is neither an index nor a keyword's name."""
        following = after.opname if after is not None else ""
        if following in _INDEXING or (following == "BINARY_OP" and _is_index(after)):
            return
        if isinstance(value, tuple) and following.startswith("CALL"):
            return
        is_format = following in _ATTRIBUTES and after is not None and after.argval in FORMATS
        for text in _texts(value):
            words = identifiers(text)
            if not is_no_expression(text):
                self.strings |= identifiers(without_fields(text)) if is_format else words
            if following != "COMPARE_OP":
                self.note(hidden.text_reason(words))

    def note(self, reason: str | None) -> None:
        """Note a reason, if there is one."""
        if reason:
            self.hidden[reason] = None


def _is_index(step: dis.Instruction | None) -> bool:
    """Whether a binary operation is an index (Python 3.14)."""
    return step is not None and step.argrepr == "[]"


def _texts(value: Any) -> Iterator[str]:
    """Yield the strings of a constant."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (tuple, frozenset)):
        for item in value:
            yield from _texts(item)


def nested_codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield a code object and all those inside it."""
    work = [code]
    while work:
        current = work.pop()
        yield current
        work.extend(c for c in current.co_consts if isinstance(c, types.CodeType))


@lru_cache(maxsize=4096)
def code_reads(code: types.CodeType) -> CodeReads:
    """Return the global names that a function's code uses, nested functions included."""
    uses = _Uses()
    for each in nested_codes(code):
        uses.add(each)
    return CodeReads(
        frozenset(uses.reads),
        frozenset(uses.stores),
        tuple(uses.hidden),
        frozenset(uses.strings),
        tuple(uses.imports),
        frozenset(word for word in uses.words if hidden.DRAWS.search(word)),
        uses.members,
    )


@lru_cache(maxsize=4096)
def spelled(code: types.CodeType) -> str:
    """Return the names and attributes of a code object as a text spells them: ``sys.path len``."""
    parts: list[str] = []
    for step in dis.get_instructions(code):
        if step.opname in _ATTRIBUTES or step.opname in _SPELLED:
            parts.append(f".{step.argval}")
        elif isinstance(step.argval, str) and step.opname.startswith(("LOAD_", "IMPORT_")):
            parts.append(f" {step.argval}" if step.opname != "LOAD_CONST" else " ''")
    return "".join(parts)
