"""matplotlib: parameters, named colors, and pyplot figures that are open around a run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from operator import eq, is_
from typing import Any

from nbcache.deps.arrivals import loaded_names
from nbcache.deps.options import OptionTracker, Reading
from nbcache.deps.patching import Patches
from nbcache.deps.plain import encode
from nbcache.deps.protocol import Observed
from nbcache.errors import NotReplayable


class Matplotlib:
    """``matplotlib.rcParams``; one read of a parameter counts as a read of its whole group."""

    name, title, module = "matplotlib", "matplotlib parameter", "matplotlib"
    unread = frozenset({"backend", "backend_fallback", "interactive", "toolbar"})

    def __init__(self) -> None:
        self._raw: dict[str, Any] = {}
        self._lists: dict[str, list[Any]] = {}
        self._values: dict[str, Any] = {}

    @property
    def _parameters(self) -> Any:
        return sys.modules["matplotlib"].rcParams

    def values(self) -> dict[str, Any]:
        """Return the raw parameters: no backend is resolved by looking."""
        parameters = self._parameters
        if not self._is_as_before(parameters):
            self._raw = values = _raw(parameters)
            self._lists = {key: list(one) for key, one in values.items() if type(one) is list}
            backend = _backend_name(values.get("backend"))
            self._values = {**values, **self._lists, "backend": backend}
        return self._values

    def _is_as_before(self, parameters: Any) -> bool:
        """Tell whether there are the very objects of the last look, the lists unchanged."""
        names, values = dict.keys(parameters), dict.values(parameters)
        return (
            len(self._raw) == len(names)
            and all(map(is_, self._raw.values(), values))
            and all(map(eq, self._raw, names))
            and all(self._raw[key] == one for key, one in self._lists.items())
        )

    def defaults(self) -> Mapping[str, Any]:
        """Return the parameters that matplotlib ships."""
        return _raw(sys.modules["matplotlib"].rcParamsDefault)

    def assign(self, values: Mapping[str, Any]) -> None:
        """Switch to a given backend, which may set parameters of its own; then set raw ones."""
        rest = dict(values)
        backend = rest.pop("backend", None)
        if backend is not None:
            rest = dict(dict.items(self._parameters)) | rest
            sys.modules["matplotlib"].use(backend)
            rest.pop("backend", None)
        for key, value in rest.items():
            dict.__setitem__(self._parameters, key, value)
        pyplot = sys.modules.get("matplotlib.pyplot")
        if "interactive" in values and pyplot is not None:  # which IPython is told of as well
            (pyplot.ion if values["interactive"] else pyplot.ioff)()

    def watch_reads(self, patches: Patches, mark: Callable[..., None]) -> bool:
        """Hook the reading methods of the parameters' class."""
        kind = type(self._parameters)

        def on_read(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            for group in _groups_of(args[1] if len(args) > 1 else None):
                mark(group)

        patches.watch(on_read, (kind, "__getitem__"), (kind, "_get"))
        return True


class NamedColors(Matplotlib):
    """The colors behind letters like ``"b"`` and behind names that somebody added."""

    name, title, module = "matplotlib_colors", "matplotlib color", "matplotlib"
    unread: frozenset[str] = frozenset()

    def values(self) -> dict[str, Any]:
        """Return name → color, leaving out the long lists that nobody changes."""
        mapping = sys.modules["matplotlib.colors"].get_named_colors_mapping()
        fixed, letters = _fixed_colors(), self.defaults()
        has_more = len(mapping) > len(fixed) + len(letters)
        names = sorted(mapping.keys() - fixed) if has_more else letters
        return {name: mapping[name] for name in names}

    def defaults(self) -> Mapping[str, Any]:
        """Return the letters' colors as matplotlib ships them."""
        return dict(sys.modules["matplotlib.colors"].BASE_COLORS)

    def assign(self, values: Mapping[str, Any]) -> None:
        """Set the given colors."""
        mapping = sys.modules["matplotlib.colors"].get_named_colors_mapping()
        for name, color in values.items():
            mapping[name] = color

    def watch_reads(self, patches: Patches, mark: Callable[..., None]) -> bool:
        """Hook the methods of the table's class; its cache is an attribute of it."""
        kind = type(sys.modules["matplotlib.colors"].get_named_colors_mapping())
        if kind is dict:
            return False
        names = ("__getattribute__", "__getitem__", "__contains__", "__iter__", "__len__")
        patches.watch(lambda args, kwargs: mark(), *((kind, name) for name in names))
        return True


class FigureTracker(OptionTracker):
    """Follows matplotlib's parameters and refuses what open figures make unrepeatable."""

    def __init__(self) -> None:
        super().__init__(Matplotlib())

    def _begin(self, patches: Patches) -> Reading:
        run = super()._begin(patches)
        run.had_figures = bool(_open_figures())
        if run.had_figures:
            self._watch_figures(patches, run)
        run.modules = loaded_names()
        return run

    @staticmethod
    def _watch_figures(patches: Patches, run: Reading) -> None:
        """Have it told when somebody asks pyplot for an open figure, to change it or not."""

        def on_asked(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            run.groups.add("figure")

        table = sys.modules["matplotlib._pylab_helpers"].Gcf
        patches.watch(on_asked, (table, "get_active"), (table, "get_fig_manager"))

    def _end(self, run: Reading) -> Observed:
        if not self._is_loaded():
            return Observed()
        if run.before is None:
            raise NotReplayable("it imported matplotlib in a way that nbcache did not see")
        if run.had_figures and (run.is_read or run.groups):
            return Observed(refusal=_REFUSAL_BEFORE)
        if not run.had_figures and _open_figures() and not _closes_at_the_end():
            return Observed(refusal=_REFUSAL_AFTER)
        seen = super()._end(run)
        if loaded_names() is run.modules:
            return seen
        # Backends switch the interactive mode on as they are loaded, which a hit does again.
        is_interactive = sys.modules["matplotlib"].is_interactive()
        return replace(seen, effect={"interactive": encode(is_interactive), **(seen.effect or {})})


_REFUSAL_BEFORE = (
    "pyplot figures were open before it and it may draw into them: "
    "close them with `plt.close('all')` at the end of the cell that makes them"
)
_REFUSAL_AFTER = (
    "it leaves pyplot figures open, which a hit could not repeat: end it with `plt.close('all')`"
)


_SHARE = {"text": ("text", "mathtext", "font"), "font": ("text", "mathtext", "font")}
"""Groups that count together: matplotlib keeps what it made of one for the other."""


def _groups_of(name: object) -> tuple[str, ...]:
    """Return the groups that a read parameter stands for; an empty name stands for all."""
    group = name.partition(".")[0] if isinstance(name, str) else ""
    return _SHARE.get(group, (group,))


def _raw(parameters: Any) -> dict[str, Any]:
    """Return a copy without a look through the methods of the parameters' own class."""
    return dict(zip(dict.keys(parameters), dict.values(parameters), strict=True))


def _backend_name(value: Any) -> str | None:
    """Return a chosen backend, None while matplotlib would still choose one itself."""
    if not isinstance(value, str):
        return None
    return "inline" if "matplotlib_inline" in value else value


@cache
def _fixed_colors() -> set[str]:
    """Return the names of matplotlib's long lists, in both spellings of grey."""
    colors = sys.modules["matplotlib.colors"]
    names = [*colors.CSS4_COLORS, *colors.XKCD_COLORS, *colors.TABLEAU_COLORS]
    names += [name.replace("grey", "gray") for name in names]
    names += [name.replace("gray", "grey") for name in names]
    return {*colors.get_named_colors_mapping()} & {*names}


def _open_figures() -> Any:
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    manager = getattr(helpers, "Gcf", None)
    return getattr(manager, "figs", None)


def _closes_at_the_end() -> bool:
    """Tell whether the inline backend shows and closes the open figures after the cell."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    config = sys.modules.get("matplotlib_inline.config")
    if pyplot is None or config is None or "matplotlib_inline.backend_inline" not in sys.modules:
        return False
    if "inline" not in str(sys.modules["matplotlib"].get_backend()):
        return False
    # Figures made while the interactive mode is off are neither shown nor closed by it.
    show = sys.modules["matplotlib_inline.backend_inline"].show
    is_shown = getattr(show, "_draw_called", True)
    return bool(is_shown and config.InlineBackend.instance().close_figures)
