"""Cells that ask the instances behind the global random streams where these stand."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernels import Kernel, kernel

ASKED = {
    "python": (
        "import random; random.seed(2)",
        "random._inst.getstate()[1][-1]",
        "random.random()",
    ),
    "numpy": (
        "import numpy as np; np.random.seed(2)",
        "np.random.mtrand._rand.get_state()[2]",
        "np.random.rand()",
    ),
    "torch": (
        "import torch; torch.manual_seed(3)",
        "torch.default_generator.get_state().tolist()",
        "torch.rand(1)",
    ),
    "its seed": (
        "import torch; torch.manual_seed(3)",
        "torch.default_generator.initial_seed()",
        "torch.manual_seed(4)",
    ),
    "a variable": (
        "import torch; torch.manual_seed(3); g = torch.default_generator",
        "g.get_state().tolist()",
        "torch.rand(1)",
    ),
    "a function": (
        "import torch; torch.manual_seed(3)\n"
        "def where(): return torch.default_generator.get_state().tolist()",
        "where()",
        "torch.rand(1)",
    ),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with kernel(tmp_path_factory.mktemp("streams")) as made:
        yield made


@pytest.mark.parametrize("story", ASKED)
def test_the_position_of_a_stream_is_an_input(running: Kernel, story: str) -> None:
    """The same cell is served where the stream stands as it did, and runs after a draw."""
    setup, asked, draw = ASKED[story]
    if "torch" in setup and not importlib.util.find_spec("torch"):
        pytest.skip("torch is not here")
    running.run(setup)
    cell = f"%%cache\n{asked}"
    first = running.run(cell)
    again = running.run(cell)
    assert (first.state, again.state) == ("miss", "hit")
    running.run(draw)
    later = running.run(cell)
    assert later.state == "stale"
    assert later.text == running.run(asked).text != first.text


def test_naming_an_instance_draws_nothing(tmp_path: Path) -> None:
    """A cell that only takes hold of torch's generator is served in a fresh kernel."""
    pytest.importorskip("torch")
    for expected in ("miss", "hit"):
        with kernel(tmp_path) as made:
            made.run("import torch")
            assert made.run("%%cache\ng = torch.default_generator").state == expected
            assert made.run("g is torch.default_generator").text.strip() == "True"
