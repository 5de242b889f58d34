"""dateutil's time zones: it keeps one of each name, which a copy would not be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dateutil import tz

from nbcache.heap import rebuild
from nbcache.heap.kinds.instance import ReducedKind
from nbcache.heap.registry import register

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump


class ZoneKind(ReducedKind):
    """``dateutil.tz.tzfile``."""

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Ask dateutil for the zone, if it is the one of a name."""
        kept: Any = getattr(tz.gettz, "_GettzFunc__instances", None) or {}
        for name, zone in list(kept.items()):
            if zone is obj and type(name) is str and name:
                return rebuild.get_zone, (name,)
        return super().reduce(obj, dump)


register(ZoneKind(), tz.tzfile)
