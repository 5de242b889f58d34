"""The main job in a terminal IPython: outputs, results and a dim line of text."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

CELLS = """\
%load_ext nbcache
%cpaste -q
%%cache ttl=60
import sys
print("out"); print("err", file=sys.stderr)
x = [1, 2]
x
--
("again", x, Out[max(Out)] is x, _ is x)
"""


def session(folder: Path) -> str:
    """Run the cells in a new terminal IPython and return all its text."""
    env = {**os.environ, "IPYTHONDIR": str(folder / "ipython"), "NBCACHE_DIR": str(folder / "s")}
    env["NBCACHE_KEY_DIR"] = str(folder / "keys")
    command = [
        sys.executable,
        "-m",
        "IPython",
        "--simple-prompt",
        "--no-banner",
        "--no-confirm-exit",
    ]
    done = subprocess.run(
        [*command, "--colors=NoColor"],
        input=CELLS,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


def test_a_terminal_session_is_served(tmp_path: Path) -> None:
    """The second session shows what the first one showed, and `Out` holds the restored object."""
    cold, warm = session(tmp_path), session(tmp_path)
    assert "ran · miss" in cold
    assert "cached · hit" in warm
    for text in (cold, warm):
        assert re.search(r"out\nOut\[\d+\]: \[1, 2\]", text), text
        assert "err" in text
        assert re.search(r"\('again', \[1, 2\], True, True\)", text), text
