"""Where settings come from, which is stronger, and that a wrong one names its source."""

from __future__ import annotations

import json

import pytest

from nbcache.errors import OptionError
from nbcache.layers import Layer, find_layers, merge, policy_over, store_place
from nbcache.policies import INPUTS
from nbcache.policy import Policy


def layers(folder, environ=(), configured=(), notebook=""):
    return find_layers(
        dict(environ), configured=dict(configured), notebook=notebook, folder=str(folder)
    )


def test_the_order_of_strength(tmp_path):
    """Config file, pyproject, notebook, environment: each is stronger than those before it."""
    inner = tmp_path / "inner"
    inner.mkdir()
    assert layers(inner) == []
    strength = [("c.NBCache", "1m")]
    found = [layers(inner, configured={"ttl": "1m"})]
    (tmp_path / "pyproject.toml").write_text('[tool.nbcache]\nttl = "2m"\nquiet = true\n')
    found.append(layers(inner, configured={"ttl": "1m"}))
    notebook = {"metadata": {"nbcache": {"ttl": "3m", "state": "hit"}}, "cells": []}
    (inner / "n.ipynb").write_text(json.dumps(notebook))
    found.append(layers(inner, configured={"ttl": "1m"}, notebook="n.ipynb"))
    environ = {"NBCACHE_TTL": "4m", "NBCACHE_POLICY": "INPUTS"}
    found.append(layers(inner, environ, {"ttl": "1m"}, "n.ipynb"))
    strength += [("pyproject.toml", "2m"), ("notebook's metadata", "3m"), ("NBCACHE_TTL", "4m")]
    for (origin, ttl), stack in zip(strength, found, strict=True):
        setting = merge(stack)["ttl"]
        assert (setting.value, origin in setting.origin) == (ttl, True)
    policy = policy_over(Policy(), found[-1], 0.0)
    assert (policy.ttl, policy.quiet, policy.policy) == (240.0, True, INPUTS)


def test_a_wrong_setting_names_its_source(tmp_path):
    """An unknown option or a bad value is an error that says where it stands."""
    (tmp_path / "pyproject.toml").write_text("[tool.nbcache]\ntll = 5\n")
    with pytest.raises(OptionError, match=r"\[tool.nbcache\] in .*Did you mean `ttl`"):
        merge(layers(tmp_path))
    with pytest.raises(OptionError, match="NBCACHE_TTL: 'soon' is not a duration"):
        merge(layers("/", {"NBCACHE_TTL": "soon"}))


def test_files_that_are_none_of_ours_say_nothing(tmp_path):
    """A broken pyproject or notebook, and one without our table, are passed over."""
    (tmp_path / "pyproject.toml").write_text("tool.nbcache [")
    (tmp_path / "n.ipynb").write_text("{")
    assert layers(tmp_path, notebook="n.ipynb") == []
    (tmp_path / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    assert layers(tmp_path) == []


def test_stores_have_names():
    """``[tool.nbcache.stores]`` names places; any other text is a place itself."""
    stack = [Layer("pyproject", {"stores": {"team": "/srv/team"}})]
    assert store_place(stack, "team") == "/srv/team"
    assert store_place(stack, "/tmp/x") == store_place([], "/tmp/x") == "/tmp/x"
