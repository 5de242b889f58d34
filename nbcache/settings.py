"""Settings of one kernel session, resolved once into one frozen object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nbcache.errors import OptionError

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment asks of nbcache; see the README's table of variables.

    ``min_time`` is in seconds, ``ttl`` is a duration as text (empty: none asked for).
    """

    disable: bool = False
    refresh: bool = False
    read_only: bool = False
    require: bool = False
    auto: bool = False
    verify: bool = False
    trust_all: bool = False
    headless: bool = False
    atomic: bool = False
    min_time: float = 0.0
    ttl: str = ""
    location: str = ""
    notebook: str = ""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings of a process environment.

    Raises:
        OptionError: a variable has a value that is not understood; the message names it.
    """

    def flag(name: str) -> bool:
        value = environment.get(name, "").strip().lower()
        if value in _TRUE or value in _FALSE:
            return value in _TRUE
        raise OptionError(f"{name}={value!r} is not understood: use 1 or 0")

    return Settings(
        disable=flag("NBCACHE_DISABLE"),
        refresh=flag("NBCACHE_REFRESH"),
        read_only=flag("NBCACHE_READ_ONLY"),
        require=flag("NBCACHE_REQUIRE"),
        auto=flag("NBCACHE_AUTO"),
        verify=flag("NBCACHE_VERIFY"),
        trust_all=flag("NBCACHE_TRUST_ALL"),
        headless=flag("NBCACHE_HEADLESS"),
        atomic=flag("NBCACHE_ATOMIC"),
        min_time=_seconds(environment.get("NBCACHE_MIN_TIME", "0")),
        ttl=environment.get("NBCACHE_TTL", ""),
        location=environment.get("NBCACHE_DIR", ""),
        notebook=environment.get("NBCACHE_NOTEBOOK", ""),
    )


def kernel_variables(notebook: str = "") -> dict[str, str]:
    """Return the variables that make a kernel cache every cell of a headless run."""
    asked = {"NBCACHE_AUTO": "1", "NBCACHE_MIN_TIME": "0", "NBCACHE_HEADLESS": "1"}
    return asked | ({"NBCACHE_NOTEBOOK": notebook} if notebook else {})


def _seconds(value: str) -> float:
    try:
        return float(value or 0)
    except ValueError:
        raise OptionError(
            f"NBCACHE_MIN_TIME={value!r} is not understood: give seconds, such as 0.5"
        ) from None
