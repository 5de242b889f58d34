"""Elements of ``xml.etree``: one without attributes may have a dict for them, or not yet."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from nbcache.heap.kinds.instance import ReducedKind, reduce_object
from nbcache.heap.registry import register


class ElementKind(ReducedKind):
    """``Element``."""

    def take_apart(self, obj: Any) -> Any:
        """Return the reduction; an empty dict of attributes is as good as none."""
        parts = reduce_object(obj)
        state = parts[2]
        if type(state) is dict and not state.get("attrib"):
            state = {**state, "attrib": None}
        return (*parts[:2], state, *parts[3:])


register(ElementKind(), ET.Element)
