"""The ambient state of a process: repeated, compared where a run may have read it, or refused.

Repeated when changed: environment variables, working directory, ``sys.path``, time zone,
warning filters, logger levels, options of numpy, pandas and torch, ``rcParams``, decimal context,
locale, and the interpreter's settings. Compared at look-up, as it was before the run: what the
run read, or what it may have read where reads cannot be seen. Refused: pyplot figures left
open, replaced standard streams, hooks, signal handlers, log handlers, changed builtins.
"""

from __future__ import annotations

from collections.abc import Collection

from nbcache.deps.display_options import DisplayTracker
from nbcache.deps.environment import EnvironmentTracker
from nbcache.deps.families import Decimals, Locales, NumpyErrors, NumpyPrinting
from nbcache.deps.figures import FigureTracker, NamedColors
from nbcache.deps.folders import FolderTracker, ZoneTracker
from nbcache.deps.group import Group
from nbcache.deps.interpreter import InterpreterTracker
from nbcache.deps.loggers import LoggingTracker
from nbcache.deps.nearness import may_read
from nbcache.deps.options import NearbyOptions, OptionTracker
from nbcache.deps.pandas_options import Pandas
from nbcache.deps.process_state import ProcessTracker
from nbcache.deps.protocol import Tracker
from nbcache.deps.torch_options import Torch
from nbcache.deps.unfinished import UnfinishedTracker
from nbcache.deps.warning_filters import WarningTracker

_FAMILIES = (NumpyPrinting, NumpyErrors, Pandas, Torch, NamedColors)


class AmbientTracker(Group):
    """Follows the ambient state, one member for each part, in the order of repeating."""

    def __init__(self) -> None:
        self.zone = ZoneTracker()
        self.environment = EnvironmentTracker()
        members: list[Tracker] = [
            self.environment,
            self.zone,
            FolderTracker(),
            WarningTracker(),
            LoggingTracker(),
            InterpreterTracker(),
            ProcessTracker(),
            UnfinishedTracker(),
            *(OptionTracker(family()) for family in _FAMILIES),
            *(NearbyOptions(family(), may_read) for family in (Decimals, Locales)),
            FigureTracker(),
            DisplayTracker(),
        ]
        super().__init__("ambient", members)

    def start(self, source: str = "", reached: Collection[str] | None = None) -> None:
        """Begin to watch a run of the text ``source`` that reaches the modules ``reached``.

        An empty text, and None for the modules, mean unknown.
        """
        for member in self.members:
            if isinstance(member, (ZoneTracker, LoggingTracker, NearbyOptions)):
                member.start(source, reached)
            else:
                member.start()
