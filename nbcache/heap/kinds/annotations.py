"""The annotations of functions: a dict that others may hold as well, or code that makes one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from nbcache.heap.kinds.code import code_token

if TYPE_CHECKING:
    from nbcache.heap.walk import Walk

OWN_ANNOTATIONS = sys.version_info < (3, 14)
"""Whether annotations are a plain dict; later they are code that runs on demand."""


def annotations_token(function: Any, walk: Walk) -> bytes:
    """Return the token of what a function's annotations are, or are made by."""
    annotate = getattr(function, "__annotate__", None)
    if annotate is not None:
        return code_token(annotate.__code__) if hasattr(annotate, "__code__") else b""
    return walk.ref(function.__annotations__ if has_annotations(function) else None)


def has_annotations(function: Any) -> bool:
    """Tell whether a function has a dict of annotations with something in it.

    Whether somebody else holds an empty one can't be told for sure: wrappers and class methods
    share theirs with the function that they wrap, until both are made anew.
    """
    return OWN_ANNOTATIONS and bool(function.__annotations__)
