"""Cases as text: cells in percent format, then expressions to compare.

::

    #### name
    #: refused = part of the reason
    # %%
    a plain cell
    # %% cached drop=tmp
    a cell under %%cache
    # %% probe
    one expression a line
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
GROUPS = tuple(sorted(path.stem for path in HERE.glob("*.cells")))
_MARK = re.compile(r"^# %%(.*)$", re.MULTILINE)
_FLAG = re.compile(r"^#: (\w+)(?: =(.*))?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell's text; ``options`` is None for a cell that is not cached."""

    text: str
    options: str | None = None

    @property
    def asked(self) -> str:
        """The cell as a user of nbcache types it."""
        line = "" if self.options is None else f"%%cache {self.options}".strip() + "\n"
        return line + self.text

    @property
    def plain(self) -> str:
        """The same cell without nbcache, line by line."""
        return self.text if self.options is None else self._commented

    @property
    def _commented(self) -> str:
        """The text behind a comment, so that all lines keep their numbers."""
        if self.text.startswith("%%"):
            return self.text
        return (f"# nbcache: {self.options}" if self.options else "# nbcache") + f"\n{self.text}"


@dataclass(frozen=True, slots=True)
class Case:
    """Cells to run in order, expressions to compare after them, and what else is expected.

    ``flags``: ``refused`` (part of the reason; the last cached cell is not served),
    ``unseeded`` (draws differ from run to run: only record and replay are compared), ``partial``
    (a hit binds other names on purpose), ``state`` (of the last cached cell, if no hit),
    ``needs`` (a module or Python version, without which the case is left out).
    """

    group: str
    name: str
    cells: tuple[Cell, ...]
    probes: tuple[str, ...]
    flags: dict[str, str] = field(default_factory=dict)

    @property
    def refused(self) -> str | None:
        """Part of the reason why the case's last cached cell is not served, None if it is."""
        return self.flags.get("refused")

    @property
    def is_unseeded(self) -> bool:
        """Whether the case draws random numbers that nobody seeded."""
        return "unseeded" in self.flags


def read_case(group: str, text: str) -> Case:
    """Return the case that a block of text describes."""
    head, *parts = _MARK.split(text)
    name, _, rest = head.partition("\n")
    flags = {key: value.strip() for key, value in _FLAG.findall(rest)}
    cells: list[Cell] = []
    probes: tuple[str, ...] = ()
    for mark, body in zip(parts[::2], parts[1::2], strict=True):
        word, _, options = mark.strip().partition(" ")
        if word == "probe":
            probes = tuple(line for line in body.splitlines() if line.strip())
        elif word in ("", "cached"):
            cells.append(Cell(body.strip("\n"), options if word else None))
        else:
            raise ValueError(f"{group}/{name}: unknown kind of cell {mark!r}")
    return Case(group, name.strip(), tuple(cells), probes, flags)


def is_possible(case: Case) -> bool:
    """Tell whether what the case needs is here."""
    needs = case.flags.get("needs", "")
    if needs[:1].isdigit():
        return sys.version_info >= tuple(map(int, needs.split(".")))
    return not needs or find_spec(needs) is not None


def read_group(group: str) -> list[Case]:
    """Return the possible cases of a group, those first that need streams nobody has seeded."""
    _, *blocks = re.split(r"^#### ", (HERE / f"{group}.cells").read_text(), flags=re.MULTILINE)
    cases = [read_case(group, block) for block in blocks]
    return sorted(filter(is_possible, cases), key=lambda case: not case.is_unseeded)


def read_all() -> list[Case]:
    """Return the cases of all groups."""
    return [case for group in GROUPS for case in read_group(group)]
