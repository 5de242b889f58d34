"""The notebooks that the harness runs, as ``catalogue.toml`` lists them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).resolve().parent.parent
FETCHED = HERE / ".fetched"


@dataclass(frozen=True, slots=True)
class Sdist:
    """One source distribution, pinned by version and digest, and what is taken from it."""

    name: str
    version: str
    sha256: str
    folder: str
    notebooks: tuple[str, ...]
    quick: frozenset[str] = frozenset()
    data: tuple[str, ...] = ()
    volatile: tuple[str, ...] = ()
    is_seeded: bool = True
    refusals: str = ""
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def place(self) -> Path:
        """The folder that holds the extracted notebooks."""
        return FETCHED / f"{self.name}-{self.version}" / self.folder


@dataclass(frozen=True, slots=True)
class Notebook:
    """One notebook of the catalogue; ``volatile`` are patterns to leave out of its text."""

    sdist: Sdist
    file: str

    @property
    def id(self) -> str:
        """A short name for people and test ids."""
        return f"{self.sdist.name}/{Path(self.file).stem.replace(' ', '-')}"

    @property
    def is_quick(self) -> bool:
        """Whether ``make test`` runs it too."""
        return self.file in self.sdist.quick

    @property
    def path(self) -> Path:
        """Where the extracted notebook lies."""
        return self.sdist.place / self.file

    @property
    def volatile(self) -> tuple[str, ...]:
        """Patterns of text that is known to differ between two plain runs."""
        return self.sdist.volatile

    @property
    def is_seeded(self) -> bool:
        """Whether plain runs agree on what they draw at random."""
        return self.sdist.is_seeded


def read(path: Path = HERE / "catalogue.toml") -> list[Sdist]:
    """Return the catalogue's source distributions."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return [
        Sdist(
            name=one["name"],
            version=one["version"],
            sha256=one["sha256"],
            folder=one["folder"],
            notebooks=(*one.get("quick", ()), *one.get("more", ())),
            quick=frozenset(one.get("quick", ())),
            data=tuple(one.get("data", ())),
            volatile=tuple(one.get("volatile", ())),
            is_seeded=one.get("seeded", True),
            refusals=one.get("refusals", ""),
            settings=tuple(one.get("settings", {}).items()),
        )
        for one in data["sdist"]
    ]


def notebooks(sdists: list[Sdist] | None = None, *, quick: bool = False) -> list[Notebook]:
    """Return all catalogued notebooks, or only the quick ones."""
    found = [
        Notebook(sdist, file)
        for sdist in (read() if sdists is None else sdists)
        for file in sdist.notebooks
    ]
    return [notebook for notebook in found if notebook.is_quick or not quick]
