"""What makes up a cache key, as values that add and subtract: ``INPUTS + SOURCE - "debug"``.

A policy is a set of *parts*, the names of inputs that it leaves out, and key functions of the
user's own. The same expressions are written on the magic's line, where they are parsed by a
small grammar and never evaluated.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

__all__ = [
    "CELL_SOURCE",
    "DEFAULT",
    "ENV",
    "FILES",
    "FLOW_PARAMETERS",
    "INPUTS",
    "NONE",
    "NO_CACHE",
    "PARAMETERS",
    "PREFECT_DEFAULT",
    "RNG",
    "RUN_ID",
    "SOURCE",
    "TASK_SOURCE",
    "CachePolicy",
    "Context",
    "IsolationLevel",
    "from_key_function",
    "parse",
]

PART_HELP: Final[Mapping[str, str]] = {
    "INPUTS": "the values of the variables that a cell reads; a function's arguments and globals",
    "CELL_SOURCE": "the code of the cell or function itself, without comments and formatting",
    "HELPERS": "the code of the functions, classes and local modules reached; library versions",
    "FILES": "the files, folders and listings that the run read, and those that it wrote",
    "RNG": "the state of the random streams that the run drew from",
    "ENV": "environment variables read, and options of Python, IPython and libraries",
    "RUN_ID": "this kernel session or headless run: nothing is reused in another one",
    "PARAMETERS": "the notebook's parameters; the command line of a script",
}
"""Every part of a key and what it holds, in the order in which it is told."""

LATE_PARTS: Final[Mapping[str, str]] = {
    "files": "FILES",
    "remote": "FILES",
    "filesystems": "FILES",
    "randomness": "RNG",
    "ambient": "ENV",
    "modules": "HELPERS",
    "names": "INPUTS",
    "lines": "CELL_SOURCE",
}
"""Which part each kind of late dependency belongs to."""


class IsolationLevel(str, enum.Enum):
    """Whether runs of one key exclude each other."""

    READ_COMMITTED = "READ_COMMITTED"
    SERIALIZABLE = "SERIALIZABLE"


@dataclass(frozen=True, slots=True)
class Context:
    """What a key function is told: which cell or function asks, and its code's fingerprint.

    ``parameters`` are the notebook's parameters, or empty.
    """

    name: str = ""
    source: str = ""
    notebook: str = ""
    run_id: str = ""
    parameters: Mapping[str, Any] | None = None


KeyFunction = Callable[..., Any]
"""Called with a :class:`Context` and the inputs by name; returns a key, or None for none."""


@dataclass(frozen=True, slots=True, repr=False)
class CachePolicy:
    """An immutable choice of key parts; ``+`` joins two, ``-`` leaves inputs out by name."""

    parts: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    functions: tuple[KeyFunction, ...] = ()
    key_storage: Any = None
    isolation_level: IsolationLevel | None = None
    lock_manager: Any = None

    def __add__(self, other: object) -> CachePolicy:
        if not isinstance(other, CachePolicy):
            return NotImplemented
        added = tuple(function for function in other.functions if function not in self.functions)
        return CachePolicy(
            parts=self.parts | other.parts,
            without=self.without | other.without,
            functions=self.functions + added,
            key_storage=_one(self.key_storage, other.key_storage, "key storages"),
            isolation_level=_one(self.isolation_level, other.isolation_level, "isolation levels"),
            lock_manager=_one(self.lock_manager, other.lock_manager, "lock managers"),
        )

    def __sub__(self, other: object) -> CachePolicy:
        names = _names_of(other)
        return replace(self, without=self.without | names) if "INPUTS" in self.parts else self

    def configure(
        self,
        key_storage: Any = None,
        isolation_level: IsolationLevel | str | None = None,
        lock_manager: Any = None,
    ) -> CachePolicy:
        """Return this policy with a store for its results, an isolation level, a lock manager.

        Raises:
            ValueError: the isolation level is none, or reading committed has a lock manager.
        """
        level = self.isolation_level if isolation_level is None else level_of(isolation_level)
        chosen = replace(
            self,
            key_storage=self.key_storage if key_storage is None else key_storage,
            isolation_level=level,
            lock_manager=self.lock_manager if lock_manager is None else lock_manager,
        )
        if chosen.lock_manager is not None and level is IsolationLevel.READ_COMMITTED:
            raise ValueError(
                "A lock manager has nothing to do under READ_COMMITTED."
                " Leave it out, or choose isolation_level='SERIALIZABLE'."
            )
        return chosen

    @property
    def is_off(self) -> bool:
        """Whether nothing makes up a key, so that nothing is cached."""
        return not self.parts and not self.functions

    def has(self, part: str) -> bool:
        """Tell whether a part of keys counts."""
        return part in self.parts

    def keeps_late(self, name: str) -> bool:
        """Tell whether a kind of late dependency counts."""
        return name not in LATE_PARTS or LATE_PARTS[name] in self.parts

    def salt(self) -> str:
        """Return what keeps results of this choice of parts apart; empty for the default."""
        return "" if self.parts == DEFAULT.parts else "+".join(sorted(self.parts))

    def explain(self) -> str:
        """Return in words what makes up the key, and what does not."""
        if self.is_off:
            return "NO_CACHE: nothing is cached; the code runs every time."
        lines = [f"{self!r}", "A result is used again while these are the same:"]
        lines += [_item(name, PART_HELP[name]) for name in PART_HELP if name in self.parts]
        lines += [_item(_name_of(f), "a key function of your own") for f in self.functions]
        if self.without:
            lines.append(f"Left out of the inputs: {', '.join(sorted(self.without))}.")
        missing = [name for name in PART_HELP if name not in {*self.parts, *_OPTIONAL}]
        if missing:
            lines.append("These may change without a new run:")
            lines += [_item(name, PART_HELP[name]) for name in missing]
        return "\n".join([*lines, *self._configured()])

    def _configured(self) -> list[str]:
        told = {
            "isolation level": self.isolation_level and self.isolation_level.value,
            "key storage": self.key_storage,
            "lock manager": self.lock_manager,
        }
        return [f"The {name} is {value}." for name, value in told.items() if value is not None]

    def __repr__(self) -> str:
        if self.is_off:
            return "NO_CACHE"
        left = set(self.parts)
        if left >= {"CELL_SOURCE", "HELPERS"}:
            left -= {"CELL_SOURCE", "HELPERS"}
            left.add("SOURCE")
        words = [name for name in _SHOWN if name in left]
        words += [f"from_key_function({_name_of(function)})" for function in self.functions]
        return " + ".join(words) + "".join(f" - {name!r}" for name in sorted(self.without))


_OPTIONAL = frozenset({"RUN_ID", "PARAMETERS"})
"""Parts that nobody misses: without them results are reused, as most people want."""

_SHOWN = ("INPUTS", "CELL_SOURCE", "SOURCE", *list(PART_HELP)[2:])


def _one(first: Any, second: Any, what: str) -> Any:
    """Return what one or both sides chose."""
    if first is None or second is None or first == second:
        return second if first is None else first
    raise ValueError(f"Policies with different {what} cannot be added: {first!r} and {second!r}.")


def _names_of(value: object) -> frozenset[str]:
    """Return the names of ``"a"`` or ``["a", "b"]``."""
    names = [value] if isinstance(value, str) else value
    if isinstance(names, Iterable) and not isinstance(names, (bytes, Mapping)):
        listed = list(names)
        if all(isinstance(name, str) for name in listed):
            return frozenset(listed)
    raise TypeError(
        f"{value!r} cannot be left out of a policy: write a name or a list of names,"
        " such as INPUTS - 'debug'."
    )


def _item(name: str, text: str) -> str:
    return f"  {name}: {text}"


def _name_of(function: KeyFunction) -> str:
    return str(getattr(function, "__qualname__", None) or type(function).__qualname__)


def level_of(value: object) -> IsolationLevel:
    """Return an isolation level, however it is spelled.

    Raises:
        ValueError: there is no such level.
    """
    word = value.value if isinstance(value, IsolationLevel) else str(value)
    try:
        return IsolationLevel(word.strip().upper().replace("-", "_").replace(" ", "_"))
    except ValueError:
        raise ValueError(
            f"{value!r} is no isolation level: choose 'SERIALIZABLE' or 'READ_COMMITTED'."
        ) from None


def from_key_function(function: KeyFunction) -> CachePolicy:
    """Return a policy whose key is what ``function(context, inputs)`` returns, and that alone.

    The key is any value with a fingerprint; None means that this run is not cached. Add other
    policies to let them count as well: ``from_key_function(f) + SOURCE``.
    """
    if not callable(function):
        raise TypeError(f"{function!r} is no function: give one of (context, inputs).")
    return CachePolicy(functions=(function,))


def _part(*names: str) -> CachePolicy:
    return CachePolicy(frozenset(names))


INPUTS: Final = _part("INPUTS")
CELL_SOURCE: Final = _part("CELL_SOURCE")
TASK_SOURCE: Final = CELL_SOURCE
SOURCE: Final = _part("CELL_SOURCE", "HELPERS")
FILES: Final = _part("FILES")
RNG: Final = _part("RNG")
ENV: Final = _part("ENV")
RUN_ID: Final = _part("RUN_ID")
PARAMETERS: Final = _part("PARAMETERS")
FLOW_PARAMETERS: Final = PARAMETERS
NO_CACHE: Final = CachePolicy()
NONE: Final = NO_CACHE
DEFAULT: Final = INPUTS + SOURCE + FILES + RNG + ENV
PREFECT_DEFAULT: Final = INPUTS + TASK_SOURCE + RUN_ID


def parse(text: str) -> CachePolicy:
    """Return the policy that an expression of names, ``+`` and ``-`` stands for.

    Raises:
        OptionError: the expression is wrong; the message names the nearest right name.
    """
    from nbcache.policy_text import parse_policy

    return parse_policy(text)
