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
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
GROUPS = tuple(sorted(path.stem for path in HERE.glob("*.cells")))
_MARK = re.compile(r"^# %%(.*)$", re.MULTILINE)
_FLAG = re.compile(r"^#: (\w+)(?: = (.*))?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell's text; ``options`` is None for a cell that is not cached."""

    text: str
    options: str | None = None

    @property
    def asked(self) -> str:
        """The cell as a user of nbcache types it."""
        return self.text if self.options is None else f"%%cache {self.options}".strip() + f"\n{self.text}"

    @property
    def plain(self) -> str:
        """The same cell without nbcache, line by line."""
        return self.text if self.options is None else f"# nbcache {self.options}".strip() + f"\n{self.text}"


@dataclass(frozen=True, slots=True)
class Case:
    """Cells to run in order, expressions to compare after them, and what else is expected.

    ``flags``: ``refused`` (part of the reason; the last cached cell is not served),
    ``unseeded`` (draws differ from run to run: only record and replay are compared), ``needs``
    (a module, without which the case is skipped).
    """

    group: str
    name: str
    cells: tuple[Cell, ...]
    probes: tuple[str, ...]
    flags: dict[str, str] = field(default_factory=dict)

    @property
    def refused(self) -> str:
        """Part of the reason why the case's last cached cell is not served, empty if it is."""
        return self.flags.get("refused", "")

    @property
    def is_unseeded(self) -> bool:
        """Whether the case draws random numbers that nobody seeded."""
        return "unseeded" in self.flags


def read_case(group: str, text: str) -> Case:
    """Return the case that a block of text describes."""
    head, *parts = _MARK.split(text)
    name, _, rest = head.partition("\n")
    flags = {key: value for key, value in _FLAG.findall(rest)}
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


def read_group(group: str) -> list[Case]:
    """Return the cases of one group, those first that need streams nobody has seeded."""
    _, *blocks = re.split(r"^#### ", (HERE / f"{group}.cells").read_text(), flags=re.MULTILINE)
    cases = [read_case(group, block) for block in blocks]
    return sorted(cases, key=lambda case: not case.is_unseeded)


def read_all() -> list[Case]:
    """Return the cases of all groups."""
    return [case for group in GROUPS for case in read_group(group)]
