"""How many twins each hash of Python values takes for one and the same: ``python twins_table.py``.

The pairs are those of ``tests/unit/twins.py``. A hash *confuses* a pair when it gives both the
same digest, is *unsteady* when it gives one value two digests, and *refuses* what it can't hash.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "unit")]

import board  # noqa: E402
import twins  # noqa: E402
from board import patience  # noqa: E402
from work_hashing import hashers  # noqa: E402

from nbcache.heap.walk import Walk  # noqa: E402

OUTCOMES = ("told apart", "confused", "unsteady", "refused")


def all_hashers(names: dict[str, Any]) -> dict[str, Callable[[Any], Any]]:
    found = {"nbcache": lambda value: Walk(names).fingerprint("", value), **hashers()}
    if importlib.util.find_spec("deepdiff"):
        found["DeepHash"] = _deep_hash
    return found


def _deep_hash(value: Any) -> Any:
    """Return what it makes of a value, unless that would take minutes."""
    from deepdiff import DeepHash

    if getattr(value, "size", 0) > 10_000 or getattr(value, "height", 0) > 10_000:
        raise ValueError("too large for it")
    return DeepHash(value)[value]


def outcome(hasher: Callable[[Any], Any], pair: tuple[str, str], names: dict[str, Any]) -> str:
    """Return what a hash makes of a pair."""
    try:
        with patience():
            one, again, other = (hasher(eval(text, names)) for text in (pair[0], *pair))
    except Exception:
        return "refused"
    if one != again:
        return "unsteady"
    return "confused" if one == other else "told apart"


def main() -> None:
    """Print the table as Markdown, and the confused pairs of each hash below it."""
    warnings.simplefilter("ignore")
    board.PATIENCE = 5
    names: dict[str, Any] = {"__name__": "__main__"}
    pairs = [pair for family in twins.TWINS.values() for pair in family]
    exec(compile(twins.PRELUDE, "twins", "exec", dont_inherit=True), names)
    if importlib.util.find_spec("torch"):
        exec(twins.TORCH_PRELUDE, names)
        pairs += twins.TORCH
    rows = {name: [outcome(one, pair, names) for pair in pairs] for name, one in
            all_hashers(names).items()}  # fmt: skip
    write = sys.stdout.write
    write(f"| {len(pairs)} twins | {' | '.join(OUTCOMES)} |\n|---|---|---|---|---|\n")
    for name, found in rows.items():
        counts = Counter(found)
        write(f"| {name} | {' | '.join(str(counts[one]) for one in OUTCOMES)} |\n")
    for name, found in rows.items():
        for pair, told in zip(pairs, found, strict=True):
            if told == "confused":
                write(f"{name}: {pair[0]}  {pair[1]}\n")


if __name__ == "__main__":
    main()
