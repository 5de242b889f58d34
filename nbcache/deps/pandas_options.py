"""The options of pandas, and which of them a run reads.

pandas reads them straight from nested dictionaries, at many places. For the length of a run the
dictionary of each group is looked at through one that tells of every access.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from operator import is_
from typing import Any

from nbcache.deps import patching
from nbcache.deps.patching import Patches

Mark = Callable[..., None]


class _Told(dict[str, Any]):
    """Stands for the dictionary of a group, in which everything stays, and tells of its reads."""

    def __init__(self, group: str, original: dict[str, Any]) -> None:
        super().__init__(original)  # for what looks past the methods
        self.group = group
        self.original = original
        self.marks: tuple[Mark, ...] = ()

    def _read(self, key: str = "") -> dict[str, Any]:
        for mark in self.marks:
            mark(f"{self.group}.{key}" if key else self.group)
        return self.original

    def __getitem__(self, key: str) -> Any:
        return self._read(key)[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.original[key] = value

    def __delitem__(self, key: str) -> None:
        del self.original[key]

    def __contains__(self, key: object) -> bool:
        return key in self.original

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key."""
        return self._read(key).get(key, default)

    def keys(self) -> Any:
        """Return the keys."""
        return self._read().keys()

    def values(self) -> Any:
        """Return the values."""
        return self._read().values()

    def items(self) -> Any:
        """Return the pairs."""
        return self._read().items()

    def copy(self) -> dict[str, Any]:
        """Return a copy of the group as it is."""
        return self._read().copy()


_SEEN_ELSEWHERE = "display.html.table_schema"
"""Setting it registers a formatter, which is followed with IPython's others."""


class Pandas:
    """All registered options of pandas."""

    name, title, module = "pandas", "pandas option", "pandas"
    unread: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._tree: Any = None
        self._branches: list[dict[str, Any]] = []
        self._sizes: list[int] = []
        self._names: list[str] = []
        self._getters: list[tuple[Callable[[str], Any], str]] = []
        self._raw: list[Any] = []
        self._values: dict[str, Any] = {}
        self._defaults: dict[str, Any] = {}
        self._pushed: frozenset[str] = frozenset()

    @property
    def _config(self) -> Any:
        return sys.modules["pandas._config.config"]

    def values(self) -> dict[str, Any]:
        """Return option → value: the very same dictionary while every value is the same object."""
        tree = self._config._global_config
        if tree is not self._tree or self._sizes != list(map(len, self._branches)):
            self._look_at(tree)
        raw = [get(key) for get, key in self._getters]
        if len(raw) != len(self._raw) or not all(map(is_, raw, self._raw)):
            self._raw, self._values = raw, dict(zip(self._names, raw, strict=True))
        return self._values

    def _look_at(self, tree: dict[str, Any]) -> None:
        """Note where the options are: they stay there until others are registered."""
        self._tree, self._names, self._getters, self._raw = tree, [], [], []
        waiting = [("", tree)]
        for prefix, branch in waiting:
            for key, held in branch.items():
                value = held.original if type(held) is _Told else held
                if type(value) is dict:
                    waiting.append((f"{prefix}{key}.", value))
                else:
                    self._names.append(prefix + key)
                    self._getters.append((branch.__getitem__, key))
        self._branches = [branch for _, branch in waiting]
        self._sizes = list(map(len, self._branches))

    def defaults(self) -> Mapping[str, Any]:
        """Return option → registered default."""
        registered = self._config._registered_options
        if len(registered) != len(self._defaults):
            self._defaults = {key: option.defval for key, option in registered.items()}
            found = (key for key, option in registered.items() if option.cb is not None)
            self._pushed = frozenset(found)
        return self._defaults

    def assign(self, values: Mapping[str, Any]) -> None:
        """Set the options, with their call-backs."""
        for key, value in values.items():
            sys.modules["pandas"].set_option(key, value)

    def watch_reads(self, patches: Patches, mark: Mark) -> bool:
        """Have every group tell of its reads; options handed on when they are set always count."""
        self.defaults()
        tree = self._config._global_config
        if type(tree) is not dict:
            return False
        for name in self._pushed - {_SEEN_ELSEWHERE}:
            mark(name)
        with patching.lock:
            _put_into(tree, mark)
        taken: list[Any] = []

        def on_taken(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            taken.append(args[0])  # ``pd.options.display``, which the cell may keep

        def end() -> None:
            _take_from(tree, mark)
            for wrapper in taken:
                if type(wrapper.d) is _Told:
                    object.__setattr__(wrapper, "d", wrapper.d.original)

        patches.watch(on_taken, (type(self._config.options), "__init__"))
        patches.at_the_end(end)
        return True


_ready: dict[int, _Told] = {}
"""What tells of each dictionary of a group, by its identity; it keeps the dictionary alive."""


def _put_into(tree: dict[str, Any], mark: Mark) -> None:
    """Put what tells into the place of each group, once however many runs there are."""
    for group, held in list(tree.items()):
        told = held
        if type(held) is dict:
            told = tree[group] = _ready.setdefault(id(held), _Told(group, held))
        if type(told) is _Told:
            told.marks = (*told.marks, mark)


def _take_from(tree: dict[str, Any], mark: Mark) -> None:
    """End one run's watch; what nobody watches any more is as it was."""
    with patching.lock:
        for group, held in tree.items():
            if type(held) is _Told:
                held.marks = tuple(one for one in held.marks if one is not mark)
                if not held.marks:
                    tree[group] = held.original
