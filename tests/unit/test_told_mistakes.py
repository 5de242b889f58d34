"""Mistakes in settings, options and places are told, and never passed over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nbcache.asking import _cell_options
from nbcache.cli.exits import CommandError
from nbcache.cli.places import shared_place_of
from nbcache.composing import Subject, choose_parts
from nbcache.errors import OptionError, StoreError
from nbcache.layers import merge
from nbcache.policy import build_policy
from nbcache.setting_files import find_layers
from nbcache.store.remote import open_remote


def _merged(folder: Path, notebook: str = "") -> dict[str, Any]:
    layers = find_layers({}, configured={}, notebook=notebook, folder=str(folder), jupyter=())
    return {name: one.value for name, one in merge(layers).items()}


def test_a_project_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """One with settings of nbcache in it; others are none of ours."""
    project = tmp_path / "pyproject.toml"
    project.write_text("[tool.other\n")
    assert _merged(tmp_path) == {}
    project.write_text("[tool.nbcache\nttl = 3\n")
    with pytest.raises(OptionError, match=r"pyproject\.toml: the file can't be read"):
        _merged(tmp_path)
    project.write_text("[tool.nbcache]\nttl = 300\n")
    assert _merged(tmp_path) == {"ttl": 300}


def test_a_slip_in_a_notebooks_metadata_is_told(tmp_path: Path) -> None:
    """Other words that somebody keeps there are left alone."""
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"metadata": {"nbcache": {"ttl": "5h", "colour": "red"}}}))
    assert _merged(tmp_path, str(path)) == {"ttl": "5h"}
    path = tmp_path / "b.ipynb"
    path.write_text(json.dumps({"metadata": {"nbcache": {"tll": 3}}}))
    with pytest.raises(OptionError, match="Did you mean `ttl`"):
        _merged(tmp_path, str(path))


@pytest.mark.parametrize("given", ["ttl=60", ["ttl"], 5])
def test_metadata_of_a_cell_names_its_options(given: object) -> None:
    with pytest.raises(OptionError, match="by name"):
        _cell_options({"nbcache": given})


@pytest.mark.parametrize("given", [None, True, {"ttl": 60}, {"bogus": 1}])
def test_metadata_that_may_be_there(given: object) -> None:
    assert isinstance(_cell_options({"nbcache": given}), dict)


def _key(text: str, **variables: object) -> dict[str, str]:
    policy = build_policy({"key": text}, now=0.0)
    return choose_parts(policy, {"source": "1"}, Subject("binds x", "x = 1", variables, variables))


@pytest.mark.parametrize("text", ["day; n", "(day, n", "day,, n", "f(day", "day = n"])
def test_a_key_that_is_no_expression_is_told(text: str) -> None:
    with pytest.raises(OptionError, match=r"no expression.*quotes of its own"):
        _key(text, day=1, n=2)


@pytest.mark.parametrize("text", ["2026-11-01 final", "run 7", "v1.2.3b", "a/b c"])
def test_a_key_of_words_is_a_text(text: str) -> None:
    assert _key(text) == _key(repr(text))


def test_a_key_function_gets_the_inputs() -> None:
    variables = {"n": 3, "k": lambda context, inputs: inputs["n"] % 2}
    odd = _key("k", **variables)
    assert odd == _key("k", **(variables | {"n": 5})) != _key("k", **(variables | {"n": 4}))


@pytest.mark.parametrize("url", ["s3://", "gs:///", "file://", "redis://"])
def test_a_place_has_a_bucket_or_a_folder(url: str) -> None:
    with pytest.raises(CommandError, match="names no bucket"):
        shared_place_of(url)
    with pytest.raises(StoreError, match="names no bucket"):
        open_remote(url)
