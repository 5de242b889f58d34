"""The team's set-up in the documentation: its files are read, its commands and keys are real."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from nbcache.store.opening import open_store
from nbcache.store.signing import load_key

yaml = pytest.importorskip("yaml")
TEAM = Path(__file__).parents[2] / "notebooks" / "team"
FILES = ["compose.yaml", "github.yaml"]


@pytest.mark.parametrize("name", FILES)
def test_recipes_are_yaml_of_the_expected_kind(name):
    """Both recipes parse, and have what their engines ask for."""
    found = yaml.safe_load((TEAM / name).read_text())
    if name == "compose.yaml":
        assert set(found["services"]) == {"objects", "locks"}
        assert all(one["image"] and one["ports"] for one in found["services"].values())
        ports = [port for one in found["services"].values() for port in one["ports"]]
        assert all(port.startswith("127.0.0.1:") for port in ports)
    else:
        steps = found["jobs"]["run"]["steps"]
        assert all(("uses" in step) != ("run" in step) for step in steps)


def test_documented_commands_exist(capsys):
    """Every command line of the pages is one that the program takes."""
    from nbcache.cli.main import main

    text = "".join(path.read_text() for path in TEAM.iterdir())
    commands = set(re.findall(r"jupyter nbcache ([a-z]+)", text))
    assert commands >= {"push", "pull", "bundle", "trust", "prune", "run", "doctor"}
    for command in commands:
        assert main([command, "--help"]) == 0
    told = capsys.readouterr().out
    options = set(re.findall(r"jupyter nbcache [^`\n]*?(--[a-z-]+)", text))
    assert all(option in told for option in options)


def test_the_recipe_makes_a_key_that_signs(tmp_path):
    """What the recipe does with its secret gives a key of the right length and mode."""
    steps = yaml.safe_load((TEAM / "github.yaml").read_text())["jobs"]["run"]["steps"]
    (step,) = [step for step in steps if "KEY" in step.get("env", {})]
    secret = subprocess.run(
        ["bash", "-c", "head -c 32 /dev/urandom | base64"], capture_output=True, check=True
    )
    place = {"NBCACHE_KEY_DIR": str(tmp_path / "keys"), "KEY": secret.stdout.decode().strip()}
    subprocess.run(["bash", "-ec", step["run"]], env={**os.environ, **place}, check=True)
    assert len(load_key(tmp_path / "keys")) == 32


def test_the_members_variables_name_a_store(tmp_path):
    """The store of ``team.env`` opens, at the endpoint and with the key that it names."""
    pytest.importorskip("s3fs")
    pytest.importorskip("cryptography")
    import fsspec

    lines = (TEAM / "team.env").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    told = {}
    fsspec.config.set_conf_env(told, variables)
    assert set(told["s3"]) == {"endpoint_url", "key", "secret"}
    environ = {"NBCACHE_DIR": str(tmp_path / "store"), "NBCACHE_KEY_DIR": str(tmp_path / "keys")}
    store = open_store(variables["NBCACHE_STORE"], environ=environ)
    assert store.remote.url == "s3://team/cache"
