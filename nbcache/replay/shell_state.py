"""What of IPython itself bears on a cell: read into the key, watched for changes, replayed."""

from __future__ import annotations

import codeop
import functools
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import is_
from typing import Any

from nbcache.deps.display_options import Display
from nbcache.errors import CacheError, NotReplayable
from nbcache.locality import is_local_module
from nbcache.replay.shell_options import options_of


def refuse_own_magics(shell: Any, uses: Iterable[Any]) -> None:
    """Refuse magics of IPython's names that the notebook made, by functions or by ``%alias``.

    Raises:
        NotReplayable: naming the magic.
    """
    tables = getattr(getattr(shell, "magics_manager", None), "magics", {})
    for use in uses:
        is_cell = use.body is not None
        if _is_own_magic(tables.get("cell" if is_cell else "line", {}).get(use.name), use.name):
            sign = "%%" if is_cell else "%"
            raise NotReplayable(
                f"`{sign}{use.name}` is the notebook's own here, and may do anything"
            )


def _is_own_magic(found: Any, name: str) -> bool:
    from IPython.core.alias import Alias, default_aliases

    if isinstance(found, Alias):
        return (name, found.cmd) not in default_aliases()
    module = str(getattr(found, "__module__", ""))
    return module == "__main__" or is_local_module(module)


def display_options(shell: Any) -> dict[str, Any]:
    """Return the options of showing results that differ from IPython's defaults."""
    if getattr(shell, "display_formatter", None) is None:
        return {}
    usual = Display().defaults()
    found = {name: value for name, value in Display().values().items() if value != usual[name]}
    if shell.ast_node_interactivity != "last_expr":
        found["ast_node_interactivity"] = shell.ast_node_interactivity
    if shell.compile.flags & ~_base_flags():
        found["future"] = shell.compile.flags & ~_base_flags()
    return found


def options_of_code(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a cell that does not name the formatters: what bears on its code.

    A cell that shows more than its last result shows it by all options.
    """
    if "ast_node_interactivity" in options:
        return dict(options)
    return {name: value for name, value in options.items() if name == "future"}


def has_code_options(shell: Any) -> bool:
    """Tell whether any option of a shell bears on the code of every cell."""
    is_usual = shell.ast_node_interactivity == "last_expr"
    flags = getattr(shell.compile, "flags", 0)
    return not is_usual or bool(flags & ~_base_flags())


@functools.lru_cache(maxsize=1)
def _base_flags() -> int:
    """Return the compiler flags of a shell that imported nothing from ``__future__``."""
    return codeop.Compile().flags


def display_part(options: Mapping[str, Any]) -> str:
    """Return the key part of display options; empty when all are IPython's defaults."""
    if not options:
        return ""
    data = json.dumps(options, sort_keys=True, default=str).encode()
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def loaded_part(shell: Any, setup: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the key part of extensions that a cell loads and that are: this is all it will say."""
    asked = {shell.var_expand(line).strip() for name, line in setup if name == "load_ext"}
    known = shell.extension_manager.loaded if asked else ()
    loaded = [name for name in sorted(asked) if name in known or _IPYTHONS + name in known]
    return {"loaded extensions": " ".join(loaded)} if loaded else {}


def payload_of(shell: Any) -> list[dict[str, Any]]:
    """Return what the reply will ask of the front end: a pager, or the text of a next cell."""
    manager = getattr(shell, "payload_manager", None)
    return [] if manager is None else [dict(item) for item in manager.read_payload()]


_IPYTHONS = "IPython.extensions."
_Table = Mapping[Any, Any]
_OWN_HOMES = ("__main__.", "builtins.")
"""What the names of functions begin with that a notebook makes."""


@dataclass(frozen=True, slots=True)
class ShellState:
    """What is registered with a shell: copies of its tables, looked at closely when one differs."""

    magics: Mapping[str, _Table] = field(default_factory=dict)
    hidden: _Table = field(default_factory=dict)
    callbacks: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    transformers: Sequence[Sequence[Any]] = ()
    printers: Mapping[tuple[str, str], _Table] = field(default_factory=dict)
    handlers: tuple[str, Any] = ("", None)
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, shell: Any) -> ShellState:
        """Look at a shell."""
        places = ("cleanup", "post")
        transformers = [getattr(shell, f"input_transformers_{place}") for place in places]
        return cls(
            {kind: dict(table) for kind, table in shell.magics_manager.magics.items()},
            dict(shell.user_ns_hidden),
            {event: list(items) for event, items in shell.events.callbacks.items()},
            tuple(map(list, [*transformers, shell.ast_transformers])),
            _printers(shell.display_formatter.formatters),
            (str(shell.custom_exceptions), getattr(shell, "CustomTB", None)),
            options_of(shell),
        )

    def _rows(self) -> list[Any]:
        """Return all that is held, as rows of objects: the keys and the values of each table."""
        tables = [*self.magics.values(), self.hidden, *self.printers.values()]
        rows: list[Any] = [row for one in tables for row in (one, one.values())]
        return [*rows, *self.callbacks.values(), *self.transformers, self.handlers[1:]]

    @property
    def parts(self) -> dict[str, dict[str, Any]]:
        """Return each item's label and what tells it from others, by part."""
        return {
            "magics": _labelled_magics(self.magics),
            "hidden names": {
                name: id(value) for name, value in self.hidden.items() if not name.startswith("_")
            },
            "event callbacks": _labelled_callbacks(self.callbacks),
            "input transformers": {
                f"{place} {n}": id(item)
                for place, items in enumerate(self.transformers)
                for n, item in enumerate(items)
            },
            "display formatters": {
                _label(mime, _shown_type(kind), item=printer): id(printer)
                for (mime, _), table in self.printers.items()
                for kind, printer in table.items()
            },
            "exception handlers": {self.handlers[0]: id(self.handlers[1])},
        }

    def additions(self, now: ShellState, magics: Collection[str] = ()) -> dict[str, list[str]]:
        """Return what a run registered, by part and label, when a hit can do it again.

        ``magics`` are those that a hit runs again: they may set up matplotlib's backend, load
        extensions, and set options. Imports are repeated in any case.

        Raises:
            NotReplayable: the run changed something that no import would.
        """
        added: dict[str, list[str]] = {}
        for name, value in now.options.items() if not magics else ():
            if self.options.get(name, value) != value:
                raise NotReplayable(f"it sets IPython's `{name}`; put that into its own cell")
        if self._is_same(now):
            return added
        loads = "load_ext" in magics
        repeats = "matplotlib" in magics or "config" in magics
        chosen = _without_inline if repeats else dict
        present = now.parts
        for name, table in self.parts.items():
            before, after = chosen(table), chosen(present[name])
            new = [label for label in after if label not in before]
            kept = {label: item for label, item in after.items() if label in before}
            is_repeated = _comes_from_imports(name, new) or (loads and now._are_loaded(name, new))
            if kept != before or (new and not is_repeated):
                raise NotReplayable(f"it changes the {name} of IPython; put that into its own cell")
            if new:
                added[name] = new
        return added

    def _are_loaded(self, part: str, labels: Sequence[str]) -> bool:
        """Tell whether these are magics of extensions, and none is the notebook's own."""
        if part != "magics":
            return False
        items = [self.magics[kind][name] for kind, name in map(str.split, labels)]
        return not any(_label(item=item).startswith(_OWN_HOMES) for item in items)

    def _is_same(self, now: ShellState) -> bool:
        """Tell whether the very same objects are registered, in the same order."""
        rows, others = self._rows(), now._rows()
        return (
            self.handlers[0] == now.handlers[0]
            and list(map(len, rows)) == list(map(len, others))
            and all(map(is_, chain.from_iterable(rows), chain.from_iterable(others)))
        )

    def require(self, added: Mapping[str, Sequence[str]]) -> None:
        """Make sure that what a recorded run registered is registered here as well.

        Raises:
            CacheError: something is missing: importing did not bring it back.
        """
        parts = self.parts
        for name, labels in added.items():
            missing = [label for label in labels if label not in parts.get(name, {})]
            if missing:
                raise CacheError(f"importing does not bring back {missing[0]} ({name})")


def _without_inline(table: Mapping[str, Any]) -> dict[str, Any]:
    return {label: item for label, item in table.items() if "matplotlib" not in label}


def _comes_from_imports(part: str, labels: Sequence[str]) -> bool:
    """Tell whether libraries registered these, as many do when they are imported."""
    if part not in ("event callbacks", "display formatters"):
        return False
    return not any(f" {home}" in label for label in labels for home in _OWN_HOMES)


def _shown_type(kind: Any) -> str:
    """Return a shown type's name: IPython keys it by its name until it is shown."""
    return ".".join(kind if isinstance(kind, tuple) else (kind.__module__, kind.__name__))


def _label(*words: object, item: Any) -> str:
    module = getattr(item, "__module__", None) or type(item).__module__
    name = getattr(item, "__qualname__", None) or type(item).__qualname__
    return " ".join([*map(str, words), f"{module}.{name}"])


def _labelled_magics(tables: Mapping[str, _Table]) -> dict[str, Any]:
    return {
        f"{kind} {name}": _lasting(item, kind, name)
        for kind, table in tables.items()
        for name, item in table.items()
    }


def _lasting(item: Any, kind: str, name: str) -> Any:
    """Return what is still the same when a magic is registered anew, as IPython does with some.

    One that IPython has not loaded yet is not loaded for this: it says where it will come from.
    """
    if (type(item).__module__, type(item).__name__) == ("IPython.core.magic", "LazyMagic"):
        return vars(item)["spec"]
    function = getattr(item, "__func__", item)
    if not str(getattr(function, "__module__", "")).startswith("IPython."):
        return id(function)
    owner = type(getattr(item, "__self__", None))
    declared = getattr(owner, "magics", {}).get(kind, {}).get(name)
    if declared is not None and declared == function.__name__:
        return f"{owner.__module__}:{owner.__name__}"
    maker, _, is_made = str(getattr(function, "__qualname__", "")).partition(".<locals>")
    if is_made:  # as `%%bash` is, by its class
        return f"{function.__module__}:{maker.partition('.')[0]}"
    return id(getattr(function, "__code__", function))


def _labelled_callbacks(callbacks: Mapping[str, Sequence[Any]]) -> dict[str, int]:
    return {
        _label(event, item=item): id(getattr(item, "__func__", item))
        for event, items in callbacks.items()
        for item in items
        if getattr(item, "__module__", None) != "matplotlib.pyplot"  # its interactive mode's
    }


def _printers(formatters: Mapping[str, Any]) -> dict[tuple[str, str], _Table]:
    return {
        (mime, name): dict(getattr(formatter, name, ()))
        for mime, formatter in formatters.items()
        for name in ("type_printers", "deferred_printers")
    }
