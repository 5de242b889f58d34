"""Writing down the run of a still cell: it bound names to plain values, and printed, no more."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any, Final

from nbcache.heap.walk import digest_variable
from nbcache.policy import Policy, not_kept
from nbcache.replay.codec import dump
from nbcache.replay.namespace import Snapshot
from nbcache.replay.outputs import Message
from nbcache.replay.recorded import Recording, late_of

_NOTHING: Final[dict[str, Any]] = {
    "delete": [], "patches": [], "result": [], "effects": {}, "annotations": {}, "modules": {},
}  # fmt: skip


def shows_text(nodes: Sequence[ast.stmt]) -> bool:
    """Tell whether a still cell prints anything."""
    return any(isinstance(node, ast.Expr) for node in nodes)


def record_still(
    shell: Any, reading: Any, before: Snapshot, messages: Sequence[Message], policy: Policy
) -> Recording:
    """Return the recording of a still cell's run.

    Raises:
        CacheError: it can't be stored; the message says why.
    """
    names, namespace, held = reading.source.names, shell.user_ns, before.before
    bound = {name: value for name, value in namespace.items() if name in names.binds}
    unsure = [
        name
        for name, value in bound.items()
        if name not in names.always_binds and name in held and held[name] is value
    ]
    bind = {name: value for name, value in bound.items() if name not in unsure}
    kept = {name: value for name, value in bind.items() if policy.keeps(name)}
    digests = {name: digest_variable(namespace, name) for name in sorted(unsure)}
    effects = {
        "setup": [],
        "compile_flags": shell.compile.flags,
        "registered": {},
        "import_path": [],
        "bound_modules": {},
        "payload": [],
    }
    return Recording(
        outputs=messages,
        body=dump({"bind": kept, **_NOTHING}, reading.walk),
        late=late_of(policy, {"names": digests} if digests else {}, reading.walk),
        effects=effects | not_kept(bind, policy),
        writes=tuple(sorted(name for name in bind if not name.startswith("__"))),
    )
