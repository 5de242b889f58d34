"""What the layers of settings come to: the strongest value of each option, and whose it is."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nbcache.duration import parse_duration
from nbcache.errors import OptionError
from nbcache.option_values import parse_size
from nbcache.options import OPTIONS, canonical, read_options
from nbcache.policy import Policy, build_policy
from nbcache.setting_files import NOTEBOOK, PROJECT, PROJECTS, UNREADABLE, Layer

_BOUNDS = ("max_size", "max_age")
"""Bounds of the whole store where a user sets them; a notebook bounds its own results alone."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One option's value as it stands, and where it comes from."""

    name: str
    value: Any
    origin: str


def merge(layers: Iterable[Layer]) -> dict[str, Setting]:
    """Return every option that any layer sets, the strongest value of each.

    Raises:
        OptionError: a layer has an option or value that is not understood; it is named.
    """
    found: dict[str, Setting] = {}
    for layer in layers:
        for word, value in layer.options.items():
            if word == UNREADABLE:
                raise OptionError(f"{layer.origin}: {value}")
            try:
                name = word if word in _NOT_OPTIONS else canonical(word)
                if name in OPTIONS:
                    read_options({name: value})
            except OptionError as problem:
                raise OptionError(f"{layer.origin}: {problem}") from None
            found[name] = Setting(name, value, layer.origin)
    return found


_NOT_OPTIONS = frozenset({"auto", "stores"})
"""Settings of a session that are no options of a cell."""


def policy_over(base: Policy, layers: Iterable[Layer], now: float) -> Policy:
    """Return the base policy with all layers laid over it.

    Raises:
        OptionError: a layer is wrong; the message names it.
    """
    settings = merge(_for_cells(layers))
    options = {name: one.value for name, one in settings.items() if name in OPTIONS}
    return build_policy(options, base=base, now=now) if options else base


def _for_cells(layers: Iterable[Layer]) -> Iterator[Layer]:
    """Yield the layers without what bounds the store."""
    for layer in layers:
        left_out = _BOUNDS[1:] if layer.origin == NOTEBOOK else _BOUNDS
        options = {name: one for name, one in layer.options.items() if name not in left_out}
        yield Layer(layer.origin, options)


def store_bounds(layers: Iterable[Layer], now: float) -> tuple[int | None, float | None]:
    """Return how many bytes the store may take, and after how many idle seconds entries go.

    A project bounds the store that it names itself, never the one that all projects share.

    Raises:
        OptionError: a setting is wrong; the message names where it comes from.
    """
    given = [layer for layer in layers if layer.origin != NOTEBOOK]
    place = merge(given).get("store")
    own = [
        layer
        for layer in given
        if not layer.origin.startswith(PROJECTS) or (place and place.origin == layer.origin)
    ]
    settings = merge(own)
    size, age = (settings[name].value if name in settings else None for name in _BOUNDS)
    return (
        None if size is None else parse_size(size),
        None if age is None else parse_duration(age, now),
    )


def at_its_place(policy: Policy, layers: Sequence[Layer]) -> Policy:
    """Return the policy with the place of its store, where ``store`` is a name.

    Raises:
        OptionError: no store has that name; the nearest one and the source are named.
    """
    if not policy.store or _is_place(policy.store):
        return policy
    settings = merge(layers)
    given = settings.get("stores")
    stores = given.value if given is not None and isinstance(given.value, Mapping) else {}
    if policy.store in stores:
        return replace(policy, store=str(stores[policy.store]))
    source = settings.get("store")
    origin = f"{source.origin}: " if source and source.value == policy.store else ""
    raise OptionError(f"{origin}{no_such_store(policy.store, stores)}")


def no_such_store(name: str, stores: Iterable[str]) -> str:
    """Return what is said of a store's name that nobody gave a place."""
    known = sorted(stores)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    told = f" Did you mean `{near[0]}`?" if near else ""
    told += f" Named stores: {', '.join(known)}." if known else " No store has a name yet."
    return (
        f"`store={name}`: there is no store of that name.{told} Names stand under"
        f" [tool.nbcache.stores] in {PROJECT}; a folder is written ./{name}."
    )


def _is_place(text: str) -> bool:
    """Tell whether a text is a folder or a URL, and not the name of one."""
    return "/" in text or os.sep in text or text.startswith((".", "~")) or os.path.isabs(text)
