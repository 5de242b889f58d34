"""How one cell is cached, and whether a stored run may be used: pure decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from nbcache import policies
from nbcache.duration import format_duration, parse_duration
from nbcache.entry import CLOCK_TOLERANCE, FORMAT, Entry
from nbcache.errors import OptionError
from nbcache.events import State
from nbcache.options import OPTIONS, read_options
from nbcache.policies import CachePolicy

NOT_STORED: Final = "not stored"
"""The effect of an entry that lists the names which its run bound and its policy left out."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How one cell is cached; ``explicit`` if the user asked for this cell by name.

    ``ttl``, ``min_time`` and ``wait`` are seconds, ``ttl`` None never expires, ``wait`` None
    waits as long as it takes. ``refresh`` False resists a refresh of everything, None does not.
    ``keep`` None stores every name. ``max_size`` and ``max_entry_size`` are bytes, ``max_age`` is
    the store's and always None here. ``policy`` is what makes up the key, unless ``key`` or
    ``name`` is one. ``persist`` False keeps results in memory only.
    """

    ttl: float | None = None
    refresh: bool | Literal["once"] | None = None
    ignore: frozenset[str] = frozenset()
    version: str = ""
    off: bool = False
    quiet: bool = False
    drop: frozenset[str] = frozenset()
    keep: frozenset[str] | None = None
    min_time: float = 0.0
    max_size: int | None = None
    max_entry_size: int | None = None
    max_age: float | None = None
    require: bool = False
    read_only: bool = False
    explicit: bool = True
    verify: bool = False
    policy: CachePolicy = policies.DEFAULT
    key: Any = None
    name: str = ""
    pin: bool | None = None
    store: str = ""
    persist: bool | None = None
    memory: bool = False
    compression: str = "none"
    group: str = ""
    isolation: str = ""
    wait: float | None = None
    files: tuple[str, ...] = ()
    file_check: str = "content"
    ignore_path: bool = False
    env: tuple[str, ...] = ()

    @property
    def most_bytes(self) -> int | None:
        """The size of the largest result that is stored, None for any."""
        given = [size for size in (self.max_size, self.max_entry_size) if size is not None]
        return min(given) if given else None

    @property
    def is_exclusive(self) -> bool:
        """Whether one process computes a key while the others wait."""
        level = self.policy.isolation_level
        asked = self.isolation or (level.value if level else "serializable")
        return asked.lower() == "serializable"

    def keeps(self, name: str) -> bool:
        """Tell whether a name that the cell binds is stored."""
        return name not in self.drop and (self.keep is None or name in self.keep)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a cell: its state, why, and whether the stored run is served."""

    state: State
    reasons: tuple[str, ...] = ()
    serve: bool = False


DEFAULT: Final = Policy()


def whole(policy: Policy) -> CachePolicy:
    """Return the parts of the key that are looked at: none under a key of the user's own."""
    own = policy.key is not None or policy.name
    return policies.NO_CACHE if own else policy.policy


def build_policy(options: Mapping[str, object], *, base: Policy = DEFAULT, now: float) -> Policy:
    """Return the base policy with options laid over it, from a line or from data."""
    changes: dict[str, Any] = read_options(options)
    if "max_age" in changes:
        raise OptionError(
            "`max_age` bounds the store, not one cell: set it by `%nbcache config max_age=30d`, in"
            " pyproject.toml or NBCACHE_MAX_AGE. How long one result may be used is its `ttl`."
        )
    for name in changes.keys() & {n for n, o in OPTIONS.items() if o.kind == "duration"}:
        changes[name] = parse_duration(changes[name], now)
    if "min_time" in changes:
        changes["min_time"] = changes["min_time"] or 0.0
    if "isolation" in changes:
        changes["isolation"] = changes["isolation"] or ""
    if "off" not in changes and _has_no_key(base):
        changes["off"] = False  # what was off for want of a key may get one now
    policy = replace(base, **changes)
    if _has_no_key(policy):
        policy = replace(policy, off=True)
    both = sorted(policy.drop & (policy.keep or frozenset()))
    if both:
        raise OptionError(f"`{both[0]}` is in `keep` and in `drop`. Leave it in one of them.")
    return policy


def _has_no_key(policy: Policy) -> bool:
    """Tell whether nothing makes up a key, as under ``NO_CACHE``."""
    return policy.policy.is_off and policy.key is None and not policy.name


def not_kept(names: Iterable[str], policy: Policy) -> dict[str, list[str]]:
    """Return the effect that says which names of those that a run bound are not stored."""
    found = sorted(name for name in names if not policy.keeps(name))
    return {NOT_STORED: found} if found else {}


def not_stored(entry: Entry, policy: Policy) -> list[str]:
    """Say which names are wanted that the stored run bound and left out."""
    names = [name for name in entry.effects.get(NOT_STORED, ()) if policy.keeps(name)]
    return [f"`{name}` was left out of the stored run (`keep`, `drop`)" for name in names]


def shorter_ttl(entry: Entry, policy: Policy) -> float | None:
    """Return the shorter of the ttl that was stored and the one that is asked now."""
    given = [ttl for ttl in (entry.ttl, policy.ttl) if ttl is not None]
    return min(given) if given else None


def expires_at(entry: Entry, policy: Policy) -> float | None:
    """Return the Unix time from which the entry is expired, None for never."""
    ttl = shorter_ttl(entry, policy)
    return None if ttl is None else entry.stored_at + ttl


def decide(
    entry: Entry | None,
    policy: Policy,
    now: float,
    *,
    moved: Sequence[str] = (),
    refresh_all: bool = False,
) -> Decision:
    """Say whether a stored run may be used, and why; ``moved`` are dependencies that changed."""
    if policy.off:
        return Decision(State.OFF, ("Caching is off for this cell.",))
    if moved:
        return Decision(State.STALE, tuple(moved))
    if entry is None:
        return Decision(State.MISS, ("Nothing is stored for this source and these inputs.",))
    if entry.format != FORMAT:
        reason = f"The stored run has format {entry.format}, this nbcache reads {FORMAT}."
        return Decision(State.MISS, (reason,))
    if policy.refresh or (refresh_all and policy.refresh is None):
        which = "this cell" if policy.refresh else "all cells"
        return Decision(State.REFRESHED, (f"A refresh of {which} was asked for.",))
    return _by_age(entry, policy, now)


def _by_age(entry: Entry, policy: Policy, now: float) -> Decision:
    """Say whether the entry is young enough; one from the future is not trusted."""
    age = now - entry.stored_at
    if not age >= -CLOCK_TOLERANCE:
        reason = "The stored run is dated in the future: a clock was moved, so it does not count."
        return Decision(State.EXPIRED, (reason,))
    ttl = shorter_ttl(entry, policy)
    stored = f"Stored {format_duration(max(age, 0.0))} ago"
    if ttl is None:
        return Decision(State.HIT, (f"{stored}, never expires.",), serve=True)
    usable = f"for {format_duration(ttl)}"
    left = ttl - max(age, 0.0)
    if left > 0:
        reason = f"{stored}, expires in {format_duration(left)}."
        return Decision(State.HIT, (reason,), serve=True)
    ended = f"expired {format_duration(-left)} ago" if left else "expired just now"
    return Decision(State.EXPIRED, (f"The entry {ended}: {stored.lower()}, usable {usable}.",))
