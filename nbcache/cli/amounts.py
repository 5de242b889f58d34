"""Ages, sizes and numbers of processes as arguments of a command."""

from __future__ import annotations

import argparse
import time

from nbcache.errors import OptionError

ON_DASK = "dask://"


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
    from nbcache.option_values import parse_size

    try:
        return parse_size(text)
    except OptionError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def parse_jobs(text: str) -> str:
    """Return a number of processes, or the address of a cluster, as it was written."""
    if text.startswith(ON_DASK) and len(text) > len(ON_DASK):
        return text
    if text.lstrip("-").isdecimal() and int(text) != 0:
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is no number of processes and no dask://HOST:PORT.")
