"""Where a store lies that a command line names: a folder, a URL, or a project's word for it."""

from __future__ import annotations

import os

from nbcache.cli.exits import USAGE, CommandError
from nbcache.layers import no_such_store
from nbcache.setting_files import named_stores


def place_of(text: str) -> str:
    """Return the place that the project gave a name, or the text itself."""
    return named_stores(os.getcwd()).get(text, text)


def shared_place_of(text: str) -> str:
    """Return the URL of a shared store, from a URL or a name.

    Raises:
        CommandError: it is neither.
    """
    place = place_of(text)
    if place != text and os.path.isabs(place):
        return f"file://{place}"
    scheme, is_url, rest = place.partition("://")
    if is_url and (rest.strip("/") or scheme == "memory"):
        return place
    if is_url:
        raise CommandError(
            f"{place} names no bucket, host or folder. Write s3://bucket/cache, redis://host or"
            " file:///folder.",
            USAGE,
        )
    if "/" in text or os.sep in text:
        raise CommandError(f"{text} is no URL. Write s3://bucket/cache or file:///folder.", USAGE)
    raise CommandError(no_such_store(text, named_stores(os.getcwd())).partition("; a f")[0], USAGE)


def store_variables(place: str) -> dict[str, str]:
    """Return the variables that make a kernel use the store of a place."""
    is_far = "://" in place
    return {"NBCACHE_STORE": place} if is_far else {"NBCACHE_DIR": os.path.abspath(place)}
