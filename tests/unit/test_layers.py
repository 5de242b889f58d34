"""Where settings come from, which is stronger, and that a wrong one names its source."""

from __future__ import annotations

import json
import os

import pytest

from nbcache.errors import OptionError
from nbcache.layers import at_its_place, merge, policy_over, store_bounds
from nbcache.policies import INPUTS
from nbcache.policy import Policy
from nbcache.setting_files import find_layers


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
    (tmp_path / "pyproject.toml").write_text("tool.other [")
    (tmp_path / "n.ipynb").write_text("{")
    assert layers(tmp_path, notebook="n.ipynb") == []
    (tmp_path / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    assert layers(tmp_path) == []


def test_stores_have_names(tmp_path):
    """``[tool.nbcache.stores]`` names places beside it; any text with a slash is a place itself."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.nbcache]\nstore = "team"\n[tool.nbcache.stores]\n'
        'team = "shared"\nfar = "s3://team/cache"\n'
    )
    (tmp_path / "deep").mkdir()
    stack = layers(tmp_path / "deep")
    places = {name: at_its_place(Policy(store=name), stack).store for name in ("team", "far")}
    assert places == {"team": str(tmp_path / "shared"), "far": "s3://team/cache"}
    for place in ("/tmp/x", "./x", "~/x", "redis://host", ""):
        assert at_its_place(Policy(store=place), stack).store == place
    with pytest.raises(OptionError, match=r"Did you mean `team`\? Named stores: far, team"):
        at_its_place(Policy(store="taem"), stack)
    with pytest.raises(OptionError, match=r"^NBCACHE_STORE: .*No store has a name yet.*\./nope"):
        at_its_place(Policy(store="nope"), layers("/", {"NBCACHE_STORE": "nope"}))


def test_jupyter_config_files_speak_too(tmp_path, monkeypatch):
    """``c.NBCache`` in a Jupyter config file counts below the project; a broken file is named."""
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    (tmp_path / "jupyter_config.py").write_text("c.Other.x = 1 / 0\n")  # not ours: not run
    (tmp_path / "jupyter_nbcache_config.json").write_text('{"NBCache": {"version": "9"}}')
    (tmp_path / "pyproject.toml").write_text("[tool.nbcache]\nttl = 5\n")
    mine = tmp_path / "jupyter_nbcache_config.py"
    mine.write_text("c.NBCache.ttl = '1h'\nc.NBCache.quiet = True\n")
    found = merge(layers(tmp_path))
    told = {name: (one.value, one.origin) for name, one in found.items()}
    assert told["quiet"] == (True, f"c.NBCache in {mine}")
    assert told["version"][0] == "9"
    assert told["ttl"][0] == 5
    mine.write_text("c.NBCache.ttl = 'soon'\n")
    os.utime(mine, (1, 1))
    with pytest.raises(OptionError, match=r"jupyter_nbcache_config\.py: 'soon' is not a duration"):
        merge(layers(tmp_path))
    mine.write_text("c.NBCache.ttl = 1 / 0\n")
    with pytest.raises(OptionError, match=r"jupyter_nbcache_config\.py: ZeroDivisionError"):
        layers(tmp_path)


def test_a_project_bounds_no_store_but_its_own(tmp_path):
    """A cloned project can't shrink the store that its user shares among all projects."""
    project = tmp_path / "pyproject.toml"
    project.write_text('[tool.nbcache]\nmax_size = "1MB"\n')
    assert store_bounds(layers(tmp_path), 0.0) == (None, None)
    assert store_bounds(layers(tmp_path, configured={"max_size": "1GB"}), 0.0) == (10**9, None)
    project.write_text('[tool.nbcache]\nmax_size = "3MB"\nmax_age = "1d"\nstore = "./here"\n')
    os.utime(project, (1, 1))
    assert store_bounds(layers(tmp_path), 0.0) == (3 * 10**6, 86400.0)
    elsewhere = {"NBCACHE_STORE": "./elsewhere"}
    assert store_bounds(layers(tmp_path, elsewhere), 0.0) == (None, None)
