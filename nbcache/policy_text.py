"""The expressions of policies on a line: ``INPUTS + SOURCE - 'debug'``, parsed, never evaluated.

::

    expression = term { ("+" term) | ("-" names) }
    term       = NAME | "(" expression ")"
    names      = word | "[" [ word { "," word } ] "]"
    word       = NAME | "'" text "'"
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Final

from nbcache import policies
from nbcache.errors import OptionError
from nbcache.policies import CachePolicy

NAMED: Final[Mapping[str, CachePolicy]] = {
    name: getattr(policies, name)
    for name in (
        "INPUTS", "CELL_SOURCE", "TASK_SOURCE", "SOURCE", "FILES", "RNG", "ENV", "RUN_ID",
        "PARAMETERS", "FLOW_PARAMETERS", "NO_CACHE", "NONE", "DEFAULT", "PREFECT_DEFAULT",
    )
}  # fmt: skip
"""The policies that an expression may name."""

_TOKEN = re.compile(r"\s*(?:([^\W\d][\w.]*)|'([^']*)'|\"([^\"]*)\"|([-+()\[\],]))")
Token = tuple[str, str]


def parse_policy(text: str) -> CachePolicy:
    """Return the policy of an expression.

    Raises:
        OptionError: it is no such expression; the message names the nearest right name.
    """
    reader = _Reader(text)
    found = reader.expression()
    if reader.tokens:
        raise reader.wrong(f"`{reader.tokens[0][1]}` is not expected there")
    return found


class _Reader:
    """Reads one expression from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._split()

    def _split(self) -> list[Token]:
        tokens: list[Token] = []
        position, end = 0, len(self.text.rstrip())
        while position < end:
            match = _TOKEN.match(self.text, position)
            if match is None:
                raise self.wrong(f"`{self.text[position:end].strip()}` cannot be read")
            name, single, double, sign = match.groups()
            if sign:
                tokens.append(("sign", sign))
            elif name:
                tokens.append(("name", name))
            else:
                tokens.append(("text", single if single is not None else double))
            position = match.end()
        return tokens

    def wrong(self, problem: str) -> OptionError:
        """Return the error for this expression."""
        return OptionError(
            f"policy={self.text!r}: {problem}. Write names with + and -, such as"
            f" \"INPUTS + SOURCE - 'debug'\". Names: {', '.join(NAMED)}."
        )

    def expression(self) -> CachePolicy:
        """Read a term, and what is added to it and left out of it."""
        found = self._term()
        while self.tokens and self.tokens[0] in (("sign", "+"), ("sign", "-")):
            _, sign = self.tokens.pop(0)
            found = found + self._term() if sign == "+" else found - self._names()
        return found

    def _next(self, wanted: str) -> Token:
        if not self.tokens:
            raise self.wrong(f"{wanted} is missing at its end")
        return self.tokens.pop(0)

    def _term(self) -> CachePolicy:
        kind, value = self._next("a name")
        if (kind, value) == ("sign", "("):
            found = self.expression()
            if self._next("`)`") != ("sign", ")"):
                raise self.wrong("`)` is missing")
            return found
        if kind != "name":
            raise self.wrong(f"`{value}` stands where the name of a policy is expected")
        return self._named(value)

    def _named(self, word: str) -> CachePolicy:
        name = word.removeprefix("policies.").upper()
        if name in NAMED:
            return NAMED[name]
        near = difflib.get_close_matches(name, NAMED, n=1, cutoff=0.5)
        hint = f" (did you mean `{near[0]}`?)" if near else ""
        raise self.wrong(f"`{word}` is no policy{hint}")

    def _names(self) -> list[str]:
        kind, value = self._next("a name to leave out")
        if (kind, value) != ("sign", "["):
            return [self._word(kind, value)]
        names: list[str] = []
        while self.tokens and self.tokens[0] != ("sign", "]"):
            names.append(self._word(*self.tokens.pop(0)))
            if self.tokens and self.tokens[0] == ("sign", ","):
                self.tokens.pop(0)
        self._next("`]`")
        return names

    def _word(self, kind: str, value: str) -> str:
        if kind == "sign" or not value.isidentifier():
            raise self.wrong(f"`{value}` is not the name of an input")
        if kind == "name" and value in NAMED:
            raise self.wrong(f"`{value}` is a policy, and only inputs can be left out")
        return value
