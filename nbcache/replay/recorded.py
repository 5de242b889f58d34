"""What one run did, as it is handed to the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbcache.asked_files import shape_late
from nbcache.entry import Body
from nbcache.heap.walk import Walk
from nbcache.policy import Policy, whole
from nbcache.replay.outputs import Message


@dataclass(frozen=True, slots=True)
class Recording:
    """All that one run did: outputs, values, late dependencies, and remarks."""

    outputs: Sequence[Message]
    body: Body
    late: Mapping[str, Any]
    effects: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    impure: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


def late_of(policy: Policy, late: Mapping[str, Any], walk: Walk) -> dict[str, Any]:
    """Return those late dependencies that the policy lets count, as its options shape them."""
    kept = whole(policy)
    counted = {name: value for name, value in late.items() if kept.keeps_late(name)}
    return shape_late(policy, counted, walk.values)
