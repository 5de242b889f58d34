"""Arrays over the memory of frames and series that later cells change in place."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from kernels import kernel

pytest.importorskip("pandas", minversion="3.0")

IMPORT = "import numpy as np, pandas as pd; checks = []\n"
TWO = IMPORT + "df = pd.DataFrame({'a': [1.0, 2.0], 'b': [3.0, 4.0]})\n"
FOLLOWS = (
    "np.shares_memory(u, df['a'].to_numpy()), u.tolist(), df['a'].tolist(), [f() for f in checks]"
)
SERVED = {
    "a new column": (TWO + "u = df['a'].to_numpy()", "df['c'] = df['a'] + df['b']"),
    "a new place": (TWO + "u = df['a'].to_numpy()", "df.insert(0, 'n', 1)"),
    "attributes": (TWO + "u = df['a'].to_numpy()", "df.attrs['note'] = 1"),
    "an index": (TWO + "u = df['a'].to_numpy()", "df.index = ['x', 'y']"),
    "another column": (TWO + "u = df['a'].to_numpy()", "df['a'] = df['a'] * 2"),
    "a part of pandas": (TWO + "u = df['a']", "df.loc[0, 'a'] = 7.0"),
    "nobody looks": (TWO + "u = df['a'].to_numpy().copy()", "df.loc[0, 'a'] = 8.0"),
    "in an object": (
        TWO + "class Model: pass\nm = Model(); m.x = df['a'].to_numpy(); u = m.x",
        "df['c'] = 5",
    ),
}
RUN = {
    "a value": (TWO + "u = df['a'].to_numpy()", "df.loc[0, 'a'] = 7.0"),
    "all values": (
        IMPORT + "df = pd.DataFrame({'a': [1.0]}); u = df.values",
        "df.iloc[0, 0] = 5.0",
    ),
    "objects": (
        IMPORT
        + "df = pd.DataFrame({'a': pd.Series(['x', 'y'], dtype=object)}); u = df['a'].values",
        "df.loc[0, 'a'] = 'z'",
    ),
    "an extension array": (
        TWO + "held = [{'of': df['a'].array}]; u = held[0]['of'].to_numpy()",
        "df.loc[0, 'a'] = 7.0",
    ),
    "in a closure": (
        TWO + "def keep(x):\n    return lambda: x\nlook = keep(df['a'].to_numpy()); u = look()",
        "df.loc[0, 'a'] = 7.0",
    ),
    "in another frame's notes": (
        TWO + "other = pd.DataFrame({'k': [1]}); other.attrs['u'] = df['a'].to_numpy()\n"
        "u = df['a'].to_numpy().copy(); checks = [lambda: other.attrs['u'].tolist()]",
        "df.loc[0, 'a'] = 7.0",
    ),
    "in a slot": (
        TWO + "class Slim:\n    __slots__ = 'x'\ns = Slim(); s.x = df['a'].to_numpy()\n"
        "u = s.x.copy(); checks = [lambda: s.x.tolist()]",
        "df.loc[0, 'a'] = 7.0",
    ),
    "an index over it": (
        TWO + "k = pd.Index(df['a'].to_numpy(), copy=False); u = k.to_numpy().copy()\n"
        "checks = [lambda: k.tolist()]",
        "df.loc[0, 'a'] = 7.0",
    ),
    "an iterator": (
        TWO + "f = df['a'].to_numpy().flat; u = df['a'].to_numpy().copy(); checks = [lambda: f[0]]",
        "df.loc[0, 'a'] = 7.0",
    ),
    "a buffer": (
        TWO + "k = np.frombuffer(memoryview(df['a'].to_numpy())); u = k.copy()\n"
        "checks = [lambda: k.tolist()]",
        "df.loc[0, 'a'] = 7.0",
    ),
    "a table of arrow": (
        "import pyarrow as pa\n" + TWO + "t = pa.Table.from_pandas(df); u = df['a'].copy()\n"
        "checks = [lambda: t.to_pylist()]",
        "df.loc[0, 'a'] = 7.0",
    ),
    "a restored view": (
        TWO + "u = df['b'].to_numpy()",
        "df['c'] = 1; v2 = df['a'].to_numpy()",
    ),
}
if importlib.util.find_spec("torch"):
    RUN["a tensor"] = (
        "import torch, warnings; warnings.simplefilter('ignore')\n" + TWO + "u = df['a'].copy()\n"
        "t = torch.from_numpy(df['a'].to_numpy())[1:]; checks = [lambda: t.tolist()]",
        "df.loc[1, 'a'] = 7.0",
    )

LATER = ["df.loc[1, 'a'] = 77.0 if df['a'].dtype == float else 'q'", FOLLOWS]


def test_arrays_go_on_showing_the_frame(tmp_path: Path) -> None:
    """As in a plain kernel, also after what later cells write."""
    expected = {}
    with kernel(load=False, folder=tmp_path) as plain:
        for story, (first, cell) in (SERVED | RUN).items():
            for one in ("%reset -f", first, cell):
                plain.run(one)
            expected[story] = [plain.run(one).text for one in (FOLLOWS, *LATER)]
    for is_warm in (False, True):
        with kernel(tmp_path / "store", folder=tmp_path) as made:
            for story, (first, cell) in (SERVED | RUN).items():
                made.run("%reset -f")
                made.run(first)
                state = made.run(f"%%cache\n{cell}").state
                assert state == ("hit" if is_warm and story in SERVED else "miss"), story
                assert [made.run(one).text for one in (FOLLOWS, *LATER)] == expected[story], story
