"""Values of variables that the cell was not seen to read: storing one would cut its aliases."""

from __future__ import annotations

from typing import Any, NoReturn

from nbcache.errors import NotStorable
from nbcache.heap.paths import type_name


class Foreign:
    """Marks a variable's value that was not walked."""

    def __init__(self, name: str) -> None:
        self.name = name

    def refuse(self, obj: Any) -> NoReturn:
        """Say which variable the value is of.

        Raises:
            NotStorable: always.
        """
        raise NotStorable(
            f"is the value of `{self.name}`, which the cell was not seen to read;"
            f" name it in the cell",
            path=self.name,
            type_name=type_name(obj),
        )
