"""Invalidation cases: notebooks of a few cells, an edit that matters and one that does not.

Each case is run in four kernels with four hash seeds: as it is, with the edit that does not
matter, with the one that matters, and so once more without nbcache. Cases of a group share a
kernel a session; each has a folder, an emptied namespace and modules of its own.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from kernels import Kernel, Reply, kernel

Edit = tuple[str, str]
UNUSED = ("", "unused_name = 2")
"""The edit that matters to no cell but those that depend on every variable."""

TIDY = """
def tidy(folder, shell=get_ipython()):
    import decimal, locale, os, sys, time, warnings
    if not hasattr(sys, "_before_cases"):
        sys._before_cases = [*sys.path], dict(os.environ), sys.getrecursionlimit()
        sys._hidden_names = {*shell.user_ns_hidden}
    path, environ, limit = sys._before_cases
    sys.argv, sys.path[:] = ["notebook"], path
    os.environ.clear(); os.environ.update(environ); time.tzset()
    sys.setrecursionlimit(limit); locale.setlocale(locale.LC_ALL, "C")
    decimal.setcontext(decimal.Context())
    warnings.simplefilter("ignore", ResourceWarning)
    os.chdir(folder)
    shell.user_ns["_oh"].clear()
    for name in [name for name in shell.user_ns if name not in sys._hidden_names]:
        if not name.startswith("_"):
            del shell.user_ns[name]
"""
"""What gives each case the process as it found it, kept out of the notebook's names."""

PREPARE = f"import sys; exec({TIDY!r}, sys.__dict__ | {{'get_ipython': get_ipython}}, vars(sys))"


@dataclass(frozen=True, slots=True)
class Case:
    """A notebook and its edits; cells are parted by lines of ``---``, cached ones start with @.

    An edit replaces the first occurrence of a text; ``{m}`` is a module name of the case's own
    and ``{far}`` a folder that is neither the working one nor below it. ``refused`` cases run
    in every session, ``same`` ones show the same after the edit that matters; ``needless`` says
    why a hit that one could want is not given.
    """

    name: str
    text: str
    change: Edit
    other: Edit = UNUSED
    refused: bool = False
    same: bool = False
    needless: str = ""

    def cells(self, edit: Edit | None) -> list[str]:
        """Return the cells after an edit."""
        text = textwrap.dedent(self.text).strip("\n")
        if edit is not None:
            old, new = edit
            if old not in text:
                raise ValueError(f"{self.name}: nothing to edit: {old!r}")
            text = text.replace(old, new, 1) if old else f"{new}\n---\n{text}"
        return re.split(r"\n---\n", text)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the cells of one case did in the four sessions."""

    first: list[Reply]
    other: list[Reply]
    changed: list[Reply]
    plain: list[Reply]


def run_case(
    made: Kernel, case: Case, here: Path, number: int, edit: Edit | None, *, is_caching: bool
) -> list[Reply]:
    """Run one case in a kernel and return the replies of its cached cells and those below."""
    far = here.parent.parent / f"far-{here.parent.name}" / here.name
    here.mkdir(parents=True, exist_ok=True)
    far.mkdir(parents=True, exist_ok=True)
    made.run(f"import sys; sys.tidy({str(here)!r})", silent=True, store_history=False)
    replies: list[Reply] = []
    for cell in case.cells(edit):
        text = cell.replace("{far}", str(far)).replace("{m}", f"m_{here.parent.name}_{number}")
        is_cached = text.startswith("@")
        line = f"%%cache version={number}\n" if is_caching else "#\n" * (not text.startswith("@%%"))
        reply = made.run(line + text[1:] if is_cached else text)
        if is_cached or replies:
            replies.append(reply)
    return replies


def run_group(cases: list[Case], top: Path, name: str) -> dict[str, Outcome]:
    """Run the cases of a group in four sessions."""

    def session(seed: str, edits: list[Edit | None], *, cached: bool = True) -> list[list[Reply]]:
        folder = top / ("cached" if cached else "plain") / name
        folder.mkdir(parents=True, exist_ok=True)
        with kernel(top / "store", load=cached, folder=folder, PYTHONHASHSEED=seed) as made:
            made.run(PREPARE, silent=True, store_history=False)
            return [
                run_case(made, case, folder / str(number), number, edit, is_caching=cached)
                for number, (case, edit) in enumerate(zip(cases, edits, strict=True))
            ]

    changes = [case.change for case in cases]
    plain = session("4", changes, cached=False)
    first = session("1", [None] * len(cases))
    other = session("2", [case.other for case in cases])
    changed = session("3", changes)
    replies = zip(cases, first, other, changed, plain, strict=True)
    return {case.name: Outcome(*found) for case, *found in replies}


def shown(replies: list[Reply]) -> list[str]:
    """Return what cells show, white space aside."""
    return [re.sub(r"\s+", " ", reply.text) for reply in replies]
