"""The files that a joblib memory holds."""

import pathlib


def item_files(memory):
    return sorted(pathlib.Path(memory.store_backend.location).rglob("output.nbc"))
