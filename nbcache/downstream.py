"""How staleness spreads through a notebook: from a cell to those that read what it leaves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from nbcache.ran import Ran


@dataclass(frozen=True, slots=True)
class Link:
    """One code cell among those of its notebook, in their order.

    ``unsettled`` says why a run of it may leave other values than those that are in the kernel
    ("is stale"; empty: it would not), ``moved`` names the inputs that differ from those of its
    last run, ``runs`` are its runs in this kernel, each with the digest of its source. The
    inputs of a cell that ``is_exact`` were compared by value.
    """

    label: str
    reads: frozenset[str] = frozenset()
    touches: frozenset[str] = frozenset()
    unsettled: str = ""
    is_exact: bool = False
    moved: frozenset[str] = frozenset()
    runs: Sequence[tuple[Ran, str]] = ()

    @property
    def last(self) -> int:
        """The number of its last run, 0 when it never ran."""
        return self.runs[-1][0].number if self.runs else 0


def spread(links: Sequence[Link]) -> list[str]:
    """Return for each cell what it depends on that is not settled, empty where all is."""
    waiting: dict[str, str] = {}
    reasons = []
    for position, link in enumerate(links):
        causes = list(dict.fromkeys(waiting[name] for name in sorted(link.reads & {*waiting})))
        reason = f"depends on {causes[0]}" if causes else _outrun(link, links[:position])
        reasons.append(reason)
        why = link.unsettled or ("is stale" if reason else "")
        for name in link.touches:
            if why:
                waiting[name] = f"{link.label}, which {why}"
            elif name not in link.reads:
                waiting.pop(name, None)
    return reasons


def _outrun(link: Link, above: Sequence[Link]) -> str:
    """Say which cell above ran with another source since this one did."""
    for other in above if link.runs and not link.is_exact else ():
        if other.last <= link.last or not other.touches & link.reads:
            continue
        before = [digest for ran, digest in other.runs if ran.number < link.last]
        if before[-1:] != [other.runs[-1][1]]:
            return f"depends on {other.label}, which ran since"
    return ""


def is_own_doing(links: Sequence[Link], position: int) -> bool:
    """Tell whether a cell's inputs were moved by itself or by cells below it, and no others.

    ``df["a"] = 1`` finds another ``df`` when it is run again; its result is not out of date.
    """
    link = links[position]
    return bool(link.moved and link.last) and all(
        _is_moved_from_below(name, links, position) for name in link.moved
    )


def _is_moved_from_below(name: str, links: Sequence[Link], position: int) -> bool:
    since = links[position].last
    above = _movers(name, links[:position], since + 1)
    return not above and bool(_movers(name, links[position:], since))


def _movers(name: str, links: Collection[Link], since: int) -> list[Link]:
    return [link for link in links if name in link.touches and link.last >= since]
