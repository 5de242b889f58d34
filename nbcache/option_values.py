"""What an option is, and how its value is read: text from a line, or data.

Loading nbcache loads the options' names; what only their values need is loaded with these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from nbcache.errors import OptionError

if TYPE_CHECKING:
    from nbcache.policies import CachePolicy

Kind = Literal[
    "duration", "size", "flag", "names", "refresh", "text", "value", "policy", "choice", "list"
]


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its name, what values it takes, and its help."""

    name: str
    kind: Kind
    help: str
    choices: tuple[str, ...] = ()


CODECS: Final = ("none", "zlib", "lzma", "bz2")
"""How values may be compressed; all of them come with Python."""

TRISTATE: Final = ("true", "false", "none")
FILE_CHECKS: Final = ("content", "mtime", "etag")
LEVELS: Final = ("serializable", "read_committed")

_SIZE: Final = r"(?i)(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?"
_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})
WORDS: Final = _TRUE | _FALSE | {"once"}
"""What a bare word after a flag may be to count as its value."""


def read(option: Option, value: object) -> object:
    """Return an option's value in its own type; a duration is checked but stays as it is."""
    return _READERS[option.kind](option, value)


def parse_size(value: object) -> int:
    """Return the bytes of a size: a number of bytes, 500MB, 10GB, 2GiB.

    Raises:
        OptionError: it is no size.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return int(value)
    found = re.fullmatch(_SIZE, value.strip()) if isinstance(value, str) else None
    if found is None:
        raise OptionError(f"{value!r} is no size: write 500MB or 10GB.")
    power = " kmgt".index(found[2].lower() or " ")
    return int(float(found[1]) * (1024 if found[3] else 1000) ** power)


def _refresh(option: Option, value: object) -> object:
    """Return true, false, ``once``, or None for no wish of one's own."""
    if value is None or _is_word(value, "none"):
        return None
    return "once" if _is_word(value, "once") else _boolean(option, value)


def _duration(option: Option, value: object) -> object:
    """Return a duration as it was given, once it was checked."""
    if value is True:
        raise OptionError(f"`{option.name}` needs a value, such as `{option.name}=60`.")
    from nbcache.duration import parse_duration

    parse_duration(value, 0.0)
    return value


def _size(option: Option, value: object) -> int:
    """Return the bytes of a size."""
    try:
        return parse_size(value)
    except OptionError as problem:
        raise OptionError(f"`{option.name}`: {problem}") from None


def _value(option: Option, value: object) -> object:
    """Return any value; a bare word without one is a slip."""
    if value is True or (isinstance(value, str) and not value.strip()):
        raise OptionError(f"`{option.name}` needs a value, such as `{option.name}=day`.")
    return value


def _policy(option: Option, value: object) -> CachePolicy:
    """Return a policy, also from the text of an expression."""
    from nbcache.policies import NO_CACHE, CachePolicy
    from nbcache.policy_text import parse_policy

    if isinstance(value, CachePolicy):
        return value
    if value is None or _is_word(value, "none"):
        return NO_CACHE
    if isinstance(value, str):
        return parse_policy(value)
    raise OptionError(f"`{option.name}` needs a policy, such as `{option.name}=INPUTS+SOURCE`.")


def _choice(option: Option, value: object) -> object:
    """Return one of an option's words in lower case; truth values count as their words."""
    choices = option.choices
    word = str(getattr(value, "value", value)).strip().lower().replace("-", "_")
    if choices == TRISTATE:
        if value is None or word == "none":
            return None
        return _boolean(option, value)
    if option.name == "compression" and word in _TRUE | _FALSE | {"none", ""}:
        return CODECS[1] if word in _TRUE else CODECS[0]
    if word in choices:
        return word
    import difflib  # a slip is rare

    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.5)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    raise OptionError(
        f"`{option.name}={value}` is not understood.{hint} Write {' or '.join(choices)}."
    )


def _is_word(value: object, word: str) -> bool:
    return isinstance(value, str) and value.strip().lower() == word


def _boolean(option: Option, value: object) -> bool:
    """Return a truth value, however it is spelled."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    choices = "true, false or once" if option.kind == "refresh" else "true or false"
    raise OptionError(f"`{option.name}={value}` is not understood. Write {choices}.")


def _names(option: Option, value: object) -> frozenset[str]:
    """Return the names of a list that is separated by commas or spaces."""
    if isinstance(value, str):
        words: list[object] = [word for word in re.split(r"[,\s]+", value) if word]
    elif isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping)):
        words = list(value)
    else:
        words = []
    wrong = [word for word in words if not (isinstance(word, str) and word.isidentifier())]
    if wrong or (not words and value not in ("", (), [], frozenset())):
        shown = f"`{wrong[0]}` is not a name" if wrong else "there is no name"
        raise OptionError(f"`{option.name}`: {shown}. Write names with commas: {option.name}=x,y.")
    return frozenset(str(word) for word in words)


def _list(option: Option, value: object) -> tuple[str, ...]:
    """Return the words of a list that is separated by commas; false stands for ``off``."""
    if value is True or value is False:
        value = "auto" if value else "off"
    if isinstance(value, str):
        words: list[object] = [word.strip() for word in value.split(",")]
    elif isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping)):
        words = list(value)
    else:
        words = []
    if not words or not all(isinstance(word, str) and word for word in words):
        example = "files=data/*.csv" if option.name == "files" else "env=FOO,BAR"
        raise OptionError(f"`{option.name}` needs words with commas between, such as {example}.")
    lowered = [str(word).lower() for word in words]
    return tuple(
        low if low in ("auto", "off") else str(word)
        for low, word in zip(lowered, words, strict=True)
    )


def _text(option: Option, value: object) -> str:
    """Return a text; numbers from data count as their text."""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value)
    raise OptionError(f"`{option.name}` needs a value, such as `{option.name}=3`.")


_READERS: Final[Mapping[str, Callable[[Option, object], object]]] = {
    "flag": _boolean,
    "refresh": _refresh,
    "names": _names,
    "list": _list,
    "text": _text,
    "value": _value,
    "policy": _policy,
    "choice": _choice,
    "duration": _duration,
    "size": _size,
}
