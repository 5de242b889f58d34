"""How a cell asks to be cached: its line, its metadata, automatic mode and the environment."""

from __future__ import annotations

import ast
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nbcache.badge import MARK, settings_of
from nbcache.cell.pragma import find_pragmas
from nbcache.layers import VARIABLES, Layer, find_layers, merge, policy_over
from nbcache.options import OPTIONS, parse_options
from nbcache.policy import Policy, build_policy
from nbcache.reading import Request
from nbcache.settings import Settings
from nbcache.surroundings import note_parameters


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
        self._refreshed: set[str] = set()

    def policy_of(self, nodelist: Sequence[Any], info: Any) -> Policy | None:
        """Return how a cell is to be cached; None when it is to be left alone.

        Raises:
            OptionError: an option is wrong.
        """
        if info is None or self.settings.disable or not nodelist:
            return None
        if info.silent or not (info.store_history or self.is_verifying):
            return None
        note_parameters(info.raw_cell, nodelist, self._metadata().get("tags", ()))
        policy = self._policy(info.raw_cell, nodelist, self._cell_metadata())
        return None if policy is None else self._with_orders(policy, info)

    def foresee(
        self, text: str, nodelist: Sequence[Any], asked: Any, cell_id: str
    ) -> Policy | None:
        """Return how a cell would be cached if it ran now; no order is used up.

        Raises:
            OptionError: an option is wrong.
        """
        if self.settings.disable or not nodelist:
            return None
        policy = self._policy(text, nodelist, _known_options(asked))
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
        now = time.time()
        explicit = bool(pragmas or asked or self.settings.trust_all)
        policy = self.base_policy(explicit=explicit, now=now)
        if asked:
            policy = build_policy(asked, base=policy, now=now)
        for pragma in reversed(pragmas):
            policy = build_policy(parse_options(pragma.text), base=policy, now=now)
        return None if policy.off else self._switched(policy)

    def layers(self) -> list[Layer]:
        """Return where settings below the cell's own come from, weakest first."""
        found = find_layers(
            os.environ,
            configured=self.configured(),
            notebook=self.settings.notebook or os.environ.get("JPY_SESSION_NAME", ""),
            folder=os.getcwd(),
        )
        return [*found, Layer("%nbcache config", self.chosen)] if self.chosen else found

    def is_auto(self) -> bool:
        """Tell whether every cell is to be cached, as this session or a config file says."""
        if self.auto or not any("auto" in layer.options for layer in self.layers()):
            return self.auto
        return str(merge(self.layers())["auto"].value).lower() in ("true", "1", "on", "yes")

    def base_policy(self, *, explicit: bool, now: float) -> Policy:
        """Return the policy of a cell that asks for nothing itself.

        Raises:
            OptionError: a setting is wrong; the message names where it comes from.
        """
        settings = self.settings
        base = Policy(
            min_time=0.0 if explicit and not settings.trust_all else self.min_time,
            explicit=explicit,
        )
        if settings.ttl and settings.ttl != os.environ.get(VARIABLES["ttl"]):
            base = build_policy({"ttl": settings.ttl}, base=base, now=now)
        return policy_over(base, self.layers(), now)

    def _switched(self, policy: Policy) -> Policy:
        """Return the policy under the session's switches, which stand above a cell's options."""
        settings = self.settings
        return replace(
            policy,
            require=policy.require or settings.require,
            read_only=policy.read_only or settings.read_only,
            verify=policy.verify or settings.verify,
        )

    def cell_id(self, info: Any) -> str:
        """Return the front end's name of the cell, empty when it sends none."""
        parent = getattr(self.shell, "parent_header", None) or {}
        given = getattr(info, "cell_id", None) or parent.get("metadata", {}).get("cellId")
        return str(given or "")

    def _with_orders(self, policy: Policy, info: Any) -> Policy:
        """Obey an order to refresh this cell, and ``refresh=once``."""
        identity = self.cell_id(info)
        title = Request(info.raw_cell, ()).title
        for name in ("*", identity, title):
            if name and name in self.refresh_next:
                self.refresh_next.discard(name)
                policy = replace(policy, refresh=True)
        for name in {identity, info.raw_cell} & self.verify_next:
            self.verify_next.discard(name)
            policy = replace(policy, verify=True)
        if policy.refresh == "once":
            identity = identity or info.raw_cell
            policy = replace(policy, refresh=None if identity in self._refreshed else True)
            self._refreshed.add(identity)
        return policy

    def _cell_metadata(self) -> dict[str, Any]:
        """Return what the front end says about this cell under ``metadata.nbcache``."""
        metadata = self._metadata()
        found = _known_options(metadata.get("nbcache"))
        tags = metadata.get("tags") or ()
        if "no-cache" in tags:
            return {**found, "off": True}
        return found or {"off": False} if "nbcache" in tags else found

    def _metadata(self) -> Mapping[str, Any]:
        """Return the metadata that came with the request: the cell's own, in JupyterLab."""
        parent = getattr(self.shell, "parent_header", None) or {}
        found: Mapping[str, Any] = parent.get("metadata") or {}
        return found


def _known_options(asked: Any) -> dict[str, Any]:
    """Return the options in a cell's metadata; a run records other things there as well."""
    own = settings_of({MARK: asked})
    if not isinstance(own, Mapping):
        return {}
    return {name: value for name, value in own.items() if name in OPTIONS}


_MAGIC_CALLS = frozenset({"run_line_magic", "run_cell_magic"})
_ORDERS = frozenset({"nbcache", "cache"})


def talks_to_nbcache(nodelist: Sequence[ast.AST]) -> bool:
    """Tell whether a cell gives orders to nbcache, which automatic mode leaves alone."""
    calls = [part for node in nodelist for part in ast.walk(node) if isinstance(part, ast.Call)]
    for call in calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        words = [arg.value for arg in call.args[:2] if isinstance(arg, ast.Constant)]
        orders = words[:1] and words[0] in _ORDERS
        if name in _MAGIC_CALLS and (orders or words[1:] == ["nbcache"]):
            return True
    return False
