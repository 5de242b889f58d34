"""The named parts of a key, chosen by a policy: the same for cells, functions and blocks."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbcache.errors import NotFingerprintable, OptionError
from nbcache.heap.walk import Walk
from nbcache.policies import DEFAULT, Context
from nbcache.policy import Policy
from nbcache.surroundings import parameters_of, run_id

_ALWAYS = frozenset({"python", "version"})


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose key it is: what tells it from others when its code does not count, and its name.

    ``inputs`` are the values by name that a key function is given.
    """

    identity: str
    name: str
    namespace: dict[str, Any]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    notebook: str = ""


def choose_parts(policy: Policy, parts: Mapping[str, str], subject: Subject) -> dict[str, str]:
    """Return those parts that the policy lets count, and those that it adds.

    Raises:
        NotFingerprintable: a key function gave no key, or one without a fingerprint.
        OptionError: the expression of ``key=`` cannot be evaluated.
    """
    if policy.key is None and not policy.name and policy.policy is DEFAULT:
        return dict(parts)
    always = {name: value for name, value in parts.items() if name in _ALWAYS}
    if policy.name:
        return always | {"cell": subject.identity, "name": policy.name}
    if policy.key is not None:
        key = _own_key(policy.key, subject, parts)
        return always | {"cell": subject.identity, "key": key}
    chosen = policy.policy
    found = always | {name: value for name, value in parts.items() if _counts(name, policy)}
    if not chosen.has("CELL_SOURCE"):
        found["cell"] = subject.identity
    if chosen.salt():
        found["policy"] = chosen.salt()
    if chosen.has("RUN_ID"):
        found["run"] = run_id()
    if chosen.has("PARAMETERS"):
        found["parameters"] = digest_of("parameters", parameters_of(subject.namespace))
    return found | _function_parts(policy, subject, parts)


def _counts(name: str, policy: Policy) -> bool:
    chosen = policy.policy
    if name.startswith("input "):
        return chosen.has("INPUTS") or chosen.has("HELPERS")  # the walk left the others out
    return chosen.has("CELL_SOURCE") if name == "source" else chosen.has("ENV")


def _function_parts(policy: Policy, subject: Subject, parts: Mapping[str, str]) -> dict[str, str]:
    """Return the keys that the policy's functions give; None counts for nothing beside others."""
    found = {}
    for place, function in enumerate(policy.policy.functions):
        value = _called(function, subject, parts)
        if value is not None:
            found[f"key {place}"] = digest_of("key", value)
    if policy.policy.functions and not found and not policy.policy.parts:
        raise NotFingerprintable("its key function returned None, so it is not cached")
    return found


def _own_key(key: Any, subject: Subject, parts: Mapping[str, str]) -> str:
    value = _evaluated(key, subject.namespace) if isinstance(key, str) else key
    if callable(value):
        value = _called(value, subject, parts)
    if value is None:
        raise NotFingerprintable("its `key` is None, so it is not cached")
    return digest_of("key", value)


def _called(function: Any, subject: Subject, parts: Mapping[str, str]) -> Any:
    """Return the key that a function of the context gives, with the inputs if it takes them.

    Raises:
        NotFingerprintable: it failed.
    """
    given = (_context(subject, parts), dict(subject.inputs))
    try:
        return function(*given[: _takes(function)])
    except Exception as error:
        name = getattr(function, "__qualname__", type(function).__qualname__)
        raise NotFingerprintable(
            f"its key function {name} failed: {type(error).__name__}: {error}"
        ) from error


def _takes(function: Any) -> int:
    """Return how many of context and inputs a key function takes."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return 2
    for count in (2, 1, 0):
        try:
            signature.bind(*range(count))
        except TypeError:
            continue
        return count
    return 2


_IS_WORDS = re.compile(r"[\w\s./:@+-]*")
"""A text that nobody takes for an expression, such as ``2026-11-01`` or ``run 7``."""


def _quoted(text: str) -> str:
    """Return a text as it is written on a line to be taken as a text."""
    inner = repr(text)
    return f"'{inner}'" if inner[0] == '"' else f'"{inner}"'


def _evaluated(text: str, namespace: dict[str, Any]) -> Any:
    """Return the value of an expression in the notebook; what is no expression is a text."""
    try:
        code = compile(text.strip(), "<key>", "eval", dont_inherit=True)
    except SyntaxError as error:
        if _IS_WORDS.fullmatch(text):
            return text
        raise OptionError(
            f"`key={text}` is no expression: {error.msg}. Several values go into parentheses:"
            f" key=(a, b). A text needs quotes of its own: key={_quoted(text)}."
        ) from None
    try:
        return eval(code, dict(namespace))
    except Exception as error:
        raise OptionError(
            f"`key={text}` cannot be evaluated: {type(error).__name__}: {error}."
            f" A text needs quotes of its own: key={_quoted(text)}."
        ) from None


def _context(subject: Subject, parts: Mapping[str, str]) -> Context:
    return Context(
        name=subject.name,
        source=parts.get("source", ""),
        notebook=subject.notebook,
        run_id=run_id(),
        parameters=parameters_of(subject.namespace),
    )


def digest_of(label: str, value: Any) -> str:
    """Return the fingerprint of one value on its own, as text.

    Raises:
        NotFingerprintable: it has none; the error names the path to what is in the way.
    """
    walk = Walk({})
    try:
        return walk.fingerprint(label, value).hex()
    except NotFingerprintable as problem:
        raise walk.explain(label, value, problem) from None
