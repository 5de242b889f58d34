"""What moved between two readings of a cell, in a person's words and at the finest grain known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nbcache.cell.source import first_change

Parts = Mapping[str, str]
About = Mapping[str, Any]
"""``inputs``: label → summary; ``lines``: first line and digest of each statement."""

NO_LONGER_DEFINED = " is not defined any more"
"""How the sentence ends about an input that had a value."""

_SENTENCES = {
    "display options": "options of how results are shown changed",
    "loaded extensions": "extensions that it loads were loaded before, or are not",
    "file options": "the options `files`, `file_check` or `ignore_path` changed",
    "env": "environment variable `{}` changed",
    "cell": "the names that the cell binds changed",
    "key": "`key` changed",
    "name": "`name` changed",
    "policy": "the policy changed",
    "run": "this is another run",
    "parameters": "the notebook's parameters changed",
    "lock": "`{}` changed on disk",
    "file": "`{}` changed on disk",
}
"""Sentences about other parts than inputs, by a part's name or its first word."""

_OF_LIBRARIES = {
    "earlier calls of ": "what earlier cells set in `{}` changed",
    "settings of ": "what earlier cells set in `{}` changed",
    "what ": "what the module `{}` sets in libraries changed",
}
"""Sentences about inputs that are no variables, by how their labels begin."""

UNTOLD = "#"
"""How the text of a value begins that is told apart, but not shown."""

_MOST = 3
"""Differences told of one input before the rest is counted."""


def moved_parts(
    old: Parts, new: Parts, old_about: About | None = None, new_about: About | None = None
) -> list[str]:
    """Say in sentences which parts differ between an earlier run and now."""
    for own in ("name", "key"):
        if (own in old) != (own in new):
            return [f"`{own}` was {'given' if own in new else 'taken away'}"]
    before, after = old_about or {}, new_about or {}
    reasons: list[str] = []
    for name in [*new, *(name for name in old if name not in new)]:
        if old.get(name) != new.get(name):
            reasons += _sentences(name, (old.get(name), new.get(name)), before, after)
    return list(dict.fromkeys(reasons))


def moved_inputs(old: Parts, new: Parts) -> set[str] | None:
    """Return the names of the inputs that differ, None if anything else differs as well."""
    names = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    if any(not name.startswith("input ") for name in names):
        return None
    return {name.removeprefix("input ") for name in names}


def _sentences(
    name: str, digests: tuple[str | None, str | None], before: About, after: About
) -> list[str]:
    old, new = digests
    form, _, rest = name.partition(" ")
    if name == "source":
        return [_source_sentence(before.get("lines", ()), after.get("lines", ()))]
    if name in ("python", "version"):
        return [f"{name.capitalize()} {old} → {new}"]
    if name in _SENTENCES or form in _SENTENCES:
        return [_SENTENCES.get(name, _SENTENCES.get(form, "")).format(rest)]
    return _input_sentences(name.removeprefix("input "), digests, before, after)


def _input_sentences(
    label: str, digests: tuple[str | None, str | None], before: About, after: About
) -> list[str]:
    old, new = digests
    for before_it, sentence in _OF_LIBRARIES.items():
        if label.startswith(before_it):
            return [sentence.format(label.removeprefix(before_it).split(" ")[0])]
    if old is None or old == "absent":
        return [f"`{label}` is {'a new input' if old is None else 'defined now'}"]
    if new is None:
        return [f"`{label}` is no input any more"]
    if new == "absent":
        return [f"`{label}`{NO_LONGER_DEFINED}"]
    one, other = (about.get("inputs", {}).get(label) for about in (before, after))
    return list(describe(label, one or {}, other or {}))


def _source_sentence(before: Sequence[Any], after: Sequence[Any]) -> str:
    """Say where the code changed; comments and formatting are no change."""
    line = first_change(_lines(before), _lines(after)) if before and after else None
    return "the cell's code changed" + (f": line {line}" if line else "")


def _lines(given: Sequence[Any]) -> tuple[tuple[int, str], ...]:
    """Return lines as they were before they were written as JSON."""
    return tuple((int(line), str(digest)) for line, digest in given)


def describe(label: str, old: About, new: About) -> Iterator[str]:
    """Say how one input changed, given what was kept of it then and now."""
    if "code" in old and "code" in new:
        yield from _at_most(label, _code_sentences(label, old, new))
        return
    one, other = old.get("of", {}), new.get("of", {})
    if one and other and (one["code"] != other["code"] or one.get("held") != other.get("held")):
        name = str(other["name"])
        yield from _at_most(name, _code_sentences(name, one, other))
        return
    steps = list(_part_sentences(label, old, new)) if old.get("kind") == new.get("kind") else []
    if steps:
        yield from _at_most(label, steps)
        return
    then, now = _told(old, new), _told(new, old)
    if then and now and then != now:
        yield f"`{label}` changed ({then} → {now})"
    elif new.get("size") or new.get("columns"):
        yield f"`{label}` changed (other values, {new.get('size')} as before)"
    else:
        yield f"`{label}` changed"


def _told(one: About, other: About) -> str:
    """Return the shortest that tells one value from the other: its text, size or type."""
    is_same_kind = one.get("kind") == other.get("kind")
    text = one.get("text")
    size = one.get("size")
    if text is not None:
        return str(text) if is_same_kind or "text" in other else f"{one['kind']} {text}"
    kind = "" if is_same_kind else str(one.get("kind", ""))
    return " of ".join(word for word in (kind, size) if word)


def _at_most(label: str, sentences: Iterable[str]) -> Iterator[str]:
    """Yield the first sentences, and how many others there are."""
    found = list(sentences)
    yield from found[:_MOST]
    if len(found) > _MOST:
        yield f"`{label}` changed in {len(found) - _MOST} more places"


def _code_sentences(label: str, old: About, new: About) -> Iterator[str]:
    """Say what of a function or class changed: its own code, or which part of what it holds."""
    cell = new.get("cell") or old.get("cell")
    where = f" (cell {cell})" if cell else ""
    form = str(new.get("form", "function"))
    held = list(_held_sentences(old.get("held", {}), new.get("held", {}), where))
    if old["code"] == new["code"] and not held:
        what = "defaults, closure" if form == "function" else "bases"
        held = [f"{form} `{label}`{where} changed: its {what} or attributes"]
    elif old["code"] != new["code"]:
        held = [f"{form} `{label}`{where} was edited"]
    yield from held


def _held_sentences(old: About, new: About, where: str) -> Iterator[str]:
    for words in [*new, *(words for words in old if words not in new)]:
        then, now = old.get(words), new.get(words)
        place = where if words.startswith(("attribute", "method")) else ""
        if then is None or now is None:
            yield f"{words}{place} is {'new' if then is None else 'gone'}"
        elif then != now and words.startswith("method"):
            yield f"{words}{place} was edited"
        elif then != now:
            is_told = not (then.startswith(UNTOLD) or now.startswith(UNTOLD))
            yield f"{words}{place} changed" + (f" ({then} → {now})" if is_told else "")


def _part_sentences(label: str, old: About, new: About) -> Iterator[str]:
    """Say which keys, attributes or columns differ."""
    before, after = old.get("columns", {}), new.get("columns", {})
    for name in [*after, *(name for name in before if name not in after)]:
        then, now = before.get(name), after.get(name)
        if then == now or not (before and after):
            continue
        if then is None or now is None:
            yield f"`{label}` has {'a new' if then is None else 'no'} column {name}" + (
                "" if then is None else " any more"
            )
        else:
            yield f"column {name} of `{label}` changed ({then} → {now})"
    before, after = old.get("parts", {}), new.get("parts", {})
    for step in [*after, *(step for step in before if step not in after)]:
        then, now = before.get(step), after.get(step)
        if then == now or not (before and after):
            continue
        if then is None or now is None:
            yield f"`{label}{step}` is {'new' if then is None else 'gone'}"
        else:
            yield f"`{label}{step}` changed ({then} → {now})"
