"""Ages and sizes as arguments of a command."""

from __future__ import annotations

import argparse
import time

from nbcache.errors import OptionError
from nbcache.option_values import parse_size


def age(text: str) -> float:
    """Return the seconds of a duration; raises ``argparse.ArgumentTypeError``."""
    from nbcache.duration import parse_duration

    try:
        seconds = parse_duration(text, time.time())
    except OptionError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None
    if seconds is None:
        raise argparse.ArgumentTypeError("nothing is older than never.")
    return seconds


def size(text: str) -> int:
    """Return the bytes of a size such as 10GB; raises ``argparse.ArgumentTypeError``."""
    try:
        return parse_size(text)
    except OptionError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None
