"""Caching outside of cells: ``@cache`` on functions, ``block`` on a part of a script."""

from nbcache.functions import kind
from nbcache.functions.blocks import block
from nbcache.functions.decorator import cache
from nbcache.transactions import transaction

__all__ = ["block", "cache", "kind", "transaction"]
