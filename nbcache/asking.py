"""How a cell asks to be cached: its line, its metadata, automatic mode and the environment.

Every cell is looked at; what makes a policy is loaded for the first one that asks for it.
"""

from __future__ import annotations

import ast
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbcache.cell.parts import all_parts
from nbcache.cell.pragma import Pragma, find_pragmas
from nbcache.errors import OptionError
from nbcache.jupyter_config import Lately
from nbcache.options import OPTIONS, canonical, is_meant, parse_options
from nbcache.setting_files import VARIABLES, Layer, find_layers, names_auto
from nbcache.settings import Settings
from nbcache.surroundings import note_parameters

if TYPE_CHECKING:
    from nbcache.policy import Policy

_DATE = re.compile(r"\d{4}-")
"""In options, a moment: how long it is until then changes."""


class Asking:
    """Turns what is asked of a cell into its policy; holds what ``%nbcache`` switches."""

    def __init__(self, shell: Any, settings: Settings) -> None:
        self.shell = shell
        self.settings = settings
        self.auto = settings.auto
        self.min_time = settings.min_time
        self.refresh_next: set[str] = set()
        self.chosen: dict[str, object] = {}
        self.configured: Callable[[], Mapping[str, Any]] = dict
        self.verify_next: set[str] = set()
        self.is_verifying = False
        self._jupyter = Lately()
        self._refreshed: set[str] = set()
        self._layers: list[Layer] | None = None
        self._built: dict[Any, Policy] = {}

    def policy_of(self, nodelist: Sequence[Any], info: Any) -> Policy | None:
        """Return how a cell is to be cached; None when it is to be left alone.

        Raises:
            OptionError: an option is wrong.
        """
        if info is None or self.settings.disable or not nodelist:
            return None
        if info.silent or not (info.store_history or self.is_verifying):
            return None
        metadata = self._metadata()
        note_parameters(info.raw_cell, nodelist, metadata.get("tags", ()))
        policy = self._policy(info.raw_cell, nodelist, _cell_options(metadata))
        return None if policy is None else self._with_orders(policy, info)

    def foresee(
        self, text: str, nodelist: Sequence[Any], metadata: Mapping[str, Any], cell_id: str
    ) -> Policy | None:
        """Return how a cell with this metadata would be cached now; no order is used up.

        Raises:
            OptionError: an option is wrong.
        """
        if self.settings.disable or not nodelist:
            return None
        policy = self._policy(text, nodelist, _cell_options(metadata))
        if policy is None:
            return None
        is_ordered = "*" in self.refresh_next or (cell_id and cell_id in self.refresh_next)
        is_due = policy.refresh == "once" and (cell_id or text) not in self._refreshed
        if is_ordered or is_due:
            return replace(policy, refresh=True)
        return replace(policy, refresh=None) if policy.refresh == "once" else policy

    def _policy(self, text: str, nodelist: Sequence[Any], asked: dict[str, Any]) -> Policy | None:
        pragmas = find_pragmas(text)
        if not pragmas and (not (asked or self.is_auto()) or talks_to_nbcache(nodelist)):
            return None
        self._layers = self._find_layers()
        try:
            return self._asked_policy(pragmas, asked)
        finally:
            self._layers = None

    def _asked_policy(self, pragmas: Sequence[Pragma], asked: dict[str, Any]) -> Policy | None:
        is_known = pragmas and not (asked or self.layers() or self.settings.ttl)
        known = (tuple(pragmas), self.min_time) if is_known else None
        if known in self._built:
            policy = self._built[known]
        else:
            policy = self._built_policy(pragmas, asked)
            if known and not any(_DATE.search(one.text) for one in pragmas):
                self._built[known] = policy
        return None if policy.off else self.settled(policy)

    def _built_policy(self, pragmas: Sequence[Pragma], asked: dict[str, Any]) -> Policy:
        from nbcache.policy import build_policy

        now = time.time()
        explicit = bool(pragmas or asked or self.settings.trust_all)
        policy = self.base_policy(explicit=explicit, now=now)
        try:
            policy = build_policy(asked, base=policy, now=now) if asked else policy
        except OptionError as problem:
            raise OptionError(f"The cell's metadata `nbcache`: {problem}") from None
        for pragma in reversed(pragmas):
            policy = build_policy(parse_options(pragma.text), base=policy, now=now)
        return policy

    def layers(self) -> list[Layer]:
        """Return where settings below the cell's own come from, weakest first."""
        return self._find_layers() if self._layers is None else self._layers

    def _find_layers(self) -> list[Layer]:
        found = find_layers(
            os.environ,
            configured=self.configured(),
            notebook=self.settings.notebook or os.environ.get("JPY_SESSION_NAME", ""),
            folder=os.getcwd(),
            jupyter=self._jupyter.settings(),
        )
        return [*found, Layer("%nbcache config", self.chosen)] if self.chosen else found

    def is_auto(self) -> bool:
        """Tell whether every cell is to be cached, as this session or a config file says."""
        if self.auto or not ("auto" in self.chosen or self._is_auto_named()):
            return self.auto
        layers = self.layers()
        from nbcache.layers import merge

        return str(merge(layers)["auto"].value).lower() in ("true", "1", "on", "yes")

    def _is_auto_named(self) -> bool:
        notebook = self.settings.notebook or os.environ.get("JPY_SESSION_NAME", "")
        said = self._jupyter.settings()
        return names_auto(self.configured(), notebook, os.getcwd(), jupyter=said)

    def base_policy(self, *, explicit: bool, now: float) -> Policy:
        """Return the policy of a cell that asks for nothing itself.

        Raises:
            OptionError: a setting is wrong; the message names where it comes from.
        """
        from nbcache.layers import policy_over
        from nbcache.policy import Policy, build_policy

        settings = self.settings
        base = Policy(
            min_time=0.0 if explicit and not settings.trust_all else self.min_time,
            explicit=explicit,
        )
        if settings.ttl and settings.ttl != os.environ.get(VARIABLES["ttl"]):
            base = build_policy({"ttl": settings.ttl}, base=base, now=now)
        return policy_over(base, self.layers(), now)

    def settled(self, policy: Policy) -> Policy:
        """Return the policy with its store's place, under the session's switches.

        Raises:
            OptionError: no store has the name that it gives.
        """
        settings = self.settings
        if policy.name or policy.store:
            from nbcache.layers import at_its_place

            name, store = self._expanded(policy.name), self._expanded(policy.store)
            policy = at_its_place(replace(policy, name=name, store=store), self.layers())
        if not (settings.require or settings.read_only or settings.verify):
            return policy
        return replace(
            policy,
            require=policy.require or settings.require,
            read_only=policy.read_only or settings.read_only,
            verify=policy.verify or settings.verify,
        )

    def _expanded(self, text: str) -> str:
        """Return a text with its variables, ``{x}`` and ``$x``, as on a magic's line.

        Raises:
            OptionError: there is no such variable.
        """
        if "{" not in text and "$" not in text:
            return text
        found = str(self.shell.var_expand(text))
        if found == text and "{" in text:
            raise OptionError(f"`{text}` cannot be filled in: is its variable defined?")
        return found

    def cell_id(self, info: Any) -> str:
        """Return the front end's name of the cell, empty when it sends none."""
        parent = getattr(self.shell, "parent_header", None) or {}
        given = getattr(info, "cell_id", None) or parent.get("metadata", {}).get("cellId")
        return str(given or "")

    def _with_orders(self, policy: Policy, info: Any) -> Policy:
        """Obey an order to refresh this cell, and ``refresh=once``."""
        identity = self.cell_id(info)
        if self.refresh_next:
            from nbcache.reading import Request

            title = Request(info.raw_cell, ()).title
            for name in ("*", identity, title):
                if name and name in self.refresh_next:
                    self.refresh_next.discard(name)
                    policy = replace(policy, refresh=True)
        for name in {identity, info.raw_cell} & self.verify_next:
            self.verify_next.discard(name)
            policy = replace(policy, verify=True)
        return self.once(policy, identity or info.raw_cell)

    def once(self, policy: Policy, identity: str) -> Policy:
        """Return the policy with ``refresh=once`` as it stands for a cell or statement."""
        if policy.refresh != "once":
            return policy
        is_first = identity not in self._refreshed
        self._refreshed.add(identity)
        return replace(policy, refresh=is_first or None)

    def _metadata(self) -> Mapping[str, Any]:
        """Return the metadata that came with the request: the cell's own, in JupyterLab."""
        parent = getattr(self.shell, "parent_header", None) or {}
        found: Mapping[str, Any] = parent.get("metadata") or {}
        return found


def _cell_options(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a cell's metadata and tags give; a run records other things there.

    Raises:
        OptionError: a word looks like an option that was misspelt.
    """
    tags = metadata.get("tags") or ()
    found = _own_options(metadata) if "nbcache" in metadata else {}
    if "no-cache" in tags:
        return {**found, "off": True}
    return found or {"off": False} if "nbcache" in tags else found


def _own_options(metadata: Mapping[str, Any]) -> dict[str, Any]:
    from nbcache.badge import settings_of

    own = settings_of(metadata)
    if isinstance(own, bool):
        own = {"off": not own}
    if not isinstance(own, (Mapping, type(None))):
        raise OptionError(
            f"The cell's metadata `nbcache` is {own!r}. Write the options by name:"
            ' {"ttl": "10m"}, or true or false.'
        )
    found = {}
    for name, value in (own or {}).items():
        if name in OPTIONS:
            found[name] = value
        elif is_meant(name):
            _refuse_name(name)
    return found


def _refuse_name(name: str) -> None:
    try:
        canonical(name)
    except OptionError as problem:
        raise OptionError(f"The cell's metadata `nbcache`: {problem}") from None


_MAGIC_CALLS = frozenset({"run_line_magic", "run_cell_magic"})
_ORDERS = (["nbcache"], ["cache"])
_LOAD = ["load_ext", "nbcache"]
"""Changes nothing where nbcache is loaded, as it is where a cell is looked at."""


def talks_to_nbcache(nodelist: Sequence[ast.AST]) -> bool:
    """Tell whether a cell gives orders to nbcache, which automatic mode leaves alone."""
    told = (_told(part) for part in all_parts(nodelist) if isinstance(part, ast.Call))
    return any(words[1:] == ["nbcache"] or words[:1] in _ORDERS for words in told if words != _LOAD)


def loads_nbcache(nodelist: Sequence[ast.AST]) -> bool:
    """Tell whether a cell is ``%load_ext nbcache`` and nothing else."""
    calls = [part.value for part in nodelist if isinstance(part, ast.Expr)]
    return len(calls) == len(nodelist) and all(_told(call) == _LOAD for call in calls)


def _told(call: ast.AST) -> list[Any]:
    """Return the constants among the first two arguments of a magic's call."""
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
        return []
    words = [arg.value for arg in call.args[:2] if isinstance(arg, ast.Constant)]
    return words if call.func.attr in _MAGIC_CALLS else []
