"""The signing key: made once, kept private."""

import os
import pathlib
import stat
import subprocess
import sys

import pytest

from nbcache.errors import StoreError, StoreUnavailable
from nbcache.store import signing
from nbcache.store.signing import KEY_NAME, find_key_folder, load_key


def test_key_is_made_once(tmp_path):
    """The first use makes 32 random bytes, later uses return the same."""
    key = load_key(tmp_path / "a")
    assert len(key) == 32
    assert load_key(tmp_path / "a") == key
    assert load_key(tmp_path / "b") != key


def test_key_is_private(tmp_path):
    """Key and folder are open to their owner alone, whatever the umask, and no draft stays."""
    old = os.umask(0)
    try:
        load_key(tmp_path / "keys")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "keys" / KEY_NAME).stat().st_mode) == 0o600
    assert os.listdir(tmp_path / "keys") == [KEY_NAME]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666])
def test_open_key_is_refused(tmp_path, mode):
    """A key that others can read or write is refused, with the way out."""
    load_key(tmp_path)
    (tmp_path / KEY_NAME).chmod(mode)
    with pytest.raises(StoreError, match=r"other users.*Remove it"):
        load_key(tmp_path)


def test_key_of_another_user_is_refused(tmp_path, monkeypatch):
    """A key that belongs to someone else is refused."""
    load_key(tmp_path)
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(StoreError, match="another user"):
        load_key(tmp_path)


def test_linked_key_is_refused(tmp_path):
    """A symbolic link in the key's place is not followed."""
    load_key(tmp_path / "real")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / KEY_NAME).symlink_to(tmp_path / "real" / KEY_NAME)
    with pytest.raises(StoreError, match="cannot be used"):
        load_key(tmp_path / "keys")


def test_short_key_is_refused(tmp_path):
    """A truncated key file is refused instead of signing with fewer bytes."""
    load_key(tmp_path)
    os.truncate(tmp_path / KEY_NAME, 7)
    with pytest.raises(StoreError, match="32 bytes"):
        load_key(tmp_path)


def test_folder_that_cannot_be_made_is_unavailable(tmp_path):
    """Where no key can be written the error names the variable that helps."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="NBCACHE_KEY_DIR"):
        load_key(tmp_path / "file" / "keys")


def test_key_folder_comes_from_the_environment(tmp_path):
    """NBCACHE_KEY_DIR wins over Jupyter's data folder."""
    assert find_key_folder({"NBCACHE_KEY_DIR": str(tmp_path)}) == tmp_path


def test_key_lives_in_jupyter_data_folder(tmp_path, monkeypatch):
    """Without an override the key lives in the user's Jupyter data folder."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    assert find_key_folder({}) == pathlib.Path(tmp_path) / "nbcache"


def test_file_systems_without_hard_links_work(tmp_path, monkeypatch):
    """Where links are not possible the key is created exclusively instead."""

    def refuse(*_):
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(signing.os, "link", refuse)
    key = load_key(tmp_path)
    assert load_key(tmp_path) == key
    assert os.listdir(tmp_path) == [KEY_NAME]


def test_processes_agree_on_one_key(tmp_path):
    """Processes that start at once on a fresh machine end with the same key."""
    code = (
        "import sys; from nbcache.store.signing import load_key; sys.stdin.read();"
        "print(load_key(sys.argv[1]).hex())"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "keys")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for racer in racers:
        racer.stdin.close()
    keys = {racer.stdout.read() for racer in racers}
    assert [racer.wait() for racer in racers] == [0] * 6
    for racer in racers:
        racer.stdout.close()
    assert keys == {load_key(tmp_path / "keys").hex() + "\n"}
